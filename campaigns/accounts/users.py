"""Users: create, check and change their accounts."""

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
from campaigns.reason import Reason, ReasonError

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MAX_NAME_LENGTH = 100

_hasher = PasswordHasher()
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$SVsqcZ5F45xSnAnvlTYHjg"
    "$U073Dsos310fN4beUdg2CyXB2/uTqA+uD+OisdmmTvc"
)
"""Hash of a random password, checked if there is no such account, so that the response takes the
same time. A constant, because computing it takes a fifth of a second per process."""


class AccountError(ReasonError):
    """The account cannot be created or changed."""


class AddressTakenError(AccountError):
    """Another account has this address."""

    def __init__(self) -> None:
        super().__init__("account.address_taken", field="address")


class AlreadySetUpError(AccountError):
    """There is an account already."""

    def __init__(self) -> None:
        super().__init__("account.already_set_up")


class HashedPassword(str):
    """The hash of a password that is strong enough. See `hash_password`."""

    __slots__ = ()


def hash_password(password: str) -> HashedPassword:
    """Check and hash a new password. Call it outside of transactions: it can take seconds.

    Raises AccountError if it is too weak, PasswordCheckBusyError if too many are being hashed.
    """
    check_password_strength(password)
    with slots.slot():
        return HashedPassword(_hasher.hash(password))


def _hashed(password: str) -> HashedPassword:
    return password if isinstance(password, HashedPassword) else hash_password(password)


def check_password_strength(password: str) -> None:
    """Raise AccountError if the password is too weak."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AccountError("password.too_short", least=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        raise AccountError("password.too_long", most=MAX_PASSWORD_LENGTH)
    if len(set(password)) < 4:
        raise AccountError("password.too_few_characters")


def has_users() -> bool:
    """Return whether there is any account."""
    return db.session.scalar(sa.select(User.id).limit(1)) is not None


def find_user(address: str) -> User | None:
    """Return the user with this address, in any spelling."""
    normal = addresses.lookup_form(address)
    if "\x00" in normal:  # PostgreSQL refuses NUL
        return None
    return db.session.scalar(sa.select(User).where(User.address_normal == normal))


def create_user(address: str, password: str, *, name: str = "", now: datetime) -> User:
    """Create an owner's account. Raises AccountError or InvalidAddressError."""
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
    """Flush the changes made inside. Raises AddressTakenError if the address is taken.

    A check beforehand is not enough: two concurrent requests would both find it free.
    """
    try:
        with db.session.begin_nested():
            yield
    except sa.exc.IntegrityError:
        raise AddressTakenError from None


def create_first_user(
    address: str, password: str, *, name: str = "", workspace_name: str = "", now: datetime
) -> User:
    """Create the owner's account on the first visit.

    Raises AlreadySetUpError, AccountError or InvalidAddressError. Of two concurrent visitors one
    succeeds: the workspace's only row is the lock, on either database.
    """
    db.session.execute(insert_ignoring(Workspace).values(id=1))
    found = db.session.get_one(Workspace, 1, with_for_update=True)
    if has_users():
        raise AlreadySetUpError
    found.name = one_line(workspace_name)[:MAX_NAME_LENGTH]
    return create_user(address, password, name=name, now=now)


def verify(
    address: str, password: str, *, before: Callable[[], None] = lambda: None
) -> User | None:
    """Return the user with this address and password, or None. Takes the same time either way.

    `before` is called when the check begins and may raise to refuse it. Raises
    PasswordCheckBusyError, before checking anything, if too many checks are running.
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
    """Return a new hash if the parameters have changed. Call it outside of transactions.

    None if they have not, or if too many passwords are being hashed: the next login does it.
    """
    if not _hasher.check_needs_rehash(user.password_hash):
        return None
    try:
        with slots.slot():
            return HashedPassword(_hasher.hash(password[:MAX_PASSWORD_LENGTH]))
    except PasswordCheckBusyError:
        return None


def record_login(user: User, renewed: HashedPassword | None, *, now: datetime) -> None:
    """Store the time of the login, and the password's new hash if there is one."""
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
    problems: dict[str, Reason] = {}
    if len(name) > MAX_NAME_LENGTH:
        problems["name"] = Reason("account.name_too_long", {"most": MAX_NAME_LENGTH})
    try:
        parsed = addresses.parse(address)
        other = find_user(parsed.normal)
        if other is not None and other.id != user.id:
            raise AddressTakenError
    except (AddressTakenError, addresses.InvalidAddressError) as error:
        problems["address"] = error.reason
    if problems:
        raise InvalidInputError(problems)
    if parsed.normal != user.address_normal:
        password_resets.end_all(user.id)  # they were sent to the old address
    try:
        with _address_is_free():
            user.name, user.address, user.address_normal = name, parsed.text, parsed.normal
    except AddressTakenError as error:
        raise InvalidInputError({"address": error.reason}) from None
