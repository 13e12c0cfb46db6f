"""Turn reasons of the domain into sentences in the page's language."""

from collections.abc import Iterator, Mapping
from typing import Any

import flask_babel
from flask import Flask
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from campaigns import formatting
from campaigns.audience.mailbox_providers import name_of
from campaigns.campaign.canary_plan import MeasureName
from campaigns.campaign.preflight import Check
from campaigns.delivery.reasons import reason_of
from campaigns.providers.fields import Text
from campaigns.reason import Reason
from campaigns.web.template_helpers import locale, number, zone
from campaigns.web_limits import UNKNOWN_NETWORK
from campaigns.wording import Words

MEASURE_TITLES: Mapping[MeasureName, Any] = {
    "refusals": lazy_gettext("Refused"),
    "deferrals": lazy_gettext("Deferred"),
    "bounces": lazy_gettext("Bounced later"),
    "complaints": lazy_gettext("Complained"),
}


def register(app: Flask) -> None:
    """Register the filters of this module."""
    app.add_template_filter(sentence)
    app.add_template_filter(spoken)
    app.add_template_filter(reply_words)
    app.add_template_filter(mailbox_name)
    app.add_template_filter(network_name)
    app.add_template_filter(check_lines)
    app.add_template_filter(share)
    app.jinja_env.globals["measure_titles"] = MEASURE_TITLES


def words() -> Words:
    """Return the words in the language of the current page."""
    return Words(locale(), zone())


def sentence(reason: Reason | str | None) -> str:
    """Return a reason, or its stored text, as a sentence."""
    found = Reason.unpack(reason) if isinstance(reason, str) else reason
    return words().of(found) if found else ""


def spoken(text: Text) -> str:
    """Return a reason as a sentence, and a proper name as it is."""
    return text if isinstance(text, str) else sentence(text)


def in_words(problems: Mapping[str, Reason | str]) -> dict[str, str]:
    """Return the problem of each field as a sentence."""
    return {field: sentence(reason) for field, reason in problems.items()}


def describe(word: str) -> str:
    """Return the reason of a delivery, from the word in its row."""
    return sentence(reason_of(word))


def reply_words(reply: str, word: str) -> str:
    """Return a server's reply; for an email that could not be rendered, why, as a sentence.

    `word`: why the delivery is what it is. Only then is the text one of ours.
    """
    return sentence(reply) if word == "unrenderable" else reply


def mailbox_name(group: str) -> str:
    """Return the name of a mailbox provider, or of all that have no group of their own."""
    return name_of(group) or _("All others")


def network_name(network: str) -> str:
    """Return the network of a session, as it was stored at the login."""
    return _("Unknown network") if network == UNKNOWN_NETWORK else network


def check_lines(check: Check) -> Iterator[str]:
    """Return the lines of a preflight row: its text, then its problems with their positions."""
    if check.reason:
        yield sentence(check.reason)
    for problem in check.problems:
        said = sentence(problem.located)
        if problem.field == "subject" and check.name != "subject":
            said = _("Subject: %(problem)s", problem=said)
        elif problem.field == "preheader" and check.name != "preheader":
            said = _("Preheader: %(problem)s", problem=said)
        yield said
    if check.hidden is None:
        yield _("And more.")
    elif check.hidden:
        yield ngettext("And %(num)s more.", "And %(num)s more.", check.hidden)


def share(percent: float) -> str:
    """Format a percentage such as "42.2%"."""
    return formatting.share(percent / 100, locale())


def gettext(message: str, **params: object) -> str:
    """Return a message in the page's language; imported as `_`."""
    return str(flask_babel.gettext(message, **params))


def ngettext(one: str, many: str, num: int, **params: object) -> str:
    """Return a message whose form depends on `num`, which it may show as %(count)s."""
    return str(flask_babel.ngettext(one, many, num, **{"count": number(num), **params}))
