"""The fallback sender in forms and reports: its choices and their effect."""

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
    """The choice in the form. `chosen`: the public id of an address; empty: wait."""

    account: str
    routes: list[SenderRoute]
    chosen: str


def shown(campaign: Campaign, form: Mapping[str, str]) -> FallbackFields | None:
    """Return the fields for the page; None without another account."""
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
    """Describe the effect in sentences; none if there is no difference."""
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
    """The panel of the report: earlier senders, and possible ones to continue with."""

    earlier: list[Earlier]
    now: SenderRoute | None
    choice: FallbackFields | None
    can_go_on: bool
    """The user may continue from another address at once."""


def card(campaign: Campaign) -> FallbackCard | None:
    """Return the panel; None if there is nothing to show or choose."""
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
    """Return whether another sender would help a waiting or paused campaign."""
    is_held = bool(campaign.status_reason) and _can_go_on(campaign)
    return is_held and bool(fallback_sender.other_routes(campaign))


def _can_go_on(campaign: Campaign) -> bool:
    return campaign.status in ("sending", "paused") and not canary.is_asking(campaign)
