"""The fallback sender in forms and reports: what can be chosen, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.campaign import fallback_sender
from campaigns.campaign.fallback_sender import CHOOSABLE, FIELD, Earlier, SenderRoute
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import warnings_of
from campaigns.delivery import canary
from campaigns.web.template_helpers import number
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence


@dataclass(frozen=True, slots=True)
class FallbackFields:
    """The choice as it is shown. `chosen`: the public id of an address; empty: it waits."""

    account: str
    ways: list[SenderRoute]
    chosen: str


def shown(campaign: Campaign, form: Mapping[str, str]) -> FallbackFields | None:
    """Return the fields for the page; None where there is no other account to continue with."""
    now, routes = fallback_sender.route_of(campaign), fallback_sender.other_routes(campaign)
    if now is None or not routes:
        return None
    kept = fallback_sender.chosen_route(campaign)
    chosen = form.get(FIELD, kept.sender.public_id if kept else "")
    return FallbackFields(now.account.name, routes, chosen)


def read(form: Mapping[str, str]) -> str:
    """Return the public id of the chosen address; "": wait until the next day."""
    return form.get(FIELD, "")


def sentences(campaign: Campaign, chosen: SenderRoute | None, *, recipients: int) -> list[str]:
    """Return what will happen because of it; nothing where it makes no difference."""
    now = fallback_sender.route_of(campaign)
    if now is None:
        return []
    if chosen is not None:
        said = _(
            "When the daily limit of %(account)s is used up, it continues from %(sender)s.",
            account=now.account.name,
            sender=chosen.words,
        )
        return [said, *map(sentence, warnings_of(chosen.sender))]
    most = now.account.per_day
    if not 0 < most < recipients:
        return []
    return [
        ngettext(
            "The daily limit of %(account)s is %(count)s email. The rest waits until the next day.",
            "The daily limit of %(account)s is %(count)s emails. The rest waits until the next"
            " day.",
            most,
            account=now.account.name,
            count=number(most),
        )
    ]


@dataclass(frozen=True, slots=True)
class FallbackCard:
    """The part of the report: from where it went before, and from where it may go on."""

    earlier: list[Earlier]
    now: SenderRoute | None
    choice: FallbackFields | None
    can_go_on: bool
    """Somebody may let it go on from another address at once."""


def card(campaign: Campaign) -> FallbackCard | None:
    """None where there is nothing to say and nothing to choose."""
    past = fallback_sender.earlier(campaign)
    is_open = campaign.status in CHOOSABLE
    choice = shown(campaign, {}) if is_open else None
    if not past and choice is None:
        return None
    return FallbackCard(
        earlier=past,
        now=fallback_sender.route_of(campaign),
        choice=choice,
        can_go_on=_can_go_on(campaign),
    )


def can_help(campaign: Campaign) -> bool:
    """Whether another address would help one that waits or is paused for a reason."""
    is_held = bool(campaign.status_reason) and _can_go_on(campaign)
    return is_held and bool(fallback_sender.other_routes(campaign))


def _can_go_on(campaign: Campaign) -> bool:
    return campaign.status in ("sending", "paused") and not canary.is_asking(campaign)
