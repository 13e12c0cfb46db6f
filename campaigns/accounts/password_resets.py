"""Reset a password by email, with a link that works once, for half an hour."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import PasswordReset, User
from campaigns.accounts.sessions import token_hash
from campaigns.db import db

GOOD_FOR = timedelta(minutes=30)
OUTDATED_AT_ONCE = 500


def begin(user_id: int, *, expires_at: datetime, now: datetime) -> str:
    """Create the token of a new link; older links of this user stop working."""
    end_all(user_id)
    token = secrets.token_urlsafe(32)
    db.session.add(
        PasswordReset(
            user_id=user_id, token_hash=token_hash(token), created_at=now, expires_at=expires_at
        )
    )
    db.session.flush()
    return token


def find(token: str, *, now: datetime) -> User | None:
    """Return the user of this link; None if it was used, replaced or has expired."""
    return db.session.scalar(
        sa.select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > now)
    )


def take(token: str, *, now: datetime) -> User | None:
    """Use up the link. Of two concurrent calls, one gets the user."""
    user_id = db.session.scalar(
        sa.delete(PasswordReset)
        .where(PasswordReset.token_hash == token_hash(token), PasswordReset.expires_at > now)
        .returning(PasswordReset.user_id)
    )
    return db.session.get(User, user_id) if user_id is not None else None


def end_all(user_id: int) -> None:
    """Invalidate every link of this user."""
    db.session.execute(sa.delete(PasswordReset).where(PasswordReset.user_id == user_id))


def outdated(now: datetime) -> list[int]:
    """Return the ids of a few hundred expired links."""
    return list(
        db.session.scalars(
            sa.select(PasswordReset.id)
            .where(PasswordReset.expires_at <= now)
            .limit(OUTDATED_AT_ONCE)
        )
    )


def delete(reset_ids: Collection[int]) -> None:
    """Delete these links, at most a few hundred."""
    db.session.execute(sa.delete(PasswordReset).where(PasswordReset.id.in_(sorted(reset_ids))))
