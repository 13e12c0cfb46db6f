"""An account's troubles: noted with a time to try again, cleared by the next success."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.models import ProviderAccount

FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 300


def note_trouble(provider_id: int, sentence: str, *, now: datetime) -> datetime:
    """Remember that the account does not work; returns when it may be tried again."""
    account = db.session.get_one(ProviderAccount, provider_id, with_for_update=True)
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(account.trouble_count, 10), LONGEST_PAUSE_SECONDS)
    account.trouble = sentence
    account.trouble_at = account.trouble_at or now
    account.trouble_count += 1
    account.retry_at = now + timedelta(seconds=pause)
    return account.retry_at


def clear(provider_id: int) -> None:
    """It works (again)."""
    db.session.execute(
        sa.update(ProviderAccount)
        .where(ProviderAccount.id == provider_id, ProviderAccount.trouble_count > 0)
        .values(trouble="", trouble_at=None, trouble_count=0, retry_at=None)
    )
