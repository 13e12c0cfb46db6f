"""Switch a campaign to its fallback sender when the daily limit of its account is used up."""

import structlog

from campaigns.campaign import fallback_sender
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.delivery import sender_switch
from campaigns.engine.limiter import limiter
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Grant, Plan

log = structlog.get_logger()


NOTHING = Grant({})


def go_on(campaign: Campaign, plan: Plan, grant: Grant = NOTHING) -> bool:
    """Switch if the plan or this grant shows that the daily limit is used up.

    Deliveries already claimed are sent first, in every worker. If the other account cannot send now
    either, the campaign stays and waits. Returns whether it switched.
    """
    is_chosen = campaign.overflow_sender_id is not None
    if not is_chosen or not sender_switch.is_used_up(plan, grant, now=utcnow()):
        return False
    route = fallback_sender.chosen_route(campaign)
    if route is None or route.account.id == campaign.provider_id or route.account.trouble:
        return False
    if sender_switch.is_any_claimed(campaign.id) or not _has_room(route.account.id):
        return False
    with transaction():
        changed = sender_switch.go_on_from(
            campaign.id, route.sender.id, now=utcnow(), by_itself=True
        )
    if changed:
        log.info(
            "daily limit reached; continuing from another sender address",
            campaign=campaign.id,
            account=plan.name,
            address=route.sender.address,
            to_account=route.account.name,
        )
    return changed


def continue_deferred(campaign: Campaign, provider_id: int) -> bool:
    """Switch if nothing is due because the server deferred everything that is left."""
    if campaign.overflow_sender_id is None or not sender_switch.is_any_deferred(campaign.id):
        return False
    return go_on(campaign, load_plan(provider_id, now=utcnow()))


def _has_room(provider_id: int) -> bool:
    """Return whether an account is not suspended and has capacity left today."""
    now = utcnow()
    plan = load_plan(provider_id, now=now)
    if plan.suspended_until is not None and plan.suspended_until > now:
        return False
    most = [most for most in (plan.windows.day, plan.warm_up_per_day) if most]
    used = limiter().standing(provider_id, []).used.get("day", 0)
    return not most or used < min(most)
