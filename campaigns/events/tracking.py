"""Events from our own links: opens, clicks, unsubscribes.

Email clients and scanners fetch a link several times in a row: within a minute, this counts as one
event.
"""

from datetime import datetime

from campaigns.messages import ProviderEvent

MAX_USER_AGENT = 300


def opened(delivery_id: int, *, at: datetime, user_agent: str = "") -> ProviderEvent:
    """Return the event of a loaded pixel."""
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
    """Return the event of an unsubscribe through this email; one, however often it is clicked."""
    return ProviderEvent(
        kind="unsubscribed",
        delivery_id=delivery_id,
        at=at,
        dedupe=f"unsubscribe:{delivery_id}",
        user_agent=clean_user_agent(user_agent),
    )


def clean_user_agent(text: str) -> str:
    """Return a User-Agent without control characters, at most 300 characters long."""
    return "".join(char for char in text[:MAX_USER_AGENT] if char.isprintable())


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)
