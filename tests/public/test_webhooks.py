"""Posts of providers: verified, stored once and answered at once; nothing else changes."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from campaigns.app import create_app
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.incoming import MAX_BYTES
from campaigns.events.models import Incoming, WebhookEndpoint
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.endpoints import EndpointInput
from campaigns.events.webhooks.kind import Post, RefusedPostError
from campaigns.public import webhooks
from campaigns.reason import Reason
from tests.conftest import settings_for_tests
from tests.events.webhooks import posts
from tests.events.webhooks.posts import NOW, basic, by_mailgun, by_sendgrid, post
from tests.factories import a_provider


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "utcnow", lambda: NOW)


def an_endpoint(kind: str, **form: str) -> WebhookEndpoint:
    with transaction():
        typed = EndpointInput.read(kind, form)
        return endpoints.save(a_provider(), typed, services().vault, now=NOW)


@pytest.fixture
def mailjet(app: Flask) -> WebhookEndpoint:
    return an_endpoint("mailjet")


def login_of(endpoint: WebhookEndpoint) -> dict[str, str]:
    return basic(*endpoints.login_of(endpoint, services().vault))


def send(client: FlaskClient, endpoint: WebhookEndpoint, sent: Post) -> TestResponse:
    return client.post(f"/hooks/{endpoint.public_id}", data=sent.body, headers=dict(sent.headers))


def stored() -> list[tuple[str, str]]:
    """Return state and verdict of each stored post."""
    db.session.rollback()
    found = []
    for row in db.session.scalars(sa.select(Incoming).order_by(Incoming.id)):
        reason = Reason.unpack(row.verdict)
        found.append((row.state, reason.code if reason else ""))
    return found


def test_an_accepted_post_is_stored_as_it_came(
    client: FlaskClient, mailjet: WebhookEndpoint
) -> None:
    body = b'[{"event": "sent"}]\r\n'
    answer = send(client, mailjet, post(body, login_of(mailjet)))
    assert (answer.status_code, answer.text) == (200, "OK\n")
    assert "Set-Cookie" not in answer.headers
    row = db.session.scalar(sa.select(Incoming))
    assert row is not None
    assert (row.body, row.state, row.source) == (body, "waiting", "mailjet")
    assert (row.endpoint_id, row.account_id) == (mailjet.id, mailjet.account_id)
    assert "authorization" not in row.headers
    db.session.refresh(mailjet)
    assert mailjet.last_received_at == NOW


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_the_raw_body_is_stored_whatever_the_content_type(
    client: FlaskClient, mailjet: WebhookEndpoint, content_type: str
) -> None:
    sent = post(b"\x00\xff=%zz&--x", {**login_of(mailjet), "content-type": content_type})
    assert send(client, mailjet, sent).status_code == 200
    assert db.session.scalar(sa.select(Incoming.body)) == sent.body


def test_a_repeated_post_is_stored_once(client: FlaskClient, mailjet: WebhookEndpoint) -> None:
    sent = post([{"event": "sent"}], login_of(mailjet))
    assert [send(client, mailjet, sent).status_code for _ in range(3)] == [200] * 3
    with_slash = f"/hooks/{mailjet.public_id}/"
    assert client.post(with_slash, data=sent.body, headers=sent.headers).status_code == 200
    assert stored() == [("waiting", "")]


def test_mailgun_may_not_use_a_signature_twice(client: FlaskClient, app: Flask) -> None:
    endpoint = an_endpoint("mailgun", signing_key=posts.MAILGUN_KEY)
    assert send(client, endpoint, by_mailgun({"event": "delivered"})).status_code == 200
    assert send(client, endpoint, by_mailgun({"event": "complained"})).status_code == 406
    old = by_mailgun({"event": "complained"}, at=NOW - timedelta(days=1))
    assert send(client, endpoint, old).status_code == 406
    assert stored() == [
        ("waiting", ""),
        ("refused", "webhook.repeated"),
        ("refused", "webhook.too_old"),
    ]


def test_a_refused_post_says_why_and_changes_nothing_else(
    client: FlaskClient, mailjet: WebhookEndpoint
) -> None:
    answer = send(client, mailjet, post([]))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.text == (
        "The request had no username and password. Paste the whole URL at the provider.\n"
    )
    assert send(client, mailjet, post([], basic("x", "y"))).status_code == 401
    assert stored() == [("refused", "webhook.login_missing"), ("refused", "webhook.login_wrong")]
    db.session.refresh(mailjet)
    assert mailjet.last_received_at is None


def test_a_wrong_signature_is_refused(client: FlaskClient, app: Flask) -> None:
    key = posts.sendgrid_credentials().verification_key
    endpoint = an_endpoint("sendgrid", verification_key=key)
    signed = by_sendgrid([{"event": "delivered"}])
    forged = Post(signed.headers, signed.body.replace(b"delivered", b"bounce"), NOW)
    assert send(client, endpoint, forged).status_code == 403
    assert send(client, endpoint, signed).status_code == 200


def test_requests_that_only_look_are_answered_without_a_trace(
    client: FlaskClient, mailjet: WebhookEndpoint
) -> None:
    for path in (f"/hooks/{mailjet.public_id}", "/hooks/unknown"):
        assert (client.get(path).status_code, client.head(path).status_code) == (200, 200)
        assert client.options(path).status_code == 200
    assert stored() == []


def test_an_unknown_address_does_not_exist(client: FlaskClient, app: Flask) -> None:
    for path in ("/hooks/unknown", "/hooks/" + "x" * 5_000, "/hooks/%F0%9F%98%80"):
        assert client.post(path, data=b"{}").status_code == 404
    assert stored() == []


def test_ten_megabytes_are_taken_and_no_more(client: FlaskClient, mailjet: WebhookEndpoint) -> None:
    login = login_of(mailjet)
    largest = b"[" + b" " * (MAX_BYTES - 2) + b"]"
    assert send(client, mailjet, post(largest, login)).status_code == 200
    assert send(client, mailjet, post(largest + b" ", login)).status_code == 413
    assert client.post("/hooks/unknown", data=b" " * 100_000).status_code in {404, 413}
    assert stored() == [("waiting", "")]


@pytest.fixture
def limited(database_url: str, redis_url: str, app: Flask, tmp_path: Path) -> FlaskClient:
    """A client of an app that counts requests in Redis."""
    settings = settings_for_tests(tmp_path, database_url=database_url, redis_url=redis_url)
    return create_app(settings).test_client()


def test_refused_posts_are_limited_and_accepted_ones_are_not(
    limited: FlaskClient, mailjet: WebhookEndpoint
) -> None:
    login = login_of(mailjet)
    for number in range(80):
        assert send(limited, mailjet, post([number], login)).status_code == 200
    statuses = [send(limited, mailjet, post([])).status_code for _ in range(130)]
    # A new minute may begin meanwhile.
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 120


def test_posts_that_are_too_large_are_limited_too(
    limited: FlaskClient, mailjet: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_BYTES", 10)
    statuses = [send(limited, mailjet, post(b"x" * 20)).status_code for _ in range(130)]
    assert set(statuses) == {413, 429}


def test_posts_that_name_a_certificate_out_of_reach_are_limited_too(
    limited: FlaskClient, mailjet: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise RefusedPostError("webhook.certificate_unreachable", 503)

    monkeypatch.setattr(endpoints, "verify", unreachable)
    statuses = [send(limited, mailjet, post(b"{}")).status_code for _ in range(130)]
    assert set(statuses) == {503, 429}


def test_an_outage_of_ours_counts_as_no_refused_post(
    limited: FlaskClient, mailjet: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, OSError("connection refused"))

    login = login_of(mailjet)
    with monkeypatch.context() as away:
        away.setattr(endpoints, "accept", fails)
        statuses = [send(limited, mailjet, post([], login)).status_code for _ in range(80)]
    assert set(statuses) == {503}


def test_a_thousand_events_are_answered_at_once(client: FlaskClient, app: Flask) -> None:
    key = posts.sendgrid_credentials().verification_key
    endpoint = an_endpoint("sendgrid", verification_key=key)
    event = {"event": "delivered", "email": "ada@example.com", "response": "250 OK " * 20}
    times = []
    for number in range(5):
        sent = by_sendgrid([{**event, "sg_event_id": f"{number}-{one}"} for one in range(1_000)])
        began = time.perf_counter()
        assert send(client, endpoint, sent).status_code == 200
        times.append(time.perf_counter() - began)
    assert min(times) < 0.1
    print(f"answered in {min(times) * 1000:.0f} ms, {len(sent.body) // 1000} kB")
