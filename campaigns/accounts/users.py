"""Accounts: make, check and change them; the workspace's own data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaigns import addresses
from campaigns.accounts import password_resets, sessions
from campaigns.accounts.hashing import PasswordCheckBusyError, slots
from campaigns.accounts.models import User, Workspace
from campaigns.db import db, insert_ignoring
from campaigns.inputs import InvalidInputError, one_line

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MAX_NAME_LENGTH = 100

_hasher = PasswordHasher()
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$SVsqcZ5F45xSnAnvlTYHjg"
    "$U073Dsos310fN4beUdg2CyXB2/uTqA+uD+OisdmmTvc"
)
"""Checked when there is no such account, so that the answer takes as long either way: the hash of
something random. Written down, since to make it costs each process a fifth of a second."""


class AccountError(ValueError):
    """The account cannot be made or changed; the message says why."""


class AddressTakenError(AccountError):
    """Another account has this address."""

    def __init__(self) -> None:
        super().__init__("There is already an account with this address.")


class AlreadySetUpError(AccountError):
    """There is an account already: the first visit is over."""


class HashedPassword(str):
    """The hash of a password that is strong enough. See `hash_password`."""

    __slots__ = ()


def hash_password(password: str) -> HashedPassword:
    """Check and hash a new password; not within a transaction, since it can take seconds.

    Raises AccountError when it is too weak, PasswordCheckBusyError when too many are hashed.
    """
    check_password_strength(password)
    with slots.slot():
        return HashedPassword(_hasher.hash(password))


def _hashed(password: str) -> HashedPassword:
    return password if isinstance(password, HashedPassword) else hash_password(password)


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
    normal = addresses.lookup_form(address)
    if "\x00" in normal:  # PostgreSQL cannot even be asked
        return None
    return db.session.scalar(sa.select(User).where(User.address_normal == normal))


def create_user(address: str, password: str, *, name: str = "", now: datetime) -> User:
    """Make an owner's account. Raises AccountError or InvalidAddressError."""
    parsed = addresses.parse(address)
    hashed = _hashed(password)
    if find_user(parsed.normal) is not None:
        raise AddressTakenError
    user = User(
        address=parsed.text,
        address_normal=parsed.normal,
        name=one_line(name)[:MAX_NAME_LENGTH],
        password_hash=str(hashed),
        created_at=now,
    )
    with _address_is_free():
        db.session.add(user)
    return user


@contextmanager
def _address_is_free() -> Iterator[None]:
    """Write what is changed within. Raises AddressTakenError when somebody else was first.

    Asking before says it sooner, but of two who ask at the same moment both hear that it is free.
    """
    try:
        with db.session.begin_nested():
            yield
    except sa.exc.IntegrityError:
        raise AddressTakenError from None


def create_first_user(
    address: str, password: str, *, name: str = "", workspace_name: str = "", now: datetime
) -> User:
    """Make the owner's account on the first visit.

    Raises AlreadySetUpError, AccountError or InvalidAddressError. Of two visitors who come at
    the same moment one gets in: the workspace's one row is the lock, on either database.
    """
    db.session.execute(insert_ignoring(Workspace).values(id=1))
    found = db.session.get_one(Workspace, 1, with_for_update=True)
    if has_users():
        raise AlreadySetUpError("There is an account already. Please log in.")
    found.name = one_line(workspace_name)[:MAX_NAME_LENGTH]
    return create_user(address, password, name=name, now=now)


def verify(
    address: str, password: str, *, before: Callable[[], None] = lambda: None
) -> User | None:
    """The user with this address and password, or None. Takes the same time either way.

    `before` is called when the check begins and may refuse it by raising. Raises
    PasswordCheckBusyError, before anything was checked, when too many passwords are.
    """
    user = find_user(address)
    with slots.slot():
        before()
        try:
            _hasher.verify(user.password_hash if user else _NOBODY, password[:MAX_PASSWORD_LENGTH])
        except (VerificationError, InvalidHashError):
            return None
    return user


def renewed_hash(user: User, password: str) -> HashedPassword | None:
    """Hash the password anew where the parameters have moved on; not within a transaction.

    None where they have not, or too many passwords are hashed: the next login does it.
    """
    if not _hasher.check_needs_rehash(user.password_hash):
        return None
    try:
        with slots.slot():
            return HashedPassword(_hasher.hash(password[:MAX_PASSWORD_LENGTH]))
    except PasswordCheckBusyError:
        return None


def record_login(user: User, renewed: HashedPassword | None, *, now: datetime) -> None:
    """Remember the login, and the password's new hash where there is one."""
    user.last_login_at = now
    if renewed is not None:
        user.password_hash = str(renewed)


def set_password(user: User, password: str) -> None:
    """Set the password; end every session and every reset link. Raises AccountError."""
    user.password_hash = str(_hashed(password))
    sessions.end_all(user.id)
    password_resets.end_all(user.id)


def change_profile(user: User, *, name: str, address: str) -> None:
    """Set the name and the address to log in with. Raises InvalidInputError."""
    name = one_line(name)
    problems = {}
    if len(name) > MAX_NAME_LENGTH:
        problems["name"] = f"A name may have at most {MAX_NAME_LENGTH} characters."
    try:
        parsed = addresses.parse(address)
        other = find_user(parsed.normal)
        if other is not None and other.id != user.id:
            raise AddressTakenError
    except (AddressTakenError, addresses.InvalidAddressError) as error:
        problems["address"] = str(error)
    if problems:
        raise InvalidInputError(problems)
    if parsed.normal != user.address_normal:
        password_resets.end_all(user.id)  # they were sent to the old address
    try:
        with _address_is_free():
            user.name, user.address, user.address_normal = name, parsed.text, parsed.normal
    except AddressTakenError as error:
        raise InvalidInputError({"address": str(error)}) from None
