"""Actions of a campaign's buttons. Each shows the result."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import Use
from campaigns.campaign import drafts, lifecycle, series
from campaigns.campaign.drafts import NotEditableError
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import canary, completion
from campaigns.reason import Reason
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, editor_id, url_of
from campaigns.web.campaigns.titles import name_of_copy, title_of
from campaigns.web.deletion import quoted
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


def _do(public_id: str, move: Callable[..., bool], done: str, refused: str, **values: Any) -> bool:
    """Make one guarded change, show the result, and return whether this call made it."""
    campaign = campaign_or_404(public_id)
    with transaction():
        changed = move(campaign.id, now=utcnow(), **values)
    if changed:
        flash(done, "success")
    else:
        flash(f"{IN_WORDS[campaign_or_404(public_id).status]} {refused}", "warning")
    return changed


def back(public_id: str) -> Response:
    """Redirect to the page of the campaign."""
    return redirect(url_of(campaign_or_404(public_id)))


@bp.post("/campaigns/<public_id>/pause")
@access("user")
def pause(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.pause,
        _("Campaign paused"),
        _("It cannot be paused."),
        reason=Reason("status.paused_by_user"),
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/resume")
@access("user")
def resume(public_id: str) -> Response:
    is_anyway = canary.is_asking(campaign_or_404(public_id))
    changed = _do(
        public_id,
        lifecycle.resume,
        _("Sending to all other recipients") if is_anyway else _("Sending resumed"),
        _("It cannot be resumed."),
    )
    if changed:
        services().doorbell.ring("send")
    return back(public_id)


@bp.post("/campaigns/<public_id>/cancel")
@access("user")
def cancel(public_id: str) -> Response:
    _do(
        public_id,
        completion.cancel,
        _("Campaign cancelled"),
        _("It cannot be cancelled."),
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/mark-unknown")
@access("user")
def mark_unknown(public_id: str) -> Response:
    _do(
        public_id,
        completion.mark_unknown,
        _("Recipients marked as unknown"),
        _("It is no longer on hold."),
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/undo")
@access("user")
def undo(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.back_to_draft,
        _("Sending undone. The campaign is a draft again."),
        _("It is too late to undo."),
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/unschedule")
@access("user")
def unschedule(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.back_to_draft,
        _("Moved to drafts"),
        _("It is no longer scheduled."),
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/duplicate")
@access("user")
def duplicate(public_id: str) -> Response:
    old = campaign_or_404(public_id)
    try:
        with transaction():
            copy = drafts.duplicate(
                old.id, name=name_of_copy(old), editor_id=editor_id(), now=utcnow()
            )
    except NotEditableError as error:
        flash(sentence(error.reason), "warning")
        return redirect(url_for("campaigns.index"))
    flash(_("Campaign duplicated"), "success")
    return redirect(url_for("campaigns.edit", public_id=copy.public_id))


@bp.post("/campaigns/<public_id>/delete")
@access("user")
def delete(public_id: str) -> Response:
    campaign = campaign_or_404(public_id)
    title = title_of(campaign)
    with transaction():
        segments = references.segments_using(Use("campaign", campaign.id))
        changed = not segments and drafts.delete(campaign.id)
    if changed:
        flash(_("Draft deleted"), "success")
        return redirect(url_for("campaigns.index"))
    found = campaign_or_404(public_id)
    if segments and found.status == "draft":
        names = quoted([segment.name for segment in segments])
        flash(
            _("These segments use it: %(names)s. Change their rules first.", names=names), "warning"
        )
    elif found.status == "scheduled":
        flash(_("This campaign is scheduled. Move it to drafts before you delete it."), "warning")
    elif (repeats := series.of_template(found.id)) is not None:
        flash(
            _("“%(title)s” is a recurring campaign. Stop it before you delete it.", title=title),
            "warning",
        )
        return redirect(url_for("calendar.series", public_id=repeats.public_id))
    else:
        flash(
            _("Campaigns that have started cannot be deleted: their delivery log is kept."),
            "warning",
        )
    return redirect(url_for("campaigns.index"))
