"""Server-side sessions: a cookie is valid only while its record exists.

The cookie contains a random token and the record its hash, so a copy of the database opens no
session. `last_seen_at` is updated at login and by changes, at most every five minutes: reading
pages writes nothing.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import LoginSession, User
from campaigns.db import db, rows_changed
from campaigns.reason import Reason

LASTS = timedelta(days=14)
"""Time after the last login or change at which a session expires."""
SEEN_EVERY = timedelta(minutes=5)
SHOWN = 50
OUTDATED_AT_ONCE = 500


def start(user_id: int, *, network: str, user_agent: str, now: datetime) -> str:
    """Begin a session. Returns the token for the cookie, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        LoginSession(
            user_id=user_id,
            token_hash=token_hash(token),
            network=network,
            device=device_of(user_agent).pack(),
            created_at=now,
            last_seen_at=now,
        )
    )
    db.session.flush()
    return token


def find(token: str, *, now: datetime) -> tuple[LoginSession, User] | None:
    """Return the active session of this token and its user, by one query."""
    found = db.session.execute(
        sa.select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash == token_hash(token), _is_live(now))
    ).one_or_none()
    return (found[0], found[1]) if found else None


def of_user(user_id: int, *, now: datetime) -> Sequence[LoginSession]:
    """Return the active sessions of this user, latest used first."""
    return db.session.scalars(
        sa.select(LoginSession)
        .where(LoginSession.user_id == user_id, _is_live(now))
        .order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
        .limit(SHOWN)
    ).all()


def touch(session_id: int, *, now: datetime) -> None:
    """Update the time of last use."""
    db.session.execute(
        sa.update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=now)
    )


def end(user_id: int, public_id: str) -> bool:
    """End one session of this user. Returns whether it existed."""
    ended = db.session.execute(
        sa.delete(LoginSession).where(
            LoginSession.user_id == user_id, LoginSession.public_id == public_id
        )
    )
    return rows_changed(ended) > 0


def end_all(user_id: int) -> None:
    """End every session of this user."""
    db.session.execute(sa.delete(LoginSession).where(LoginSession.user_id == user_id))


def outdated(now: datetime) -> list[int]:
    """Return the ids of a few hundred expired sessions."""
    return list(
        db.session.scalars(sa.select(LoginSession.id).where(~_is_live(now)).limit(OUTDATED_AT_ONCE))
    )


def delete(session_ids: Collection[int]) -> None:
    """Delete these sessions, at most a few hundred."""
    db.session.execute(sa.delete(LoginSession).where(LoginSession.id.in_(sorted(session_ids))))


def token_hash(token: str) -> str:
    """Return the hash of a token. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _is_live(now: datetime) -> sa.ColumnElement[bool]:
    return LoginSession.last_seen_at > now - LASTS


_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS)/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("ChromeOS", "CrOS"),
    ("macOS", "Mac OS X|Macintosh"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> Reason:
    """Shorten a User-Agent header to a recognizable name, such as `Firefox on Linux`."""
    browser = _first(_BROWSERS, user_agent) or Reason("session.unknown_browser")
    system = _first(_SYSTEMS, user_agent)
    if not system:
        return Reason("session.browser", {"browser": browser})
    return Reason("session.browser_on_system", {"browser": browser, "system": system})


def _first(names: Sequence[tuple[str, str]], text: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, text)), "")
