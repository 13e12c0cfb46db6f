"""Switch a campaign to another sender: when its account's daily limit is used up, or manually.

The automatic switch happens once: the chosen sender (campaign.fallback_sender) is cleared, so two
accounts never pass a campaign back and forth.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign.fallback_sender import entry_of, is_another, locked, route_by, write
from campaigns.campaign.models import Campaign, Claim, Delivery
from campaigns.db import db, in_order
from campaigns.throttling.plan import Grant, Plan

WORTH_SWITCHING = timedelta(minutes=15)
"""Shortest wait that justifies another sender address."""
_ACCOUNT_REASONS = ("throttled", "sender_refused")
"""Reasons that do not apply to another account: the delivery may be sent at once."""


def go_on_from(campaign_id: int, sender_id: int, *, now: datetime, by_itself: bool = False) -> bool:
    """Send the rest from another address, through its account. Returns whether this call did.

    For a sending or paused campaign, whose status stays. Claimed deliveries leave from the old
    address, or are released. `by_itself`: only to the chosen fallback sender. False: the campaign
    is over, someone else was first, or the address uses the same account.
    """
    states = ("sending",) if by_itself else ("sending", "paused")
    campaign = locked(campaign_id, states)
    route = route_by(sender_id)
    if campaign is None or route is None or not is_another(campaign, route):
        return False
    if by_itself and campaign.overflow_sender_id != sender_id:
        return False
    did_it = write(
        campaign,
        now,
        Campaign.status.in_(states),
        sender_id=sender_id,
        provider_id=route.account.id,
        overflow_sender_id=None,
        earlier_senders=[*campaign.earlier_senders, entry_of(campaign, now, by_itself=by_itself)],
        # A waiting campaign no longer waits; a paused one stays paused, with its reason.
        status_reason="" if campaign.status == "sending" else campaign.status_reason,
    )
    if did_it:
        _release(campaign_id, now)
    return did_it


def is_used_up(plan: Plan, grant: Grant, *, now: datetime) -> bool:
    """Return whether the account is blocked for long because its daily limit is used up.

    That is its 24-hour limit, the daily cap of its warm-up, or a reply that says so. Nothing else:
    campaigns of a broken or blocked account must not move to the next account.
    """
    if plan.suspended_until is not None and plan.suspended_until > now:
        return plan.is_quota and plan.suspended_until - now > WORTH_SWITCHING
    held = grant.account
    if grant.total or held is None or held.kind not in ("day", "warm_up"):
        return False
    return held.seconds > WORTH_SWITCHING.total_seconds()


def without_day(plan: Plan) -> Plan:
    """Return the plan without daily limits, for a campaign that switches accounts at its limit."""
    return replace(
        plan,
        windows=replace(plan.windows, day=0),
        warm_up_per_day=None,
        suspended_until=None if plan.is_quota else plan.suspended_until,
    )


def is_any_claimed(campaign_id: int) -> bool:
    """Return whether a worker is sending emails of the campaign."""
    claim = sa.select(Claim.token).where(Claim.campaign_id == campaign_id)
    return db.session.scalar(claim.limit(1)) is not None


def is_any_deferred(campaign_id: int) -> bool:
    """Return whether any waiting delivery could be sent at once from another sender."""
    return (
        db.session.scalar(sa.select(Delivery.id).where(*_deferred(campaign_id)).limit(1))
        is not None
    )


def _release(campaign_id: int, now: datetime) -> None:
    """Make due what the former account's server postponed."""
    late = sa.select(Delivery.id).where(*_deferred(campaign_id), Delivery.not_before > now)
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(late)))
        .values(not_before=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def _deferred(campaign_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Delivery.campaign_id == campaign_id,
        Delivery.reason.in_(_ACCOUNT_REASONS),
        # A literal: otherwise the databases do not use the partial index.
        Delivery.reason != sa.literal_column("''"),
        Delivery.status == "queued",
    )
