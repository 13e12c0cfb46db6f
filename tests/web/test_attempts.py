"""Failed logins: who is delayed, who is not, and how many passwords are checked at once."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from campaigns.accounts import hashing, users
from campaigns.accounts.hashing import PasswordCheckBusyError, Slots
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.web.attempts import (
    BROAD_FAILURES,
    FREE_FAILURES,
    LONGEST_DELAY_SECONDS,
    delay_after,
)
from tests import reuse
from tests.web.visits import visit

PASSWORD = "correct horse battery"
OWNER = "owner@example.org"


@pytest.fixture
def owner(app: Flask) -> None:
    with transaction():
        users.create_user(OWNER, PASSWORD, now=utcnow())


def log_in(
    client: FlaskClient, password: str, address: str = OWNER, ip: str = "198.51.100.7"
) -> int:
    form = {"address": address, "password": password}
    answer = visit(client, "/login", "POST", data=form, environ_base={"REMOTE_ADDR": ip})
    return answer.status_code


def fail(client: FlaskClient, times: int, **values: str) -> list[int]:
    return [log_in(client, "wrong", **values) for _ in range(times)]


def test_delays_grow_up_to_a_quarter_of_an_hour() -> None:
    assert [delay_after(count) for count in range(4, 9)] == [0, 15, 30, 60, 120]
    assert {delay_after(count) for count in (11, 20, 10_000)} == {LONGEST_DELAY_SECONDS}


@pytest.mark.usefixtures("owner")
def test_failures_delay_even_the_right_password(
    client: FlaskClient,
) -> None:
    assert fail(client, FREE_FAILURES + 1) == [422] * FREE_FAILURES + [429]
    assert log_in(client, PASSWORD) == 429


@pytest.mark.usefixtures("owner")
def test_the_page_says_how_long_to_wait(client: FlaskClient) -> None:
    fail(client, FREE_FAILURES)
    form = {"address": OWNER, "password": "wrong"}
    answer = visit(
        client, "/login", "POST", data=form, environ_base={"REMOTE_ADDR": "198.51.100.7"}
    )
    assert answer.status_code == 429
    assert "Too many failed attempts. Try again in 1" in answer.text


@pytest.mark.usefixtures("owner")
def test_a_stranger_cannot_lock_the_owner_out(app: Flask, client: FlaskClient) -> None:
    assert fail(client, 30, ip="203.0.113.5")[-1] == 429
    assert log_in(app.test_client(), PASSWORD) == 302


@pytest.mark.usefixtures("owner")
def test_a_known_browser_is_not_delayed_by_its_network(app: Flask, client: FlaskClient) -> None:
    assert log_in(client, PASSWORD) == 302
    visit(client, "/logout", "POST")
    assert fail(app.test_client(), FREE_FAILURES + 1)[-1] == 429
    assert log_in(client, PASSWORD) == 302
    visit(client, "/logout", "POST")
    assert fail(client, FREE_FAILURES + 1)[-1] == 429, "its own failures count"


@pytest.mark.usefixtures("owner")
def test_the_cookie_of_one_account_does_not_help_with_another(client: FlaskClient) -> None:
    assert log_in(client, PASSWORD) == 302
    visit(client, "/logout", "POST")
    assert fail(client, FREE_FAILURES + 1, address="second@example.org")[-1] == 429


@pytest.mark.usefixtures("owner")
def test_a_successful_login_is_never_counted(client: FlaskClient) -> None:
    for _ in range(3):
        fail(client, FREE_FAILURES - 1)
        assert log_in(client, PASSWORD) == 302
        visit(client, "/logout", "POST")


@pytest.mark.usefixtures("owner")
def test_plus_tags_and_case_count_as_one_address(client: FlaskClient) -> None:
    spellings = [
        "Owner@example.org", "owner+1@example.org", " owner+2@EXAMPLE.org ",
        "Olga <owner@example.org>", "mailto:owner+3@example.org", "'owner@example.org'",
    ]  # fmt: skip
    codes = [log_in(client, "wrong", address=spelling) for spelling in spellings]
    assert codes == [422] * FREE_FAILURES + [429]


@pytest.mark.usefixtures("owner")
def test_the_addresses_of_an_ipv6_network_count_as_one(client: FlaskClient) -> None:
    codes = [
        log_in(client, "wrong", ip=f"2001:db8:1:2::{number:x}")
        for number in range(FREE_FAILURES + 1)
    ]
    assert codes[-1] == 429


@pytest.mark.usefixtures("owner")
def test_a_network_that_tries_many_addresses_is_blocked(client: FlaskClient) -> None:
    codes = [
        log_in(client, "wrong", address=f"p{number}@example.org", ip=f"2001:db8:1:{number:x}::1")
        for number in range(BROAD_FAILURES + 1)
    ]
    assert codes == [422] * BROAD_FAILURES + [429]


@pytest.mark.usefixtures("owner")
def test_an_unknown_address_gets_the_same_answers(client: FlaskClient) -> None:
    known = fail(client, FREE_FAILURES + 2)
    assert fail(client, FREE_FAILURES + 2, address="nobody@example.org") == known


def test_failures_are_counted_for_all_processes_in_redis(
    settings: Settings, redis_url: str
) -> None:
    shared = settings.model_copy(update={"redis_url": redis_url})
    with create_app(shared).app_context():
        with transaction():
            users.create_user(OWNER, PASSWORD, now=utcnow())
        db.session.remove()
    codes = []
    for _ in range(2):
        app = create_app(shared)
        app.config["WTF_CSRF_ENABLED"] = False
        codes += fail(app.test_client(), FREE_FAILURES)
        with app.app_context():
            reuse.release_engine(db.engine)
    assert codes == [422] * FREE_FAILURES + [429] * FREE_FAILURES
    with Redis.from_url(redis_url) as redis:
        assert not [key for key in redis.scan_iter() if b"owner" in key], "no address in a name"


# --- the cap on hashes -----------------------------------------------------------------------


def test_only_a_few_passwords_are_hashed_at_once() -> None:
    slots, running, most = Slots(2, 2, 30.0), 0, 0
    count, release, outcomes = threading.Lock(), threading.Event(), []
    inside = threading.Semaphore(0)

    def hash_one() -> None:
        nonlocal running, most
        try:
            with slots.slot():
                with count:
                    running += 1
                    most = max(most, running)
                inside.release()
                release.wait(30)
                with count:
                    running -= 1
            outcomes.append("done")
        except PasswordCheckBusyError:
            outcomes.append("busy")

    threads = [threading.Thread(target=hash_one) for _ in range(100)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        assert inside.acquire(timeout=30)
    while outcomes.count("busy") < 96:
        assert any(thread.is_alive() for thread in threads)
    release.set()
    for thread in threads:
        thread.join(30)
    assert most == 2
    assert (outcomes.count("done"), outcomes.count("busy")) == (4, 96)


@pytest.fixture
def no_slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Occupy every slot, with no queue."""
    full = Slots(1, 0, 0.0)
    monkeypatch.setattr(users, "slots", full)
    with full.slot():
        yield


FORMS: dict[str, dict[str, str]] = {
    "/login": {"address": OWNER, "password": PASSWORD},
    "/settings/account/password": {"old_password": PASSWORD},
    "/settings/account": {"address": "new@example.org", "password": PASSWORD},
}


@pytest.mark.usefixtures("no_slot")
def test_at_the_limit_of_hashes_users_are_asked_to_retry(client: FlaskClient) -> None:
    answer = visit(client, "/login", "POST", data=FORMS["/login"])
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "Try again in a moment" in answer.text
    assert f'value="{OWNER}"' in answer.text, "the form is shown again"


@pytest.mark.parametrize("path", ["/settings/account/password", "/settings/account"])
def test_the_account_page_is_capped_as_well(
    owner_client: FlaskClient, path: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_slot")
    answer = visit(owner_client, path, "POST", data=FORMS[path])
    assert answer.status_code == 503
    assert "Try again in a moment" in answer.text
    assert 'name="old_password"' in answer.text, "the form is shown again"


@pytest.mark.usefixtures("owner")
def test_an_attempt_that_was_not_checked_is_not_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Slots(1, 0, 0.0)
    with monkeypatch.context() as patch, full.slot():
        patch.setattr(users, "slots", full)
        assert fail(client, 3 * FREE_FAILURES) == [503] * 3 * FREE_FAILURES
    assert log_in(client, PASSWORD) == 302


def test_every_hash_of_the_product_takes_a_slot(app: Flask, no_slot: Callable[[], None]) -> None:
    for use in (
        lambda: users.verify(OWNER, PASSWORD),
        lambda: users.hash_password(PASSWORD),
        lambda: users.create_user(OWNER, PASSWORD, now=utcnow()),
    ):
        with pytest.raises(PasswordCheckBusyError):
            use()
    assert hashing.MAX_AT_ONCE * 64 <= 256, "megabytes"
