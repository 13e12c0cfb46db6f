"""The evidence of a change of consent."""

from dataclasses import dataclass
from datetime import datetime

BY_THE_PERSON = ("form", "page", "one_click", "email")
"""Channels in which the subscriber acts. In all others, a user acts for them."""

MAX_USER_AGENT = 300


@dataclass(frozen=True, slots=True)
class ConsentEvidence:
    """How, when and from where consent changed. Stored as a ConsentEvent.

    `channel`: form, page, one_click, email (to the unsubscribe address, or through the provider),
    manual or import. `wording`: the exact text the person was shown, or who changed it for them.
    `ip` and `user_agent`: of the subscriber's browser.
    """

    channel: str
    at: datetime
    wording: str = ""
    ip: str = ""
    user_agent: str = ""

    @property
    def is_by_the_person(self) -> bool:
        """Whether the subscriber acted, not a user for them."""
        return self.channel in BY_THE_PERSON

    def columns(self) -> dict[str, str | datetime]:
        """Return the values of the columns of ConsentEvent."""
        return {
            "channel": self.channel,
            "at": self.at,
            "wording": self.wording,
            "ip": self.ip,
            "user_agent": self.user_agent[:MAX_USER_AGENT],
        }
