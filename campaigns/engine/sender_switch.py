"""Let a campaign go on from the address chosen for it when the daily limit is used up."""

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
    """Do so if the plan of its account or this grant says so; whether it was done by this call.

    What was granted before leaves first, whichever worker has it. And not to an account that
    could not send now either: then it waits where it is.
    """
    is_chosen = campaign.overflow_sender_id is not None
    if not is_chosen or not sender_switch.is_used_up(plan, grant, now=utcnow()):
        return False
    way = fallback_sender.chosen_route(campaign)
    if way is None or way.account.id == campaign.provider_id or way.account.trouble:
        return False
    if sender_switch.is_any_claimed(campaign.id) or not _has_room(way.account.id):
        return False
    with transaction():
        did_it = sender_switch.go_on_from(campaign.id, way.sender.id, now=utcnow(), by_itself=True)
    if did_it:
        log.info(
            "daily limit reached; continuing from another sender address",
            campaign=campaign.id,
            account=plan.name,
            address=way.sender.address,
            to_account=way.account.name,
        )
    return did_it


def go_on_with_put_off(campaign: Campaign, provider_id: int) -> bool:
    """Do so where nothing is due, since the server put off all that was left."""
    if campaign.overflow_sender_id is None or not sender_switch.is_any_put_off(campaign.id):
        return False
    return go_on(campaign, load_plan(provider_id, now=utcnow()))


def _has_room(provider_id: int) -> bool:
    """Whether an account is not suspended, and has not used up its day."""
    now = utcnow()
    plan = load_plan(provider_id, now=now)
    if plan.suspended_until is not None and plan.suspended_until > now:
        return False
    most = [most for most in (plan.windows.day, plan.warm_up_per_day) if most]
    used = limiter().standing(provider_id, []).used.get("day", 0)
    return not most or used < min(most)
