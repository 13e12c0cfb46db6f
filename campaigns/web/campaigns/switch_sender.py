"""Switch a sending campaign to another sender: at its daily limit, or now."""

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
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.post("/campaigns/<public_id>/overflow")
@access("user")
def choose_overflow(public_id: str) -> Response:
    """Store the choice for when the daily limit is used up."""
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
        flash(str(IN_WORDS[campaign_or_404(public_id).status]), "warning")
    elif route is None:
        flash(_("At the daily limit, sending waits until the next day."), "success")
    else:
        flash(
            _("At the daily limit, sending switches to %(sender)s.", sender=route.words), "success"
        )
        services().doorbell.ring("send")  # the limit may already be used up
    return back(public_id)


@bp.post("/campaigns/<public_id>/go-on")
@access("user")
def go_on_from(public_id: str) -> Response:
    """Send the rest from another address, from now on. Resumes a paused campaign."""
    campaign = campaign_or_404(public_id)
    if canary.is_asking(campaign):
        flash(_("Decide about the test group first."), "warning")
        return back(public_id)
    if campaign.status == "paused" and campaign.restored_at is not None:
        flash(_("Decide about the remaining recipients first."), "warning")
        return back(public_id)
    try:
        route = fallback_sender.route_for(campaign, overflow_form.read(request.form))
    except ReasonError as error:
        flash(sentence(error.reason), "warning")
        return back(public_id)
    if route is None:
        flash(_("Choose the address to send from."), "warning")
        return back(public_id)
    now = utcnow()
    with transaction():
        changed = sender_switch.go_on_from(campaign.id, route.sender.id, now=now)
        if changed:
            lifecycle.resume(campaign.id, now=now)
    if changed:
        flash(_("Sending continues from %(sender)s.", sender=route.words), "success")
        services().doorbell.ring("send")
    else:
        why = _("It cannot switch its sender.")
        flash(f"{IN_WORDS[campaign_or_404(public_id).status]} {why}", "warning")
    return back(public_id)
