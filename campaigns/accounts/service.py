"""Accounts: make, check and change them; the workspace's own data."""

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaigns import addresses
from campaigns.accounts.models import User, Workspace
from campaigns.db import db

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256

_hasher = PasswordHasher()
# Checked when there is no such account, so that the answer takes as long either way.
_NOBODY = _hasher.hash("nobody has this password")


class AccountError(ValueError):
    """The account cannot be made or changed; the message says why."""


def check_password_strength(password: str) -> None:
    """Raises AccountError when the password is too weak."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AccountError(f"The password needs at least {MIN_PASSWORD_LENGTH} characters.")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise AccountError(f"The password may have at most {MAX_PASSWORD_LENGTH} characters.")
    if len(set(password)) < 4:
        raise AccountError("The password repeats too few characters.")


def has_users() -> bool:
    return db.session.scalar(sa.select(User.id).limit(1)) is not None


def find_user(address: str) -> User | None:
    normal = addresses.normalise(address)
    return db.session.scalar(sa.select(User).where(User.address_normal == normal))


def create_user(address: str, password: str, *, name: str = "", now: datetime) -> User:
    """Make an owner's account. Raises AccountError or InvalidAddressError."""
    parsed = addresses.parse(address)
    check_password_strength(password)
    if find_user(parsed.normal) is not None:
        raise AccountError("There is already an account with this address.")
    user = User(
        address=parsed.text,
        address_normal=parsed.normal,
        name=name.strip(),
        password_hash=_hasher.hash(password),
        created_at=now,
    )
    db.session.add(user)
    db.session.flush()
    return user


def verify(address: str, password: str) -> User | None:
    """The user with this address and password, or None. Takes the same time either way."""
    user = find_user(address)
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password[:MAX_PASSWORD_LENGTH])
    except (VerificationError, InvalidHashError):
        return None
    return user


def record_login(user: User, password: str, *, now: datetime) -> None:
    """Remember the login; renew the hash where the parameters have moved on."""
    user.last_login_at = now
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)


def set_password(user: User, password: str) -> None:
    """Set the password and end every other session. Raises AccountError."""
    check_password_strength(password)
    user.password_hash = _hasher.hash(password)
    user.session_epoch += 1


def workspace() -> Workspace:
    """The workspace; its defaults while nobody has saved it yet."""
    return db.session.get(Workspace, 1) or Workspace(
        id=1, name="", postal_address="", time_zone="UTC", undo_seconds=10, demo=False
    )


def save_workspace(**values: object) -> Workspace:
    """Change the workspace's data; makes the row on first use."""
    found = db.session.get(Workspace, 1)
    if found is None:
        found = Workspace(id=1)
        db.session.add(found)
    for name, value in values.items():
        setattr(found, name, value)
    db.session.flush()
    return found


def time_zone() -> ZoneInfo:
    """The workspace's time zone, in which people are told moments."""
    return ZoneInfo(workspace().time_zone)
