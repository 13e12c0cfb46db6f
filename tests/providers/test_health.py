"""The circuit breaker of an account."""

from datetime import UTC, datetime, timedelta

from flask import Flask

from campaigns.accounts import users
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import runtime
from campaigns.jobs.transactional import deliver
from campaigns.providers import health
from campaigns.providers.models import ProviderAccount
from campaigns.throttling.loading import load_plan
from campaigns.transactional import alerts
from campaigns.transactional.models import TransactionalEmail
from tests.english import legacy_reason
from tests.factories import a_provider, a_sender
from tests.smtp_server import scripted_server

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def fail(account: ProviderAccount, times: int, at: datetime = NOW) -> datetime:
    """Fail this many times, each at the earliest retry; return the time of the next retry."""
    for _ in range(times):
        with transaction():
            at = health.note_trouble(account.id, legacy_reason("It hung up."), now=at)
    return at


def test_five_errors_open_it_and_its_rest_doubles_up_to_15_minutes() -> None:
    pauses = [health.pause_seconds(count) for count in range(1, 12)]
    assert pauses == [2, 4, 8, 16, 60, 120, 240, 480, 900, 900, 900]


def test_simultaneous_errors_count_once(app: Flask) -> None:
    with transaction():
        account = a_provider()
        for _ in range(10):
            health.note_trouble(account.id, legacy_reason("It hung up."), now=NOW)
    assert db.session.get_one(ProviderAccount, account.id).trouble_count == 1


def test_an_open_account_is_probed_and_closes_with_the_first_success(app: Flask) -> None:
    with transaction():
        account = a_provider()
    retry_at = fail(account, 5)
    resting = load_plan(account.id, now=retry_at - timedelta(seconds=1))
    assert resting.suspended_until == retry_at
    assert resting.why == legacy_reason("It hung up.")
    trying = load_plan(account.id, now=retry_at)
    assert (trying.suspended_until, trying.probe) == (None, True)
    with transaction():
        health.clear(account.id)
    well = load_plan(account.id, now=retry_at)
    assert (well.probe, well.why) == (False, None)


def test_owners_are_alerted_once_through_another_account(app: Flask) -> None:
    with transaction():
        users.create_user("owner@example.org", "correct horse battery", now=NOW)
        broken, works = a_provider("Broken"), a_provider("Works")
        a_sender("one@example.org", broken)
        other = a_sender("two@example.org", works, is_default=False)

    def alert(at: datetime) -> int:
        with transaction():
            return len(alerts.alert_owners(broken.id, now=at))

    fail(broken, 4)
    assert alert(NOW) == 0, "four errors do not open the breaker"
    at = fail(broken, 1, NOW + timedelta(minutes=1))
    assert [alert(at), alert(at + timedelta(hours=9))] == [1, 0]
    mail = db.session.query(TransactionalEmail).one()
    assert (mail.kind, mail.address) == ("alert", "owner@example.org")
    assert mail.payload["sender_id"] == other.id
    assert "It hung up." in mail.payload["text"]
    with transaction():
        health.clear(broken.id)
    again = fail(broken, 5, at + timedelta(hours=10))
    assert alert(again) == 1, "that is a new trouble"


def test_the_alert_is_sent_through_a_working_account(app: Flask) -> None:
    runtime.use(app)
    with scripted_server() as server:
        with transaction():
            users.create_user("owner@example.org", "correct horse battery", now=utcnow())
            broken, works = a_provider("Broken", port=1), a_provider("Works", port=server.port)
            a_sender("one@example.org", broken)
            a_sender("two@example.org", works, is_default=False)
            health.note_trouble(broken.id, legacy_reason("It refused the login."), now=utcnow())
            (mail_id,) = alerts.alert_owners(broken.id, now=utcnow(), is_permanent=True)
        deliver(mail_id)
        (mail,) = server.received
    assert b"From: Example News <two@example.org>" in mail.data
    assert b"It refused the login." in mail.data


def test_no_alert_is_sent_through_the_broken_account(app: Flask) -> None:
    with transaction():
        users.create_user("owner@example.org", "correct horse battery", now=NOW)
        broken = a_provider()
        a_sender(provider=broken)
    at = fail(broken, 5)
    with transaction():
        assert alerts.alert_owners(broken.id, now=at) == []


def test_an_alert_quotes_a_server_without_a_live_link(app: Flask) -> None:
    with transaction():
        broken, works = a_provider("Broken"), a_provider("Works")
        a_sender(provider=works)
        users.create_user("owner@example.org", "correct horse battery", now=NOW)
        trouble = "See https://evil.example/login or www.evil.example."
        health.note_trouble(broken.id, legacy_reason(trouble), now=NOW)
        alerts.alert_owners(broken.id, now=NOW, is_permanent=True)
    text = db.session.query(TransactionalEmail).one().payload["text"]
    assert "See https: //evil.example/login or www .evil.example." in text
