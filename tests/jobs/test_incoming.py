"""From what was stored to its consequences: once, in any order, and with a reason if it fails."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from campaigns.audience.models import Suppression
from campaigns.campaign.models import Delivery
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import consequences, incoming
from campaigns.events.models import Event, Incoming, WebhookEndpoint
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.kind import Post
from campaigns.jobs import incoming as incoming_jobs
from campaigns.jobs import runtime
from campaigns.jobs.incoming import read
from campaigns.jobs.time_limit import JobTimeLimitError
from campaigns.providers import outgoing
from campaigns.providers.outgoing import HttpResponse, SilentServerError
from campaigns.reason import Reason
from campaigns.tokens import delivery_token
from tests.events.webhooks import posts
from tests.events.webhooks.posts import post, subscription
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_subscriber

pytestmark = pytest.mark.runs_on("sqlite", "postgresql")


@pytest.fixture
def deliveries(app: Flask) -> list[Delivery]:
    runtime.use(app)
    with transaction():
        news = a_list()
        campaign = a_campaign(news)
        people = [a_subscriber(f"{name}@example.org", news) for name in ("ada", "bob")]
        at = utcnow() - timedelta(hours=1)
        return [
            a_delivery(campaign, one, status="sent", sent_at=at, list_id=news.id) for one in people
        ]


def an_endpoint(kind: str = "sendgrid") -> WebhookEndpoint:
    with transaction():
        endpoint = WebhookEndpoint(public_id=kind, account_id=a_provider(kind).id, kind=kind)
        db.session.add(endpoint)
        db.session.flush()
        return endpoint


def received(endpoint: WebhookEndpoint, found: Post, name: str = "1") -> int:
    with transaction():
        number = endpoints.accept(endpoint, found, name, now=utcnow())
    assert number is not None
    return number


def event(delivery: Delivery, **fields: Any) -> dict[str, Any]:
    token = delivery_token(services().signer, delivery.id)
    return {"campaigns": token, "email": "someone@example.net", **fields}


HARD = {"event": "bounce", "type": "bounce", "reason": "550 5.1.1 user unknown"}


def retry(number: int) -> None:
    """Read it again, after its pause."""
    end_pauses()
    read(number)


def end_pauses() -> None:
    with transaction():
        db.session.execute(
            sa.update(Incoming).where(Incoming.retry_at.is_not(None)).values(retry_at=utcnow())
        )


def verdict(number: int) -> tuple[str, str, int]:
    """Return state, verdict and number of new events."""
    db.session.rollback()
    row = db.session.get_one(Incoming, number, populate_existing=True)
    reason = Reason.unpack(row.verdict)
    return row.state, reason.code if reason else "", row.new_events


def suppressed() -> list[str]:
    return list(db.session.scalars(sa.select(Suppression.address_normal)))


def kinds() -> list[str]:
    return sorted(db.session.scalars(sa.select(Event.kind)))


def test_a_hard_bounce_suppresses_whom_the_token_names(deliveries: list[Delivery]) -> None:
    number = received(an_endpoint(), post([event(deliveries[0], **HARD)]))
    read(number)
    assert verdict(number) == ("done", "", 1)
    assert suppressed() == ["ada@example.org"]
    assert kinds() == ["bounced"]


def test_a_forged_token_touches_nobody(deliveries: list[Delivery]) -> None:
    forged = {**event(deliveries[0], **HARD), "campaigns": posts.TOKEN, "email": "ada@example.org"}
    number = received(an_endpoint(), post([forged]))
    read(number)
    assert verdict(number) == ("done", "incoming.no_token", 0)
    assert (suppressed(), kinds()) == ([], [])


def test_what_is_reported_twice_changes_nothing_more(deliveries: list[Delivery]) -> None:
    endpoint, events = an_endpoint(), [event(one, **HARD) for one in deliveries]
    first, second = (received(endpoint, post(events), name) for name in ("1", "2"))
    for number in (first, first, second):
        read(number)
    assert verdict(first) == ("done", "", 2)
    assert verdict(second) == ("done", "incoming.known", 0)
    with transaction():
        assert incoming.replay(db.session.get_one(Incoming, first).public_id) == first
    read(first)
    assert verdict(first)[:1] + verdict(first)[2:] == ("done", 2)
    assert kinds() == ["bounced", "bounced"]


def test_an_open_may_come_before_the_delivery(deliveries: list[Delivery]) -> None:
    endpoint = an_endpoint()
    for name in ("open", "delivered"):
        read(received(endpoint, post([event(deliveries[0], event=name)]), name))
    stored = db.session.get_one(Delivery, deliveries[0].id, populate_existing=True)
    assert stored.delivered_at is not None
    assert stored.first_opened_at is not None
    assert kinds() == ["delivered", "opened"]


def test_many_events_are_handled_part_by_part(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHUNK", "SQLITE_CHUNK"):
        monkeypatch.setattr(incoming_jobs, name, 2)
    events = [
        event(deliveries[number % 2], event="open", sg_event_id=str(number)) for number in range(7)
    ]
    number = received(an_endpoint(), post(events))
    read(number)
    assert verdict(number) == ("done", "", 7)


def test_everything_that_waits_is_read_slice_by_slice(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming_jobs, "BATCH", 2)
    endpoint = an_endpoint()
    broken = received(endpoint, post(b"{"), "broken")
    good = [
        received(endpoint, post([event(deliveries[0], event="open", sg_event_id=name)]), name)
        for name in "abcd"
    ]
    with monkeypatch.context() as short:
        short.setattr(incoming_jobs, "SLICE_SECONDS", 0.0)
        read()
    assert incoming.waiting(10) == good
    read()
    assert incoming.waiting(10) == []
    assert [verdict(number) for number in good] == [("done", "", 1)] * 4
    assert db.session.get_one(Incoming, broken).attempts == 1, "the pause is not over"
    end_pauses()
    read()
    assert verdict(broken)[0] == "waiting"
    assert db.session.get_one(Incoming, broken).attempts == 2


def test_an_outage_is_no_failed_attempt(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, OSError("connection refused"))

    number = received(an_endpoint(), post([event(deliveries[0], **HARD)]))
    with monkeypatch.context() as away:
        away.setattr(consequences, "apply", fails)
        for _ in range(incoming.MAX_ATTEMPTS + 1):
            with pytest.raises(OperationalError):
                read()
    read()
    assert verdict(number) == ("done", "", 1)


class KilledError(BaseException):
    """The process ends here."""


def test_an_email_that_kills_the_process_holds_up_nothing_and_is_set_aside(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = an_endpoint()
    good = {"event": "open"}
    first, poison, *behind = (
        received(endpoint, post([event(deliveries[0], sg_event_id=name, **good)]), name)
        for name in "abcd"
    )

    def fatal(row: Incoming) -> object:
        if row.id == poison:
            raise KilledError
        return genuine(row)

    genuine = incoming_jobs._read
    monkeypatch.setattr(incoming_jobs, "_read", fatal)
    monkeypatch.setattr(incoming, "release", lambda *_, **__: None)  # a dead process does nothing
    for kills in range(1, incoming.MAX_ATTEMPTS + 1):
        with pytest.raises(KilledError):
            read()
        read()  # by the next process
        assert [verdict(number)[0] for number in (first, *behind)] == ["done"] * 3 or kills < 2
        end_pauses()
    read()
    assert verdict(poison) == ("failed", "webhook.failed", 0)


def test_a_job_that_reaches_its_time_limit_counts_an_attempt_of_one_row_only(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = an_endpoint()
    numbers = [
        received(endpoint, post([event(deliveries[0], event="open", sg_event_id=name)]), name)
        for name in "ab"
    ]

    def endless(_: Incoming) -> object:
        raise JobTimeLimitError

    with monkeypatch.context() as slow:
        slow.setattr(incoming_jobs, "_read", endless)
        with pytest.raises(JobTimeLimitError):
            read()
    attempts = sa.select(Incoming.attempts).order_by(Incoming.id)
    assert db.session.scalars(attempts).all() == [1, 0]
    read()
    assert [verdict(number)[0] for number in numbers] == ["waiting", "done"]


def test_a_post_without_events_is_done(deliveries: list[Delivery]) -> None:
    number = received(an_endpoint(), post([]))
    read(number)
    assert verdict(number) == ("done", "incoming.nothing", 0)


def test_what_cannot_be_read_is_kept_with_its_reason_and_can_be_replayed(
    deliveries: list[Delivery],
) -> None:
    number = received(an_endpoint(), post(b"{"))
    for _ in range(incoming.MAX_ATTEMPTS + 1):
        retry(number)
    assert verdict(number) == ("failed", "webhook.not_json", 0)
    with transaction():
        assert incoming.replay(db.session.get_one(Incoming, number).public_id) == number
    assert verdict(number)[0] == "waiting"


def test_an_error_of_ours_is_noted_and_loses_nothing(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError("a defect")

    number = received(an_endpoint(), post([event(deliveries[0], **HARD)]))
    with monkeypatch.context() as broken:
        broken.setattr(consequences, "apply", fails)
        read(number)
    assert verdict(number) == ("waiting", "webhook.failed", 0)
    retry(number)
    assert verdict(number) == ("done", "", 1)


def test_posts_of_a_deleted_or_unknown_webhook_are_no_trouble(deliveries: list[Delivery]) -> None:
    endpoint = an_endpoint()
    number = received(endpoint, post([event(deliveries[0], event="delivered")]))
    with transaction():
        endpoints.delete(endpoint)
    read(number)
    assert verdict(number) == ("done", "", 1)
    unknown = received(an_endpoint("pigeon"), post([]))
    read(unknown)
    assert verdict(unknown) == ("waiting", "webhook.unusable", 0)
    read(999_999)


def test_a_subscription_is_confirmed_at_amazon(
    deliveries: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answers(url: str, *, most: int) -> HttpResponse:
        asked.append(url)
        if len(asked) == 1:
            raise SilentServerError(is_lasting=False)
        return HttpResponse(200 if len(asked) > 2 else 403, b"")

    monkeypatch.setattr(outgoing, "get", answers)
    number = received(an_endpoint("amazon_ses"), subscription())
    found = []
    for _ in range(4):
        retry(number)
        found.append(verdict(number)[:2])
    assert found == [
        ("waiting", "webhook.not_subscribed"),
        ("waiting", "webhook.not_subscribed"),
        ("done", "webhook.subscribed"),
        ("done", "webhook.subscribed"),
    ]
    assert asked == [posts.CONFIRM_URL] * 3


def test_a_bounce_by_email_takes_the_same_way(deliveries: list[Delivery]) -> None:
    token = delivery_token(services().signer, deliveries[0].id)
    raw = (
        "From: Mail Delivery System <mailer-daemon@example.net>\r\n"
        f"To: b+{token}@news.example.org\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        "--x\r\n\r\nYour email could not be delivered.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.net\r\n\r\n"
        "Final-Recipient: rfc822; ada@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 user unknown\r\n--x--\r\n"
    ).encode()
    with transaction():
        number = incoming.receive(
            channel="email", source="lmtp", body=raw, dedupe="m", now=utcnow()
        )
    assert number is not None
    read(number)
    assert verdict(number) == ("done", "", 1)
    assert suppressed() == ["ada@example.org"]
