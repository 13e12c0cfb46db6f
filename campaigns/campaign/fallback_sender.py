"""The sender that a campaign continues with when its account's daily limit is used up.

It is `overflow_sender_id`; without one, the campaign waits until the next day.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import shown_address
from campaigns.campaign.models import Campaign
from campaigns.db import db, rows_changed
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import ReasonError
from campaigns.stored import from_stored

FIELD = "overflow"
CHOOSABLE = ("draft", "scheduled", "preparing", "sending", "paused")


@dataclass(frozen=True, slots=True)
class SenderRoute:
    """A sender address and its account."""

    sender: SenderAddress
    account: ProviderAccount

    @property
    def words(self) -> str:
        """The sender as shown to users: name, address and account."""
        name = f"{self.sender.name} " if self.sender.name else ""
        return f"{name}<{shown_address(self.sender.address)}> ({self.account.name})"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A sender that a campaign used earlier, and until when."""

    address: str
    account: str
    until: datetime
    provider_id: int | None = None
    sender_id: int | None = None
    by_itself: bool = False
    """The daily limit of this account was used up."""


def route_of(campaign: Campaign) -> SenderRoute | None:
    """Return the route that a campaign uses now, or would use."""
    found = route_by(campaign.sender_id)
    if found is None or campaign.status in ("draft", "scheduled"):
        return found
    # The account was frozen at the start: the address may use another one now.
    account = db.session.get(ProviderAccount, campaign.provider_id or 0)
    return SenderRoute(found.sender, account) if account is not None else found


def chosen_route(campaign: Campaign) -> SenderRoute | None:
    """Return the route to continue with when the daily limit is used up. None: wait."""
    return route_by(campaign.overflow_sender_id)


def other_routes(campaign: Campaign) -> list[SenderRoute]:
    """Return the possible routes: addresses of all other accounts, the default first."""
    now = route_of(campaign)
    rows = db.session.execute(
        sa.select(SenderAddress, ProviderAccount)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(SenderAddress.provider_id != (now.account.id if now else 0))
        .order_by(SenderAddress.is_default.desc(), SenderAddress.address)
    )
    return [SenderRoute(sender, account) for sender, account in rows] if now else []


def route_for(campaign: Campaign, public_id: str) -> SenderRoute | None:
    """Return the route of this sender address; None for "": the campaign waits.

    Raises ReasonError if the campaign cannot continue from it.
    """
    if not public_id:
        return None
    for route in other_routes(campaign):
        if route.sender.public_id == public_id:
            return route
    raise ReasonError("schedule.no_such_sender", field=FIELD)


def earlier(campaign: Campaign) -> list[Earlier]:
    """Return the senders used earlier, oldest first."""
    return [
        from_stored(Earlier, {**kept, "until": datetime.fromisoformat(kept["until"])})
        for kept in campaign.earlier_senders
    ]


def as_planned(campaign: Campaign) -> tuple[int | None, int | None]:
    """Return (sender_id, overflow_sender_id) as they were before a switch."""
    past = earlier(campaign)
    if not past or past[0].sender_id is None or route_by(past[0].sender_id) is None:
        return campaign.sender_id, campaign.overflow_sender_id
    following = past[1].sender_id if len(past) > 1 else campaign.sender_id
    return past[0].sender_id, following if past[0].by_itself else campaign.overflow_sender_id


def choose(campaign_id: int, sender_id: int | None, *, now: datetime) -> bool:
    """Set the address to continue from when the daily limit is used up. None: wait.

    False for an address of the same account, or if the campaign is over.
    """
    campaign = locked(campaign_id, CHOOSABLE)
    if campaign is None:
        return False
    if sender_id is not None and not is_another(campaign, route_by(sender_id)):
        return False
    return write(campaign, now, Campaign.status.in_(CHOOSABLE), overflow_sender_id=sender_id)


def route_by(sender_id: int | None) -> SenderRoute | None:
    """Return the route of a sender address; None if it has no account."""
    sender = db.session.get(SenderAddress, sender_id) if sender_id is not None else None
    account = db.session.get(ProviderAccount, sender.provider_id) if sender is not None else None
    return SenderRoute(sender, account) if sender is not None and account is not None else None


def is_another(campaign: Campaign, route: SenderRoute | None) -> bool:
    """Return whether this route uses an account other than the campaign's."""
    now = route_of(campaign)
    return route is not None and (now is None or route.account.id != now.account.id)


def locked(campaign_id: int, states: tuple[str, ...]) -> Campaign | None:
    """Lock a campaign that is in one of these states; None if it is not."""
    campaign = db.session.get(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    return campaign if campaign is not None and campaign.status in states else None


def write(campaign: Campaign, now: datetime, *also: sa.ColumnElement[bool], **values: Any) -> bool:
    """Update a campaign if it has not changed since it was read. Returns whether it did."""
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


def entry_of(campaign: Campaign, now: datetime, *, by_itself: bool) -> dict[str, Any]:
    """Return the entry that `earlier` reads, with names, as addresses may be deleted."""
    route = route_of(campaign)
    return {
        "address": route.sender.address if route else "",
        "account": route.account.name if route else "",
        "until": now.isoformat(),
        "provider_id": campaign.provider_id,
        "sender_id": campaign.sender_id,
        "by_itself": by_itself,
    }
