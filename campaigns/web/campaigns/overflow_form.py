"""From which address it goes on when the daily limit is used up: chosen in forms, and in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.campaign import fallback_sender
from campaigns.campaign.fallback_sender import CHOOSABLE, Earlier, Way
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import warnings_of
from campaigns.delivery import canary
from campaigns.web.campaigns.plan_form import WishError
from campaigns.web.template_helpers import number

FIELD = "overflow"


@dataclass(frozen=True, slots=True)
class Fields:
    """The choice as it is shown. `chosen`: the public id of an address; empty: it waits."""

    account: str
    ways: list[Way]
    chosen: str


def shown(campaign: Campaign, form: Mapping[str, str]) -> Fields | None:
    """For the page; None where there is no other account to go on by."""
    now, ways = fallback_sender.way_of(campaign), fallback_sender.other_ways(campaign)
    if now is None or not ways:
        return None
    kept = fallback_sender.chosen_way(campaign)
    return Fields(now.account.name, ways, form.get(FIELD, kept.sender.public_id if kept else ""))


def read(campaign: Campaign, form: Mapping[str, str]) -> Way | None:
    """The form as a choice; None: it waits until the next day. Raises WishError."""
    public_id = form.get(FIELD, "")
    if not public_id:
        return None
    for way in fallback_sender.other_ways(campaign):
        if way.sender.public_id == public_id:
            return way
    raise WishError(
        "It cannot go on from that address: it is gone, or it belongs to the same account.", FIELD
    )


def sentences(campaign: Campaign, chosen: Way | None, *, recipients: int) -> list[str]:
    """What will happen because of it. Nothing is said where it makes no difference."""
    now = fallback_sender.way_of(campaign)
    if now is None:
        return []
    when = f"When the daily limit of {now.account.name} is used up,"
    if chosen is not None:
        return [f"{when} it goes on from {chosen.words}.", *warnings_of(chosen.sender)]
    most = now.account.per_day
    if not 0 < most < recipients:
        return []
    return [f"{when} after {number(most)} mails in 24 hours, the rest waits until the next day."]


@dataclass(frozen=True, slots=True)
class Card:
    """The part of the report: from where it went before, and from where it may go on."""

    earlier: list[Earlier]
    now: Way | None
    choice: Fields | None
    can_go_on: bool
    """Somebody may let it go on from another address at once."""


def card(campaign: Campaign) -> Card | None:
    """None where there is nothing to say and nothing to choose."""
    past = fallback_sender.earlier(campaign)
    is_open = campaign.status in CHOOSABLE
    choice = shown(campaign, {}) if is_open else None
    if not past and choice is None:
        return None
    return Card(
        earlier=past,
        now=fallback_sender.way_of(campaign),
        choice=choice,
        can_go_on=_can_go_on(campaign),
    )


def can_help(campaign: Campaign) -> bool:
    """Whether another address would help one that waits or is paused for a reason."""
    is_held = bool(campaign.status_reason) and _can_go_on(campaign)
    return is_held and bool(fallback_sender.other_ways(campaign))


def _can_go_on(campaign: Campaign) -> bool:
    return campaign.status in ("sending", "paused") and not canary.is_asking(campaign)
