"""What can be done to a campaign by one press: each says what happened."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import drafts, lifecycle, series
from campaigns.campaign.drafts import NotEditableError
from campaigns.campaign.title import title_of
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import canary, completion
from campaigns.reason import Reason
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, editor_id, url_of


def _do(public_id: str, move: Callable[..., bool], done: str, refused: str, **values: Any) -> bool:
    """Make one guarded move and say what came of it; whether this call did it."""
    campaign = campaign_or_404(public_id)
    with transaction():
        changed = move(campaign.id, now=utcnow(), **values)
    if changed:
        flash(done, "success")
    else:
        flash(f"{refused} {IN_WORDS[campaign_or_404(public_id).status]}", "warning")
    return changed


def back(public_id: str) -> Response:
    """To the page where the campaign is at home now."""
    return redirect(url_of(campaign_or_404(public_id)))


@bp.post("/campaigns/<public_id>/pause")
@access("user")
def pause(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.pause,
        "Paused. Mails already handed over cannot be called back; the others wait here.",
        "This campaign cannot be paused now.",
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
        "Going on anyway: everybody else gets it now, and nobody gets it twice."
        if is_anyway
        else "Going on. Nobody gets it twice.",
        "This campaign cannot go on now.",
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
        "Cancelled. Everybody who was still waiting gets nothing.",
        "This campaign cannot be cancelled now.",
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/mark-unknown")
@access("user")
def mark_unknown(public_id: str) -> Response:
    _do(
        public_id,
        completion.mark_unknown,
        "Remaining recipients marked as unknown. Nothing more is sent.",
        "This campaign is not on hold any more.",
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/undo")
@access("user")
def undo(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.back_to_draft,
        "Taken back. Nothing was sent: the campaign is a draft again.",
        "It is too late to take it back.",
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/unschedule")
@access("user")
def unschedule(public_id: str) -> Response:
    _do(
        public_id,
        lifecycle.back_to_draft,
        "No longer scheduled: the campaign is a draft again.",
        "This campaign is not scheduled any more.",
    )
    return back(public_id)


@bp.post("/campaigns/<public_id>/duplicate")
@access("user")
def duplicate(public_id: str) -> Response:
    old = campaign_or_404(public_id)
    try:
        with transaction():
            copy = drafts.duplicate(old.id, editor_id=editor_id(), now=utcnow())
    except NotEditableError as error:
        flash(str(error), "warning")
        return redirect(url_for("campaigns.index"))
    flash("Copied. Nothing has been sent: this is a new draft.", "success")
    return redirect(url_for("campaigns.edit", public_id=copy.public_id))


@bp.post("/campaigns/<public_id>/delete")
@access("user")
def delete(public_id: str) -> Response:
    campaign = campaign_or_404(public_id)
    title = title_of(campaign.name, campaign.subject)
    with transaction():
        changed = drafts.delete(campaign.id)
    if changed:
        flash(f"“{title}” has been deleted.", "success")
        return redirect(url_for("campaigns.index"))
    found = campaign_or_404(public_id)
    if found.status == "scheduled":
        flash("Take it back to a draft first: a scheduled campaign is not deleted.", "warning")
    elif (repeats := series.of_template(found.id)) is not None:
        flash(
            f"“{title}” repeats: a copy of it goes out each time. End that here first.", "warning"
        )
        return redirect(url_for("calendar.series", public_id=repeats.public_id))
    else:
        flash(
            f"“{title}” is kept. {IN_WORDS[found.status]} "
            "Every recipient stays accounted for, so campaigns that have started are not deleted.",
            "warning",
        )
    return redirect(url_for("campaigns.index"))
