"""A preflight check as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from campaigns.content.templating.problems import Problem
from campaigns.reason import Reason

Level = Literal["ok", "warning", "problem"]
Fix = Literal["audience", "message", "content", "senders", "domains", "workspace", ""]
"""Where to fix it: a section of the campaign, or a settings page."""

CheckName = Literal[
    "audience", "recipients", "sender", "signature", "subject", "preheader", "content",
    "merge_tags", "starter_text", "size", "links", "placeholders", "images", "unsubscribe",
    "segments", "feed", "postal_address", "public_address",
]  # fmt: skip

_TITLES: Mapping[CheckName, str] = {
    "audience": "preflight.audience",
    "recipients": "preflight.personal_values",
    "sender": "preflight.sender",
    "signature": "preflight.signature",
    "subject": "preflight.subject",
    "preheader": "preflight.preheader",
    "content": "preflight.content",
    "merge_tags": "preflight.merge_tags",
    "starter_text": "preflight.starter_text",
    "size": "preflight.size",
    "links": "preflight.links",
    "placeholders": "preflight.placeholders",
    "images": "preflight.images",
    "unsubscribe": "preflight.unsubscribe",
    "feed": "preflight.feed",
    "segments": "preflight.segments",
    "postal_address": "preflight.postal_address",
    "public_address": "preflight.public_address",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the preflight: what was checked, the finding, and where to fix it.

    `problems` of the content follow the reason; `hidden` more are not shown (None: unknown).
    """

    name: CheckName
    level: Level
    reason: Reason | None
    fix: Fix = ""
    problems: tuple[Problem, ...] = ()
    hidden: int | None = 0

    @property
    def title(self) -> Reason:
        """What was checked."""
        return Reason(_TITLES[self.name])

    @property
    def blocks(self) -> bool:
        """Whether it prevents the launch."""
        return self.level == "problem"


def passed(name: CheckName, code: str, **params: object) -> Check:
    """Return a passed check."""
    return Check(name, "ok", Reason(code, params))


def warning(name: CheckName, fix: Fix, code: str, **params: object) -> Check:
    """Return a check that is worth a second look."""
    return Check(name, "warning", Reason(code, params), fix)


def problem(name: CheckName, fix: Fix, code: str, **params: object) -> Check:
    """Return a check that prevents the launch."""
    return Check(name, "problem", Reason(code, params), fix)
