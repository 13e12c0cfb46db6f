"""The bounce test: one email to an address that does not exist, and what comes back of it."""

import json
import re
from html import unescape
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.models import Event, Incoming
from campaigns.intake.storing import Arrived, store
from campaigns.jobs import runtime
from campaigns.jobs.incoming import read
from campaigns.providers import return_domains
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from tests.factories import a_provider, a_sender
from tests.smtp_server import scripted_server
from tests.web.visits import visit


def an_account(port: int, **values: Any) -> ProviderAccount:
    with transaction():
        account = a_provider(port=port, **values)
        a_sender("news@example.org", account)
    return account


def send(client: FlaskClient, account: ProviderAccount) -> str:
    return visit(client, f"/settings/providers/{account.public_id}/returns/test", "POST").text


def poll_of(page: str) -> str:
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def test_the_bounce_of_a_test_is_recognised_and_changes_nothing(
    app: Flask, owner_client: FlaskClient
) -> None:
    runtime.use(app)
    with scripted_server() as server:
        account = an_account(server.port, preset="postmark", rewrites_return_path=True)
        page = send(owner_client, account)
    assert "hardbounce@bounce-testing.postmarkapp.com" in page, "its simulator"
    poll = poll_of(page)
    assert visit(owner_client, poll).status_code == 204
    token = poll.rpartition("/")[2]
    body = {"RecordType": "Bounce", "Type": "HardBounce", "Metadata": {"campaigns": token}}
    with transaction():
        number = incoming.receive(
            channel="webhook",
            source="postmark",
            body=json.dumps(body).encode(),
            dedupe="1",
            now=utcnow(),
            account_id=account.id,
        )
    assert number is not None
    read(number)
    assert "The bounce came back after" in visit(owner_client, poll).text
    row = db.session.get_one(Incoming, number, populate_existing=True)
    assert row.verdict == Reason("incoming.test").pack()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 0


def test_a_test_without_a_simulator_goes_to_our_own_domain_with_a_return_path(
    owner_client: FlaskClient,
) -> None:
    with scripted_server() as server:
        account = an_account(server.port)
        poll = poll_of(send(owner_client, account))
        lines = "\n".join(server.sessions[0].commands)
    assert f"b+{poll.rpartition('/')[2]}@example.org" in lines
    assert re.search(r"RCPT TO:<bounce-test-\w+@example\.org>", lines)


BOUNCE = """\
From: Mail Delivery System <mailer-daemon@mx.example.org>
To: <{to}>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; bounce-test@example.org
Action: failed
Status: 5.1.1

--part
Content-Type: text/rfc822-headers

Message-ID: <{token}@example.org>

--part--
"""


def bounce(token: str, domain: str = "example.org") -> None:
    to = f"b+{token}@{domain}"
    store([Arrived(BOUNCE.format(to=to, token=token).encode(), "", (to,))], source="lmtp")
    read()


def test_a_bounce_at_the_return_path_proves_that_its_domain_reaches_us(
    app: Flask, owner_client: FlaskClient
) -> None:
    runtime.use(app)
    with scripted_server() as server:
        account = an_account(server.port)
        polls = [poll_of(send(owner_client, account)) for _ in range(2)]
    tokens = [poll.rpartition("/")[2] for poll in polls]
    bounce(tokens[0], "bounces.example.net")
    assert return_domains.proofs_of(account.id) == {}, "it went to another domain"
    assert "The bounce came back after" in visit(owner_client, polls[0]).text
    assert visit(owner_client, polls[1]).status_code == 204
    bounce(tokens[1])
    page = visit(owner_client, polls[1]).text
    assert "The bounce came back after" in page
    assert "also offer to unsubscribe by email" in page, "the sentence of the page changes at once"
    proof = return_domains.proofs_of(account.id)["example.org"]
    assert return_domains.state_of(proof, now=utcnow()) == "proven"
    accounts = db.session.scalars(sa.select(Incoming.account_id))
    assert set(accounts) == {account.id}, "a mail server serves all accounts"


def test_a_test_that_cannot_be_sent_says_why(owner_client: FlaskClient) -> None:
    page = send(owner_client, an_account(9))
    assert "The test email was not sent" in page


def test_an_account_without_a_sender_asks_for_one(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider()
    assert "Add a sender address" in send(owner_client, account)


def test_a_token_that_is_not_ours_finds_nothing(owner_client: FlaskClient) -> None:
    account = an_account(9)
    for token in ("a" * 39, "x"):
        path = f"/settings/providers/{account.public_id}/returns/test/{token}"
        assert visit(owner_client, path).status_code == 204
