"""How well what comes back is received, by account and for every way in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import consequences, incoming
from campaigns.events.feedback import Feedback
from campaigns.events.models import AccountFeedback, Incoming, IntakeMailbox, WebhookEndpoint
from campaigns.providers.models import ProviderAccount
from campaigns.reports import returns
from campaigns.reports.figures import Counts
from campaigns.reports.returns import Listening, ReturnHealth
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_delivery, a_provider, a_sender, a_subscriber

pytestmark = pytest.mark.usefixtures("app")
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WAYS = {"protocol": "imap", "host": "imap.example.org", "port": 993, "security": "tls"}


def state(account: ProviderAccount, listening: Listening = "off") -> str:
    return health(account, listening).state


def health(account: ProviderAccount, listening: Listening = "off") -> ReturnHealth:
    db.session.rollback()
    db.session.expire_all()
    return returns.health(account, Counts(now=NOW), listening=listening, now=NOW)


def an_account(name: str = "Relay", **values: Any) -> ProviderAccount:
    with transaction():
        return a_provider(name, **values)


def a_mailbox(account: ProviderAccount, **values: Any) -> None:
    with transaction():
        box = IntakeMailbox(account_id=account.id, username="b", created_at=NOW, **WAYS, **values)
        db.session.add(box)


def received(feedback: Feedback) -> Incoming:
    """Take in an email that says this, as the listener and the job do."""
    with transaction():
        number = incoming.receive(
            channel="email", source="lmtp", body=b"", dedupe=repr(feedback), now=NOW
        )
        row = db.session.get_one(Incoming, number)
        consequences.apply([feedback], incoming=row, signer=services().signer, now=NOW)
    return row


def test_a_mail_server_counts_for_accounts_whose_return_path_is_ours() -> None:
    ours, theirs = an_account(), an_account("API", rewrites_return_path=True)
    assert [state(ours, listening) for listening in ("off", "stopped", "on")] == [
        "off", "stopped", "waiting",
    ]  # fmt: skip
    assert state(theirs, "on") == "off"


def test_an_email_of_a_mail_server_belongs_to_the_account_of_its_delivery() -> None:
    account, other = an_account(), an_account("Other")
    with transaction():
        campaign = a_campaign(status="sent", provider_id=account.id, started_at=NOW - 9 * HOUR)
        person = a_subscriber("p@example.net")
        delivery = a_delivery(campaign, person, status="sent", sent_at=NOW - HOUR)
    token = delivery_token(services().signer, delivery.id)
    row = received(Feedback("bounced", NOW, token, reply_class="hard"))
    assert row.account_id == account.id
    found = health(account)
    assert (found.state, found.at, found.last_id) == ("received", NOW, row.id)
    assert state(other, "on") == "waiting"


def test_without_a_valid_token_the_domain_tells_the_account_but_is_no_event() -> None:
    account, other = an_account(), an_account("Other")
    with transaction():
        a_sender("news@example.org", account)
        a_sender("news@example.net", other, is_default=False)
        a_sender("info@example.net", account, is_default=False)
    domains = ("example.org", "example.net", "example.com", "")
    rows = [received(Feedback("bounced", NOW, "a" * 39, return_domain=one)) for one in domains]
    assert [row.account_id for row in rows] == [account.id, None, None, None]
    assert state(account, "on") == "waiting"
    assert db.session.scalar(sa.select(AccountFeedback.account_id)) is None


def test_a_mailbox_is_judged_by_what_it_brings_and_whether_it_is_read() -> None:
    account = an_account()
    a_mailbox(account, checked_at=NOW, last_received_at=NOW)
    assert state(account) == "waiting", "an advertisement is no event"
    changes: list[tuple[dict[str, Any], str]] = [
        ({"checked_at": NOW - HOUR}, "trouble"),
        ({"checked_at": NOW, "trouble": '{"code": "intake.refused"}'}, "trouble"),
        ({"is_on": False}, "off"),
    ]
    for values, expected in changes:
        with transaction():
            db.session.execute(sa.update(IntakeMailbox).values(**values))
        assert state(account) == expected, values


def test_silence_counts_from_the_last_event_of_any_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.reports.returns.QUIET_SENT", 0)
    account = an_account()
    with transaction():
        db.session.add(
            WebhookEndpoint(
                public_id="hook", account_id=account.id, kind="postmark", created_at=NOW,
                last_received_at=NOW - 72 * HOUR,
            )
        )  # fmt: skip
        a_campaign(status="sent", provider_id=account.id, started_at=NOW - HOUR)
        db.session.add(AccountFeedback(account_id=account.id, last_at=NOW - 30 * HOUR))
    found = health(account)
    assert (found.state, found.at) == ("quiet", NOW - 30 * HOUR)
    with transaction():
        db.session.execute(sa.update(AccountFeedback).values(last_at=NOW))
    assert state(account) == "received"
