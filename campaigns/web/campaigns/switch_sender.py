"""A campaign on its way: from where it goes on when the daily limit is used up, or at once."""

from flask import flash, request
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import fallback_sender, lifecycle
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import canary, sender_switch
from campaigns.reason import ReasonError
from campaigns.web.campaigns import overflow_form
from campaigns.web.campaigns.actions import back
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404
from campaigns.web.words import sentence


@bp.post("/campaigns/<public_id>/overflow")
@access("user")
def choose_overflow(public_id: str) -> Response:
    """Keep what was chosen for when the daily limit is used up."""
    campaign = campaign_or_404(public_id)
    try:
        route = fallback_sender.route_for(campaign, overflow_form.read(request.form))
    except ReasonError as error:
        flash(sentence(error.reason), "warning")
        return back(public_id)
    with transaction():
        changed = fallback_sender.choose(
            campaign.id, route.sender.id if route else None, now=utcnow()
        )
    if not changed:
        flash(
            f"Nothing can be chosen now. {IN_WORDS[campaign_or_404(public_id).status]}", "warning"
        )
    elif route is None:
        flash("When the daily limit is used up, it waits until the next day.", "success")
    else:
        flash(f"When the daily limit is used up, it goes on from {route.words}.", "success")
        services().doorbell.ring("send")  # it may be used up already
    return back(public_id)


@bp.post("/campaigns/<public_id>/go-on")
@access("user")
def go_on_from(public_id: str) -> Response:
    """Send what is left from another address, from now on. One that is paused is resumed."""
    campaign = campaign_or_404(public_id)
    if canary.is_asking(campaign):
        flash("Decide about the test with a few first before it goes on.", "warning")
        return back(public_id)
    if campaign.status == "paused" and campaign.restored_at is not None:
        flash("Decide about the remaining recipients first.", "warning")
        return back(public_id)
    try:
        route = fallback_sender.route_for(campaign, overflow_form.read(request.form))
    except ReasonError as error:
        flash(sentence(error.reason), "warning")
        return back(public_id)
    if route is None:
        flash("Choose the address from which it goes on.", "warning")
        return back(public_id)
    now = utcnow()
    with transaction():
        changed = sender_switch.go_on_from(campaign.id, route.sender.id, now=now)
        if changed:
            lifecycle.resume(campaign.id, now=now)
    if changed:
        flash(f"Going on from {route.words}. Nobody gets it twice.", "success")
        services().doorbell.ring("send")
    else:
        flash(
            f"It cannot go on from there. {IN_WORDS[campaign_or_404(public_id).status]}", "warning"
        )
    return back(public_id)
