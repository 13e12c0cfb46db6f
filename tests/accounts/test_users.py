"""User accounts and the workspace."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask

from campaigns.accounts import sessions, users
from campaigns.accounts.hashing import Slots
from campaigns.accounts.models import User, Workspace
from campaigns.accounts.workspace import (
    WorkspaceInput,
    change_workspace,
    load_workspace,
    save_workspace,
    workspace_zone,
)
from campaigns.addresses import InvalidAddressError
from campaigns.db import db, is_postgresql, transaction
from campaigns.inputs import InvalidInputError, one_line, several_lines
from tests.conftest import HASH_OF_NOBODY, REAL_HASHER
from tests.english import refused

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
TAKEN = "account.address_taken"


def an_owner(address: str = "Owner@Example.org") -> User:
    with transaction():
        return users.create_user(address, PASSWORD, name=" Olga  Owner ", now=NOW)


def test_an_account_is_found_by_any_spelling_of_its_address(app: Flask) -> None:
    owner = an_owner()
    assert users.verify(" OWNER@example.ORG ", PASSWORD) is owner
    assert owner.name == "Olga Owner"


def test_an_account_is_found_by_the_international_form_of_its_address(app: Flask) -> None:
    owner = an_owner("ren\u00e9@b\u00fccher.example")
    for typed in ("ren\u00e9@b\u00fccher.example", "RENE\u0301@xn--bcher-kva.example"):
        assert users.verify(typed, PASSWORD) is owner


@pytest.mark.parametrize(
    "password", ["", "wrong", PASSWORD + " ", PASSWORD.upper(), "\x00", "ü" * 9]
)
def test_a_wrong_password_is_refused(app: Flask, password: str) -> None:
    an_owner()
    assert users.verify("owner@example.org", password) is None


@pytest.mark.parametrize("address", ["", "nobody@example.org", "a\x00b@example.org", "x" * 10_000])
def test_an_unknown_address_is_refused(app: Flask, address: str) -> None:
    an_owner()
    assert users.verify(address, PASSWORD) is None


def test_an_unknown_address_computes_a_hash_as_well(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_owner()
    checked: list[str | bytes] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            checked.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(users, "_hasher", Counting())
    users.verify("owner@example.org", "wrong")
    users.verify("nobody@example.org", "wrong")
    assert len(checked) == 2


def test_a_hash_with_old_parameters_is_renewed_at_the_next_login(app: Flask) -> None:
    owner = an_owner()
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with transaction():
        owner.password_hash = old
    renewed = users.renewed_hash(owner, PASSWORD)
    assert renewed is not None
    with transaction():
        users.record_login(owner, renewed, now=NOW)
    assert owner.password_hash != old
    assert users.verify("owner@example.org", PASSWORD) is owner
    assert users.renewed_hash(owner, PASSWORD) is None
    with transaction():
        users.record_login(owner, None, now=NOW)
    assert owner.password_hash == renewed


def test_renewing_a_hash_waits_while_too_many_are_computed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = an_owner()
    with transaction():
        owner.password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")
    full = Slots(1, 0, 0.0)
    monkeypatch.setattr(users, "slots", full)
    with full.slot():
        assert users.renewed_hash(owner, "x") is None


@pytest.mark.parametrize("password", ["short", "a" * 20, "ab" * 10, "x" * 257])
def test_a_weak_password_is_refused(app: Flask, password: str) -> None:
    with pytest.raises(users.AccountError), transaction():
        users.create_user("owner@example.org", password, now=NOW)
    assert not users.has_users()


def test_addresses_of_users_are_unique(app: Flask) -> None:
    an_owner()
    with refused(users.AccountError, "already"):
        an_owner("OWNER@example.org")


def test_a_new_password_ends_every_session(app: Flask) -> None:
    owner = an_owner()
    with transaction():
        token = sessions.start(owner.id, network="", user_agent="", now=NOW)
    assert sessions.find(token, now=NOW) is not None
    with transaction():
        users.set_password(owner, "another good password")
    assert sessions.find(token, now=NOW) is None
    assert users.verify("owner@example.org", PASSWORD) is None


def test_the_first_visit_creates_owner_and_workspace(app: Flask) -> None:
    with transaction():
        users.create_first_user(
            "owner@example.org", PASSWORD, workspace_name="Harbour\r\nCoffee", now=NOW
        )
    assert load_workspace().name == "Harbour Coffee"


def test_a_failed_first_visit_leaves_nothing_behind(app: Flask) -> None:
    with pytest.raises(InvalidAddressError), transaction():
        users.create_first_user("nonsense", PASSWORD, now=NOW)
    assert db.session.scalar(sa.select(sa.func.count(Workspace.id))) == 0


@pytest.mark.parametrize("has_workspace", [False, True])
def test_of_concurrent_first_visitors_one_becomes_owner(app: Flask, has_workspace: bool) -> None:
    if has_workspace:
        with transaction():
            save_workspace(name="Made before")
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def visit(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    users.create_first_user(f"visitor{number}@example.org", PASSWORD, now=NOW)
                outcomes.append("in")
            except users.AlreadySetUpError:
                outcomes.append("refused")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count(User.id))) == 1


def concurrently(app: Flask, *works: Callable[[], object]) -> list[str]:
    """Run each in its own thread and transaction; return the error of each, or ""."""
    start, outcomes = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    work()
                outcomes.append("")
            except (users.AccountError, InvalidInputError) as error:
                outcomes.append(str(error))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return sorted(outcomes)


def everyone_reads_before_one_writes(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """On PostgreSQL everyone finds the address free. On SQLite they run one after the other."""
    if not is_postgresql():
        return
    looked = threading.Barrier(count)
    find = users.find_user

    def find_and_wait(address: str) -> User | None:
        found = find(address)
        looked.wait(10)
        return found

    monkeypatch.setattr(users, "find_user", find_and_wait)


def test_of_two_concurrent_accounts_with_one_address_one_is_created(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone_reads_before_one_writes(monkeypatch, 2)

    def make() -> None:
        users.create_user("New@example.org", PASSWORD, now=NOW)

    assert concurrently(app, make, make) == ["", TAKEN]
    assert db.session.scalar(sa.select(sa.func.count(User.id))) == 1


def test_of_two_concurrent_changes_to_one_address_one_succeeds(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [an_owner(f"owner{number}@example.org").id for number in range(2)]
    everyone_reads_before_one_writes(monkeypatch, 2)

    def take(user_id: int) -> None:
        user = db.session.get_one(User, user_id)
        users.change_profile(user, name="New", address="new@example.org")

    first, second = concurrently(app, *(partial(take, user_id) for user_id in ids))
    assert first == ""
    assert TAKEN in second
    names = db.session.scalars(sa.select(User.name).order_by(User.name)).all()
    assert names == ["New", "Olga Owner"], "nothing of the refused one is stored"


def test_name_and_address_can_be_changed(app: Flask) -> None:
    owner = an_owner()
    with transaction():
        users.change_profile(owner, name="O.\nOwner", address="New@example.org")
    assert (owner.name, owner.address, owner.address_normal) == (
        "O. Owner",
        "New@example.org",
        "new@example.org",
    )


def test_an_address_in_use_is_refused(app: Flask) -> None:
    owner = an_owner()
    an_owner("second@example.org")
    with pytest.raises(InvalidInputError) as caught, transaction():
        users.change_profile(owner, name="x" * 101, address="Second@example.org")
    assert set(caught.value.problems) == {"name", "address"}


def test_the_workspace_is_saved(app: Flask) -> None:
    with transaction():
        change_workspace(
            WorkspaceInput(
                name="Harbour Coffee",
                postal_address="\r\n Pier 7 \r\n20457 Sample City\x00\r\n",
                time_zone="Europe/Berlin",
                undo_seconds="30",
                overdue_minutes="90",
            )
        )
    found = load_workspace()
    assert found.postal_address == "Pier 7\n20457 Sample City"
    assert (found.undo_seconds, str(workspace_zone())) == (30, "Europe/Berlin")
    assert found.overdue_minutes == 90


def test_every_problem_of_the_workspace_is_named_at_once(app: Flask) -> None:
    with pytest.raises(InvalidInputError) as caught, transaction():
        change_workspace(
            WorkspaceInput(
                name="x" * 200,
                postal_address="y" * 501,
                time_zone="../etc/passwd",
                undo_seconds="-1",
                overdue_minutes="0",
            )
        )
    assert set(caught.value.problems) == {
        "name", "postal_address", "time_zone", "undo_seconds", "overdue_minutes",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "121", "1.5", "ten", "1e1", "²"])
def test_undo_seconds_are_a_whole_number_up_to_120(app: Flask, text: str) -> None:
    with pytest.raises(InvalidInputError), transaction():
        change_workspace(
            WorkspaceInput(
                name="Harbour",
                postal_address="",
                time_zone="UTC",
                undo_seconds=text,
                overdue_minutes="120",
            )
        )


def test_characters_that_could_break_a_header_are_removed() -> None:
    assert one_line("Harbour\r\nBcc: all@example.org\u2028x") == "Harbour Bcc: all@example.org x"
    assert several_lines("\n\na\tb\n\nc\x07\n") == "a b\n\nc"


def test_an_unknown_address_takes_as_long_as_a_known_one() -> None:
    """The hash checked for an unknown address takes as much work as a new one."""
    assert not REAL_HASHER.check_needs_rehash(HASH_OF_NOBODY)
