"""What comes back finds its delivery by our token only, and has its consequence once."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from campaigns.audience import suppressions
from campaigns.audience.models import ConsentEvent, Subscriber, Subscription, Suppression
from campaigns.campaign.models import Campaign, Delivery
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import consequences, incoming
from campaigns.events.consequences import Applied
from campaigns.events.feedback import Feedback, FeedbackKind
from campaigns.events.models import Event, Incoming
from campaigns.privacy import erasure
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

pytestmark = pytest.mark.usefixtures("app")
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SENT = {"status": "sent", "sent_at": NOW - timedelta(hours=1)}


def a_sent(*outcomes: dict[str, Any], name: str = "News") -> list[int]:
    """Deliveries of a campaign to p0, p1 ..."""
    with transaction():
        news = a_list(name)
        campaign = a_campaign(news, status="sending")
        return [
            a_delivery(campaign, a_subscriber(f"p{number}@{name.lower()}.example", news), **one).id
            for number, one in enumerate(outcomes or (SENT,))
        ]


def a_token(delivery_id: int) -> str:
    return delivery_token(services().signer, delivery_id)


def about(delivery_id: int, kind: FeedbackKind = "bounced", **values: Any) -> Feedback:
    known = {"at": NOW, "token": a_token(delivery_id), **values}
    if kind == "bounced":
        known.setdefault("reply_class", "hard")
    return Feedback(kind, **known)


def applied(
    *feedbacks: Feedback, now: datetime = NOW, channel: incoming.Channel = "webhook"
) -> Applied:
    with transaction():
        number = incoming.receive(
            channel=channel, source="postmark", body=b"{}", dedupe=secrets.token_hex(8), now=now
        )
        row = db.session.get_one(Incoming, number)
        return consequences.apply(feedbacks, incoming=row, signer=services().signer, now=now)


def code_of(result: Applied) -> str:
    return result.verdict.code if result.verdict else ""


def suppressed() -> list[str]:
    db.session.rollback()
    column = Suppression.address_normal
    return list(db.session.scalars(sa.select(column).order_by(column)))


def count(model: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def delivery(number: int) -> Delivery:
    return db.session.get_one(Delivery, number, populate_existing=True)


def test_a_hard_bounce_suppresses_with_its_evidence() -> None:
    [number] = a_sent()
    reply = "550 no such user"
    assert applied(about(number, status="5.1.1", reply=reply)) == Applied(1)
    event = db.session.scalars(sa.select(Event)).one()
    assert (event.kind, event.reply_class, event.status) == ("bounced", "hard", "5.1.1")
    found = db.session.scalars(sa.select(Suppression)).one()
    assert (found.address_normal, found.reason) == ("p0@news.example", "hard_bounce")
    assert (found.delivery_id, found.event_id, found.note) == (number, event.id, reply)
    row = db.session.get_one(Incoming, event.incoming_id)
    assert row.is_evidence
    assert delivery(number).bounced_at == NOW


def test_the_address_that_bounced_is_suppressed_not_the_one_that_a_person_has_since() -> None:
    [number] = a_sent()
    with transaction():
        person = db.session.scalars(sa.select(Subscriber)).one()
        person.address = person.address_normal = "new@news.example"
    applied(about(number))
    assert suppressed() == ["p0@news.example"]


def test_b1_a_second_bounce_changes_nothing_whichever_way_it_comes() -> None:
    [number] = a_sent()
    applied(about(number, event_id="e1"))
    again = applied(about(number, event_id="e2", at=NOW + DAY), now=NOW + DAY)
    assert (again.new_events, code_of(again)) == (0, "incoming.known")
    assert delivery(number).bounced_at == NOW
    assert count(Event) == 1


def test_a_token_in_the_message_id_finds_the_delivery_too() -> None:
    [number] = a_sent()
    message_ids = ("other@example.org", f"{a_token(number).upper()}@news.example")
    assert applied(replace(about(number), token="", message_ids=message_ids)).new_events == 1


def forged(number: int) -> list[Feedback]:
    token = a_token(number)
    changed = ("b" if token[5] == "a" else "a").join((token[:5], token[6:]))
    recipient = "p0@news.example"
    return [
        about(number, token="", recipient=recipient),
        about(number, token=changed, recipient=recipient),
        about(number, token="x" * 39, message_ids=(f"{changed}@x.example",), recipient=recipient),
        about(number, token="\0\ud800é" * 13, recipient=recipient),
        about(number, kind="complained", token="", recipient=recipient),
        about(number, kind="unsubscribed", token=str(number), recipient=recipient),
    ]


def test_b2_forged_bounces_touch_nobody() -> None:
    [number] = a_sent()
    for one in forged(number):
        result = applied(*[one] * 1_000)
        assert (result.new_events, code_of(result)) == (0, "incoming.no_token")
    assert suppressed() == []
    assert count(Event) == 0
    assert delivery(number).bounced_at is None


def test_b3_only_the_subscriber_of_the_token_is_touched() -> None:
    first, _ = a_sent(SENT, SENT)
    applied(about(first, recipient="p1@news.example"))
    assert suppressed() == ["p0@news.example"]


def test_a_thousand_events_in_one_post_take_a_few_statements() -> None:
    with transaction():
        campaign = a_campaign(a_list(), status="sending")
        people = [
            Subscriber(
                address=f"p{n}@a.example", address_normal=f"p{n}@a.example", domain="a.example"
            )
            for n in range(1_000)
        ]
        db.session.add_all(people)
        db.session.flush()
        rows = [
            Delivery(campaign_id=campaign.id, subscriber_id=one.id, address=one.address, **SENT)
            for one in people
        ]
        db.session.add_all(rows)
        db.session.flush()
        ids = [row.id for row in rows]
    statements: list[str] = []

    def counted(*args: Any) -> None:
        statements.append(str(args[2]))

    feedbacks = [about(number, reply_class="mailbox_full") for number in reversed(ids)]
    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", counted)
    try:
        assert applied(*feedbacks).new_events == 1_000
    finally:
        sa.event.remove(engine, "before_cursor_execute", counted)
    assert len(statements) < 40


def test_events_of_an_erased_subscriber_are_counted_and_name_nobody() -> None:
    [number] = a_sent()
    with transaction():
        erasure.erase([delivery(number).subscriber_id or 0])
    assert applied(about(number), about(number, "complained")).new_events == 2
    assert suppressed() == []
    assert delivery(number).bounced_at == NOW


def test_events_of_a_deleted_campaign_are_dropped() -> None:
    [number] = a_sent()
    with transaction():
        db.session.execute(sa.delete(Delivery))
        db.session.execute(sa.delete(Campaign))
    assert code_of(applied(about(number))) == "incoming.deleted"


@pytest.mark.parametrize("status", ["queued", "sending"])
def test_a_bounce_before_the_record_of_the_hand_over_counts(status: str) -> None:
    [number] = a_sent({"status": status})
    applied(about(number))
    assert suppressed() == ["p0@news.example"]
    found = delivery(number)
    assert (found.status, found.bounced_at) == (status, NOW)


def test_a_bounce_resolves_an_unknown_delivery() -> None:
    [number] = a_sent({"status": "unknown"})
    applied(about(number))
    assert (delivery(number).status, delivery(number).reason) == ("failed", "bounced")


def test_a_bounce_a_year_later_counts() -> None:
    [number] = a_sent({"status": "sent", "sent_at": NOW - 365 * DAY})
    applied(about(number))
    assert suppressed() == ["p0@news.example"]


def test_out_of_order_events_end_the_same() -> None:
    [number] = a_sent()
    later = NOW + timedelta(minutes=5)
    opened = about(number, "opened", at=later, event_id="o")
    applied(opened, now=later)
    applied(about(number, "delivered"), now=later)
    found = delivery(number)
    assert (found.delivered_at, found.first_opened_at) == (NOW, later)


@pytest.mark.parametrize("reply_class", ["policy", "content", "throttle", "sender", "refused"])
def test_faults_of_the_sender_suppress_nobody(reply_class: str) -> None:
    [number] = a_sent()
    for _ in range(6):
        applied(about(number, reply_class=reply_class))
    assert suppressed() == []
    assert delivery(number).bounced_at == NOW


def test_harmless_feedback_leaves_no_event() -> None:
    [number] = a_sent()
    result = applied(
        about(number, "auto_reply"), about(number, "complained", feedback_type="virus")
    )
    assert (result.new_events, code_of(result)) == (0, "incoming.harmless")
    assert code_of(applied()) == "incoming.nothing"
    assert delivery(number).complained_at is None


def test_a_complaint_suppresses_and_replaces_a_bounce() -> None:
    [number] = a_sent()
    applied(about(number))
    applied(about(number, "complained", feedback_type="abuse"))
    found = db.session.scalars(sa.select(Suppression)).one()
    assert found.reason == "complaint"
    assert delivery(number).complained_at == NOW


def test_an_unsubscribe_by_email_ends_the_lists_of_the_campaign() -> None:
    [number] = a_sent()
    applied(about(number, "unsubscribed"))
    states = db.session.scalars(sa.select(Subscription.state)).all()
    assert states == ["unsubscribed"]
    proof = db.session.scalars(sa.select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
    assert proof is not None
    assert (proof.kind, proof.channel) == ("unsubscribed", "email")
    assert applied(about(number, "unsubscribed")).new_events == 0


# --- bounces that repeat --------------------------------------------------------------------------


def earlier_bounce(number: int, days_ago: int, reply_class: str, **values: Any) -> None:
    """An email to the same person that was sent and bounced this many days ago."""
    at = NOW - days_ago * DAY
    with transaction():
        first = delivery(number)
        campaign = a_campaign(status="sent")
        row = Delivery(
            campaign_id=campaign.id, subscriber_id=first.subscriber_id, address=first.address,
            status="sent", sent_at=at, **values,
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        other = row.id
    if reply_class:
        applied(about(other, reply_class=reply_class, at=at), now=at)


def test_a_disabled_mailbox_is_suppressed_the_second_time() -> None:
    [number] = a_sent()
    earlier_bounce(number, 7, "disabled")
    assert suppressed() == []
    applied(about(number, reply_class="disabled"))
    assert suppressed() == ["p0@news.example"]


@pytest.mark.parametrize(
    ("days_ago", "values", "is_reset"),
    [
        (5, {}, True),
        (1, {}, False),
        (1, {"delivered_at": NOW - DAY}, True),
        (1, {"first_opened_at": NOW - DAY}, True),
        (5, {"bounced_at": NOW - 4 * DAY}, False),
    ],
)
def test_an_email_that_arrives_in_between_resets_the_count(
    days_ago: int, values: dict[str, Any], is_reset: bool
) -> None:
    [number] = a_sent()
    earlier_bounce(number, 7, "disabled")
    earlier_bounce(number, days_ago, "", **values)
    applied(about(number, reply_class="disabled"))
    assert suppressed() == ([] if is_reset else ["p0@news.example"])


def test_bounces_of_the_address_that_a_person_had_before_do_not_count() -> None:
    [number] = a_sent()
    earlier_bounce(number, 7, "disabled")
    with transaction():
        person = db.session.scalars(sa.select(Subscriber)).one()
        person.address = person.address_normal = delivery(number).address = "new@news.example"
    applied(about(number, reply_class="disabled"))
    assert suppressed() == []


def test_refusals_and_later_bounces_count_together() -> None:
    [number] = a_sent()
    earlier_bounce(number, 20, "mailbox_full")
    with transaction():
        db.session.add(
            Delivery(
                campaign_id=a_campaign(status="sent").id,
                subscriber_id=delivery(number).subscriber_id,
                address="p0@news.example",
                status="failed",
                reason="mailbox_full",
                updated_at=NOW - 10 * DAY,
            )
        )
    applied(about(number, reply_class="mailbox_full"))
    assert suppressed() == ["p0@news.example"]


# --- reverting ------------------------------------------------------------------------------------


def reverted(at: datetime) -> None:
    with transaction():
        assert suppressions.lift("p0@news.example", by="owner@example.org", now=at)


def test_after_a_revert_bounces_count_from_zero() -> None:
    first, other = a_sent(SENT, SENT)
    earlier_bounce(first, 7, "disabled")
    applied(about(first, reply_class="disabled"))
    reverted(NOW)
    earlier_bounce(first, -1, "disabled")
    assert suppressed() == []
    earlier_bounce(first, -2, "disabled")
    assert suppressed() == ["p0@news.example"]
    assert other


def test_after_a_revert_bounces_of_earlier_emails_do_not_count() -> None:
    [number] = a_sent()
    applied(about(number))
    reverted(NOW)
    earlier_bounce(number, 1, "hard")
    assert suppressed() == []
    earlier_bounce(number, -1, "hard")
    assert suppressed() == ["p0@news.example"]


def test_after_a_revert_a_complaint_counts() -> None:
    [number] = a_sent()
    applied(about(number))
    reverted(NOW)
    applied(about(number, "complained", at=NOW + DAY), now=NOW + DAY)
    assert suppressed() == ["p0@news.example"]


def test_an_email_is_one_event_of_each_kind_about_a_delivery_whatever_it_invents() -> None:
    [number] = a_sent()
    delays = [
        about(number, "deferred", event_id=str(one), recipient=f"x{one}@example.net")
        for one in range(20)
    ]
    bounces = [
        about(number, reply_class="hard", recipient="x@example.net"),
        about(number, reply_class="mailbox_full", recipient="P0@news.example"),
        about(number, reply_class="policy", recipient="y@example.net"),
    ]
    assert applied(*delays, *bounces, channel="email").new_events == 2
    kinds = db.session.execute(sa.select(Event.kind, Event.reply_class).order_by(Event.kind)).all()
    assert kinds == [("bounced", "mailbox_full"), ("deferred", "")], "what it says about P0"
    assert applied(delays[1], channel="email").new_events == 0, "within the hour"
    later = NOW + timedelta(hours=1)
    assert applied(replace(delays[1], at=later), now=later, channel="email").new_events == 1
