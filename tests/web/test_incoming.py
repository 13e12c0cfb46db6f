"""The log of webhook posts and returned emails, and replay."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.models import Event, Incoming
from campaigns.jobs import runtime
from campaigns.jobs.incoming import read
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_delivery, a_provider, a_subscriber
from tests.web.visits import visit


@pytest.fixture
def account(owner_client: FlaskClient) -> ProviderAccount:
    with transaction():
        return a_provider("Relay")


def received(account_id: int | None, body: bytes = b"{}", **values: Any) -> Incoming:
    """Store a post, and return its row."""
    with transaction():
        number = incoming.receive(
            channel=values.pop("channel", "webhook"),
            source=values.pop("source", "postmark"),
            body=body,
            dedupe=f"test:{db.session.scalar(sa.select(sa.func.count()).select_from(Incoming))}",
            now=utcnow(),
            headers={"content-type": "application/json"},
            account_id=account_id,
        )
        if values:
            db.session.execute(sa.update(Incoming).where(Incoming.id == number).values(**values))
    return db.session.get_one(Incoming, number, populate_existing=True)


def a_sent_email() -> tuple[int, str]:
    """Return a delivery and its token."""
    with transaction():
        person = a_subscriber("ada@example.org")
        delivery = a_delivery(a_campaign(subject="Spring"), person, status="sent", sent_at=utcnow())
    return delivery.id, delivery_token(services().signer, delivery.id)


def a_bounce(token: str) -> bytes:
    return json.dumps(
        {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "ID": 42,
            "Email": "ada@example.org",
            "Details": "smtp;550 5.1.1 <script>No such user",
            "Metadata": {"campaigns": token},
        }
    ).encode()


def log(account: ProviderAccount, **values: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in values.items())
    return f"/settings/providers/{account.public_id}/returns/log?{query}"


def test_the_log_is_empty_until_something_comes(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    assert "Nothing has been received yet" in visit(owner_client, log(account)).text


def test_the_log_lists_the_posts_of_the_account_only(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    ours, foreign = received(account.id), received(None, channel="email", source="lmtp")
    page = visit(owner_client, log(account)).text
    assert ours.public_id in page
    assert foreign.public_id not in page
    shared = visit(owner_client, "/settings/incoming").text
    assert foreign.public_id in shared
    assert ours.public_id not in shared


def test_the_log_is_filtered_by_result(owner_client: FlaskClient, account: ProviderAccount) -> None:
    done = received(account.id, state="done")
    verdict = Reason("webhook.login_wrong").pack()
    refused = received(account.id, state="refused", verdict=verdict)
    page = visit(owner_client, log(account, state="refused")).text
    assert refused.public_id in page
    assert done.public_id not in page
    assert "The username or password was wrong." in page
    assert done.public_id in visit(owner_client, log(account, state="done")).text


def test_the_log_goes_on_over_pages(owner_client: FlaskClient, account: ProviderAccount) -> None:
    rows = [received(account.id) for _ in range(51)]
    first = visit(owner_client, log(account)).text
    assert rows[0].public_id not in first
    assert rows[0].public_id in visit(owner_client, log(account, after=str(rows[1].id))).text


@pytest.mark.parametrize("wrong", ["state=gone", "after=x", "before=-1", "after=9e99"])
def test_a_url_typed_by_hand_shows_the_first_page(
    owner_client: FlaskClient, account: ProviderAccount, wrong: str
) -> None:
    row = received(account.id)
    page = visit(owner_client, log(account) + wrong)
    assert page.status_code == 200
    assert row.public_id in page.text


def test_a_post_shows_what_it_reports_and_about_whom(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    _, token = a_sent_email()
    row = received(account.id, a_bounce(token))
    page = visit(owner_client, f"/settings/incoming/{row.public_id}").text
    for text in ("The mailbox does not exist", "ada@example.org", "Spring", "HardBounce"):
        assert text in page
    assert "<script>No such user" not in page


def test_a_post_about_nobody_says_that_it_changes_nothing(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    row = received(account.id, a_bounce("a" * 39))
    page = visit(owner_client, f"/settings/incoming/{row.public_id}").text
    assert "Not one of your emails: it changes nothing" in page


def test_nothing_is_read_from_a_refused_post(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    _, token = a_sent_email()
    row = received(account.id, a_bounce(token), state="refused")
    page = visit(owner_client, f"/settings/incoming/{row.public_id}").text
    assert "What it reports" not in page
    assert "Replay" not in page


@pytest.mark.parametrize("body", [b"", b"\0\xff\xfe", b"[" * 100_000, b"{" + b"x" * 200_000])
def test_any_body_is_shown_and_downloaded(
    owner_client: FlaskClient, account: ProviderAccount, body: bytes
) -> None:
    row = received(account.id, body)
    page = visit(owner_client, f"/settings/incoming/{row.public_id}")
    assert page.status_code == 200
    assert "\0" not in page.text
    file = visit(owner_client, f"/settings/incoming/{row.public_id}/download")
    assert file.data == body
    assert "sandbox" in file.headers["Content-Security-Policy"]
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_replay_reads_it_once_more_and_records_nothing_twice(
    app: Flask, owner_client: FlaskClient, account: ProviderAccount
) -> None:
    runtime.use(app)
    delivery_id, token = a_sent_email()
    failed = Reason("webhook.failed").pack()
    row = received(account.id, a_bounce(token), state="failed", verdict=failed)
    for _ in range(2):
        answer = visit(owner_client, f"/settings/incoming/{row.public_id}/replay", "POST")
        assert answer.status_code == 302
        read(row.id)
    db.session.rollback()
    events = db.session.scalars(sa.select(Event).where(Event.delivery_id == delivery_id)).all()
    assert [(event.kind, event.incoming_id) for event in events] == [("bounced", row.id)]
    assert db.session.get_one(Incoming, row.id, populate_existing=True).state == "done"


def test_a_refused_post_is_not_replayed(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    row = received(account.id, state="refused")
    visit(owner_client, f"/settings/incoming/{row.public_id}/replay", "POST")
    assert db.session.get_one(Incoming, row.id, populate_existing=True).state == "refused"
