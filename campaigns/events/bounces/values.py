"""What an email that came back says: a verdict, with a report for each recipient."""

import re
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from campaigns.providers.classify import ReplyClass

Kind = Literal["bounce", "complaint", "delay", "auto-reply", "delivered", "unknown"]
Hardness = Literal["hard", "soft", "none"]


@dataclass(frozen=True, slots=True)
class Report:
    """What it says about one recipient."""

    kind: Kind
    recipient: str = ""
    reply_class: ReplyClass | Literal[""] = ""
    status: str = ""
    """The enhanced code, such as "5.1.1"."""
    reply_code: int = 0
    reply: str = ""
    """The words of the server."""


@dataclass(frozen=True, slots=True)
class BounceVerdict:
    """What an email is, by the strongest evidence in it. Contradictory evidence is no evidence."""

    kind: Kind = "unknown"
    reports: tuple[Report, ...] = ()
    feedback_type: str = ""
    message_ids: tuple[str, ...] = ()
    """Message-IDs of the email that it is about."""
    tokens: tuple[str, ...] = ()
    """What looks like a delivery token of ours, in the order of trust. Not verified."""
    is_unsubscribe: bool = False
    """Whether a person asks to be unsubscribed, by writing to an address with a token."""
    return_domain: str = ""
    """Domain of the return address that it was sent to, whose token is not verified."""
    sent_at: str = ""
    """Time of the event, as stated in the email."""
    user_agent: str = ""
    ip: str = ""

    @property
    def main(self) -> Report:
        """The report that stands for the email: that of the first recipient."""
        return self.reports[0] if self.reports else Report(self.kind)

    @property
    def hardness(self) -> Hardness:
        """Whether the address is gone."""
        return hardness(self.main)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients that it is about, each once."""
        return tuple(dict.fromkeys(one.recipient for one in self.reports if one.recipient))


def hardness(report: Report) -> Hardness:
    """Return "hard" if the address is gone, "soft" for every other trouble, else "none"."""
    if report.kind not in ("bounce", "delay"):
        return "none"
    return "hard" if report.kind == "bounce" and report.reply_class == "hard" else "soft"


_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]+")


def storable(value: Any) -> Any:
    """Return a verdict, or a part of it, with texts that databases and pages accept.

    Some charsets, encoded words and JSON can spell NUL and lone surrogates.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, tuple):
        return tuple(storable(one) for one in value)
    if isinstance(value, BounceVerdict | Report):
        return replace(
            value, **{one.name: storable(getattr(value, one.name)) for one in fields(value)}
        )
    return value
