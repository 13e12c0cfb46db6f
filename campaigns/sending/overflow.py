"""Another sender address: when the daily limit of an account is used up, or by hand.

`overflow_sender_id` says from where it goes on by itself; without one it waits until the next
day. It goes on so once: then nothing is chosen any more, and no two addresses play ball with it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.sending.limits.plan import Grant, Plan
from campaigns.sending.models import Campaign, Claim, Delivery

WORTH_GOING_ON = timedelta(minutes=15)
"""A shorter wait is no reason to show readers another address."""
CHOOSABLE = ("draft", "scheduled", "preparing", "sending", "paused")
_OF_THE_WAY = ("throttled", "sender_refused")
"""Why a delivery waits when only the way is at fault: by another way it may go at once."""


@dataclass(frozen=True, slots=True)
class Way:
    """A sender address, and the account by which its mail leaves."""

    sender: SenderAddress
    account: ProviderAccount

    @property
    def words(self) -> str:
        name = f"{self.sender.name} " if self.sender.name else ""
        return f"{name}<{self.sender.address}> ({self.account.name})"


@dataclass(frozen=True, slots=True)
class Earlier:
    """From where a campaign went before, and until when."""

    address: str
    account: str
    until: datetime
    provider_id: int | None = None
    sender_id: int | None = None
    by_itself: bool = False
    """The daily limit of this account was used up."""


def way_of(campaign: Campaign) -> Way | None:
    """By which it goes now, or would go."""
    found = _way(campaign.sender_id)
    if found is None or campaign.status in ("draft", "scheduled"):
        return found
    # Its account was frozen when it started: the address may have another one since.
    account = db.session.get(ProviderAccount, campaign.provider_id or 0)
    return Way(found.sender, account) if account is not None else found


def chosen_way(campaign: Campaign) -> Way | None:
    """By which it goes on when the daily limit is used up; None: it waits."""
    return _way(campaign.overflow_sender_id)


def other_ways(campaign: Campaign) -> list[Way]:
    """By which it could go on: the addresses of all other accounts, the default one first."""
    now = way_of(campaign)
    rows = db.session.execute(
        sa.select(SenderAddress, ProviderAccount)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(SenderAddress.provider_id != (now.account.id if now else 0))
        .order_by(SenderAddress.is_default.desc(), SenderAddress.address)
    )
    return [Way(sender, account) for sender, account in rows] if now else []


def earlier(campaign: Campaign) -> list[Earlier]:
    """From where it went before, the oldest first."""
    return [
        Earlier(**{**kept, "until": datetime.fromisoformat(kept["until"])})
        for kept in campaign.earlier_senders
    ]


def as_planned(campaign: Campaign) -> tuple[int | None, int | None]:
    """(sender_id, overflow_sender_id) as they were before it went on from another address."""
    past = earlier(campaign)
    if not past or past[0].sender_id is None or _way(past[0].sender_id) is None:
        return campaign.sender_id, campaign.overflow_sender_id
    following = past[1].sender_id if len(past) > 1 else campaign.sender_id
    return past[0].sender_id, following if past[0].by_itself else campaign.overflow_sender_id


def choose(campaign_id: int, sender_id: int | None, *, now: datetime) -> bool:
    """From this address it goes on when the daily limit is used up; None: it waits until then.

    False for an address of the same account, or when the campaign is over.
    """
    campaign = _locked(campaign_id, CHOOSABLE)
    if campaign is None:
        return False
    if sender_id is not None and not _is_another(campaign, _way(sender_id)):
        return False
    return _write(campaign, now, Campaign.status.in_(CHOOSABLE), overflow_sender_id=sender_id)


def go_on_from(campaign_id: int, sender_id: int, *, now: datetime, by_itself: bool = False) -> bool:
    """Let what was not sent yet leave from another address, by its account; whether this did it.

    For a campaign that is being sent or paused; it stays so. What was claimed already leaves as
    it was made, or comes back. `by_itself`: only from the address that was chosen for it.
    False: it is over, somebody was first, or the address has no other account.
    """
    states = ("sending",) if by_itself else ("sending", "paused")
    campaign = _locked(campaign_id, states)
    way = _way(sender_id)
    if campaign is None or way is None or not _is_another(campaign, way):
        return False
    if by_itself and campaign.overflow_sender_id != sender_id:
        return False
    did_it = _write(
        campaign,
        now,
        Campaign.status.in_(states),
        sender_id=sender_id,
        provider_id=way.account.id,
        overflow_sender_id=None,
        earlier_senders=[*campaign.earlier_senders, _kept(campaign, now, by_itself=by_itself)],
        # A campaign that waited does so no more; one that was paused still is, for its reason.
        status_reason="" if campaign.status == "sending" else campaign.status_reason,
    )
    if did_it:
        _release(campaign_id, now)
    return did_it


def is_used_up(plan: Plan, grant: Grant, *, now: datetime) -> bool:
    """Whether nothing goes for a good while because the whole account's day is used up.

    That is its limit of 24 hours, its warm-up's cap of the day, or a reply that says so. Nothing
    else: an account that is broken or blocked must not lead its campaigns to the next one.
    """
    if plan.suspended_until is not None and plan.suspended_until > now:
        return plan.is_quota and plan.suspended_until - now > WORTH_GOING_ON
    held = grant.account
    if grant.total or held is None or held.kind not in ("day", "warm_up"):
        return False
    return held.seconds > WORTH_GOING_ON.total_seconds()


def without_day(plan: Plan) -> Plan:
    """The plan of an account whose campaign goes on by another one when its day is used up."""
    return replace(
        plan,
        windows=replace(plan.windows, day=0),
        warm_up_per_day=None,
        suspended_until=None if plan.is_quota else plan.suspended_until,
    )


def is_any_claimed(campaign_id: int) -> bool:
    """Whether some worker has mails of it on their way."""
    claim = sa.select(Claim.token).where(Claim.campaign_id == campaign_id)
    return db.session.scalar(claim.limit(1)) is not None


def is_any_put_off(campaign_id: int) -> bool:
    """Whether anybody waits who would get it at once by another way."""
    return (
        db.session.scalar(sa.select(Delivery.id).where(*_put_off(campaign_id)).limit(1)) is not None
    )


def _way(sender_id: int | None) -> Way | None:
    sender = db.session.get(SenderAddress, sender_id) if sender_id is not None else None
    account = db.session.get(ProviderAccount, sender.provider_id) if sender is not None else None
    return Way(sender, account) if sender is not None and account is not None else None


def _is_another(campaign: Campaign, way: Way | None) -> bool:
    """Whether this is by another account than the campaign's."""
    now = way_of(campaign)
    return way is not None and (now is None or way.account.id != now.account.id)


def _locked(campaign_id: int, states: tuple[str, ...]) -> Campaign | None:
    campaign = db.session.get(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    return campaign if campaign is not None and campaign.status in states else None


def _write(campaign: Campaign, now: datetime, *also: sa.ColumnElement[bool], **values: Any) -> bool:
    changed = db.session.execute(
        sa.update(Campaign)
        .where(
            Campaign.id == campaign.id,
            Campaign.sender_id.is_not_distinct_from(campaign.sender_id),
            *also,
        )
        .values(updated_at=now, **values)
    )
    return rows_changed(changed) == 1


def _kept(campaign: Campaign, now: datetime, *, by_itself: bool) -> dict[str, Any]:
    """As `earlier` reads it. The names stay when the address or the account is deleted."""
    way = way_of(campaign)
    return {
        "address": way.sender.address if way else "",
        "account": way.account.name if way else "",
        "until": now.isoformat(),
        "provider_id": campaign.provider_id,
        "sender_id": campaign.sender_id,
        "by_itself": by_itself,
    }


def _release(campaign_id: int, now: datetime) -> None:
    """What the former account's server put off is due now."""
    db.session.execute(
        sa.update(Delivery)
        .where(*_put_off(campaign_id), Delivery.not_before > now)
        .values(not_before=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def _put_off(campaign_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Delivery.campaign_id == campaign_id,
        Delivery.reason.in_(_OF_THE_WAY),
        # Written out: only so do both databases see that the partial index fits.
        Delivery.reason != sa.literal_column("''"),
        Delivery.status == "queued",
    )
