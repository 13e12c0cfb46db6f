"""Health of an account: failures set a time to retry, and the next success clears them.

After the first errors the pause is short. After the fifth in a row it is a minute, then doubles
each time, up to LONGEST_OPEN_SECONDS. When such a pause is over, single messages test the account.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason

FIRST_PAUSE_SECONDS = 2
OPENS_AFTER = 5
FIRST_OPEN_SECONDS = 60
LONGEST_OPEN_SECONDS = 900


def note_trouble(provider_id: int, reason: Reason, *, now: datetime) -> datetime:
    """Record that the account does not work. Returns when it may be tried again.

    Errors during a pause do not count: connections that break together are one failure.
    """
    account = db.session.get_one(ProviderAccount, provider_id, with_for_update=True)
    account.trouble = reason.pack()
    account.trouble_at = account.trouble_at or now
    if account.retry_at is not None and account.retry_at > now:
        return account.retry_at
    account.trouble_count += 1
    account.retry_at = now + timedelta(seconds=pause_seconds(account.trouble_count))
    return account.retry_at


def pause_seconds(count: int) -> int:
    """Return how long an account pauses after this many errors in a row, in seconds."""
    if count < OPENS_AFTER:
        return FIRST_PAUSE_SECONDS << (count - 1)
    return min(FIRST_OPEN_SECONDS << min(count - OPENS_AFTER, 10), LONGEST_OPEN_SECONDS)


def is_open(account: ProviderAccount) -> bool:
    """Return whether it failed often enough to be tested with single messages only."""
    return account.trouble_count >= OPENS_AFTER


def clear(provider_id: int) -> None:
    """Record that the account works."""
    db.session.execute(
        sa.update(ProviderAccount)
        .where(ProviderAccount.id == provider_id, ProviderAccount.trouble_count > 0)
        .values(trouble="", trouble_at=None, trouble_count=0, retry_at=None)
    )
