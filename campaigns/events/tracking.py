"""Events that our own links bring back: an open, a click, an unsubscribe.

Mail programs and scanners fetch a link several times in a row: within one minute that counts
as one happening.
"""

from datetime import datetime

from campaigns.messages import ProviderEvent

MAX_USER_AGENT = 300


def opened(delivery_id: int, *, at: datetime, user_agent: str = "") -> ProviderEvent:
    """Return the event of a fetched pixel."""
    return ProviderEvent(
        kind="opened",
        delivery_id=delivery_id,
        at=at,
        dedupe=f"open:{delivery_id}:{_minute(at)}",
        user_agent=clean_user_agent(user_agent),
    )


def clicked(
    delivery_id: int, link_number: int, *, at: datetime, user_agent: str = ""
) -> ProviderEvent:
    """Return the event of a followed link."""
    return ProviderEvent(
        kind="clicked",
        delivery_id=delivery_id,
        at=at,
        dedupe=f"click:{delivery_id}:{link_number}:{_minute(at)}",
        link_number=link_number,
        user_agent=clean_user_agent(user_agent),
    )


def unsubscribed(delivery_id: int, *, at: datetime, user_agent: str = "") -> ProviderEvent:
    """The person left by the link of this mail. One event, however often they press."""
    return ProviderEvent(
        kind="unsubscribed",
        delivery_id=delivery_id,
        at=at,
        dedupe=f"unsubscribe:{delivery_id}",
        user_agent=clean_user_agent(user_agent),
    )


def clean_user_agent(text: str) -> str:
    """What a program calls itself, without control characters, at most 300 characters."""
    return "".join(char for char in text[:MAX_USER_AGENT] if char.isprintable())


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)
