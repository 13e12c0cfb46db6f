"""Reschedule a campaign, and decide about one that missed its time."""

from collections.abc import Mapping

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import schedule, schedule_request
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.reason import ReasonError
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, url_of
from campaigns.web.campaigns.launch import zones
from campaigns.web.campaigns.plan_form import read_schedule
from campaigns.web.campaigns.titles import title_of
from campaigns.web.saving import locked_or_404, refused, saving, seen_again
from campaigns.web.template_helpers import current_workspace, zone
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.route("/campaigns/<public_id>/time", methods=["GET", "POST"])
@access("user")
def new_time(public_id: str) -> str | Response | tuple[str, int]:
    campaign = campaign_or_404(public_id)
    if campaign.status != "scheduled":
        why = _("Only scheduled campaigns can be rescheduled.")
        flash(f"{IN_WORDS[campaign.status]} {why}", "warning")
        return redirect(url_of(campaign))
    if request.method != "POST":
        return _page(campaign)
    now = utcnow()
    try:
        found = schedule_request.resolve_new_time(campaign, read_schedule(request.form), now=now)
    except ReasonError as error:
        return _page(campaign, sentence(error.reason)), 422
    with saving() as problems:
        if campaign_or_404(public_id).status == "scheduled":
            locked_or_404(Campaign, public_id, _times)
        changed = schedule.move(campaign.id, found.plan, now=now)
    if problems:
        return refused(_page(campaign_or_404(public_id), problems=problems), problems)
    if changed:
        done = _("Campaign rescheduled.")
        flash(f"{done} {sentence(found.note)}".strip(), "success")
    else:
        words = IN_WORDS[campaign_or_404(public_id).status]
        why = _("It can no longer be rescheduled.")
        flash(f"{words} {why}", "warning")
    return redirect(url_of(campaign_or_404(public_id)))


def _times(campaign: Campaign) -> list[str]:
    """Return what the form shows."""
    at = campaign.scheduled_at
    return [at.isoformat() if at else "", campaign.local_at]


def _page(campaign: Campaign, error: str = "", *, problems: Mapping[str, str] | None = None) -> str:
    known = schedule.plan_of(campaign)
    shown = known.local_at
    if shown is None:
        at = campaign.scheduled_at or utcnow()
        shown = at.astimezone(zone()).replace(tzinfo=None)
    return render_template(
        "web/campaigns/time.html",
        campaign=campaign,
        title=title_of(campaign),
        shown=shown,
        is_local=known.local_at is not None,
        zones=zones(),
        form=request.form,
        error=error,
        seen=seen_again(_times(campaign), problems),
        problems=problems or {},
    )


@bp.post("/campaigns/<public_id>/send-now")
@access("user")
def send_now(public_id: str) -> Response:
    campaign = campaign_or_404(public_id)
    undo_seconds = current_workspace().undo_seconds
    with transaction():
        changed = schedule.send_now(campaign.id, undo_seconds=undo_seconds, now=utcnow())
    if not changed:
        flash(str(IN_WORDS[campaign_or_404(public_id).status]), "info")
    return redirect(url_for("reports.campaign", public_id=public_id))
