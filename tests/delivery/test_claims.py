"""Claims and outcomes: every delivery has one owner and one outcome."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import suppressions, tags
from campaigns.audience.models import Subscription
from campaigns.campaign.models import Campaign, Claim, Delivery, Reply
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import claims, outcomes
from campaigns.delivery.retry import Limits
from campaigns.messages import Outcome, Recipient, Scope, SendResult
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber
from tests.readback import delivery_statuses

NOW = utcnow()
LEASE = timedelta(seconds=90)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """A campaign in progress, with five recipients waiting."""
    with transaction():
        news = a_list()
        campaign = a_campaign(news, sender=a_sender(), status="sending")
        for number in range(1, 6):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news, name=f"P{number}"))
    return campaign


def rows(*columns: Any) -> list[tuple[Any, ...]]:
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(sa.select(*columns).order_by(Delivery.id))]


def claim(campaign_id: int, want: int, *, token: str, now: datetime) -> Sequence[Recipient]:
    """Claim deliveries of the group that all recipients here are in."""
    return claims.claim(campaign_id, {"other": want}, token=token, lease=LEASE, now=now).recipients


def test_a_claim_takes_no_more_than_was_asked_for(campaign: Campaign) -> None:
    with transaction():
        claimed = claim(campaign.id, 3, token="t1", now=NOW)
    assert [person.name for person in claimed] == ["P1", "P2", "P3"]
    assert delivery_statuses() == ["sending"] * 3 + ["queued"] * 2
    with transaction():
        assert len(claim(campaign.id, 9, token="t2", now=NOW)) == 2


def test_a_claim_reads_tags_only_for_content_that_shows_them(campaign: Campaign) -> None:
    with transaction():
        first = db.session.scalars(sa.select(Delivery.subscriber_id).order_by(Delivery.id)).first()
        tags.add(first or 0, ["VIP", "Blog"], now=NOW)
        wants = {"other": 2}
        claimed = claims.claim(campaign.id, wants, token="t1", lease=LEASE, now=NOW, with_tags=True)
        assert [person.tags for person in claimed.recipients] == [("Blog", "VIP"), ()]
        db.session.execute(sa.update(Delivery).values(status="queued", claim_token=None))
        assert [one.tags for one in claim(campaign.id, 2, token="t2", now=NOW)] == [(), ()]


def test_nothing_is_claimed_while_the_campaign_is_paused(campaign: Campaign) -> None:
    with transaction():
        db.session.get_one(Campaign, campaign.id).status = "paused"
        db.session.flush()
        assert claim(campaign.id, 3, token="t", now=NOW) == ()


def test_a_delivery_that_is_not_due_waits(campaign: Campaign) -> None:
    with transaction():
        db.session.execute(sa.update(Delivery).values(not_before=NOW + timedelta(minutes=5)))
        assert claim(campaign.id, 9, token="t", now=NOW) == ()
        assert len(claim(campaign.id, 9, token="t", now=NOW + timedelta(minutes=5))) == 5


def test_retries_go_before_first_attempts(campaign: Campaign) -> None:
    with transaction():
        for name, minutes in (("p2", 5), ("p4", -1), ("p5", -2)):
            db.session.execute(
                sa.update(Delivery)
                .where(Delivery.address == f"{name}@example.org")
                .values(not_before=NOW + timedelta(minutes=minutes))
            )
        first = claim(campaign.id, 3, token="t1", now=NOW)
        assert claims.due_groups(campaign.id, now=NOW) == ["other"]
        rest = claim(campaign.id, 3, token="t2", now=NOW)
        assert claims.due_groups(campaign.id, now=NOW) == []
    assert [person.name for person in first] == ["P1", "P4", "P5"]
    assert [person.name for person in rest] == ["P3"]


def test_each_mailbox_group_is_claimed_as_granted(campaign: Campaign) -> None:
    with transaction():
        db.session.execute(
            sa.update(Delivery).where(Delivery.id > 3).values(mailbox_group="google")
        )
        wants = {"other": 2, "google": 9, "apple": 4}
        claimed = claims.claim(campaign.id, wants, token="t", lease=LEASE, now=NOW)
    assert [person.delivery_id for person in claimed.recipients] == [1, 2, 4, 5]
    assert claimed.taken == {"other": 2, "google": 2}
    assert {person.mailbox_group for person in claimed.recipients} == {"other", "google"}


def test_a_claim_has_a_lease_until_all_its_deliveries_are_settled(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 2, token="t", now=utcnow())
    first = db.session.scalars(sa.select(Claim)).one()
    until = first.lease_until
    assert timedelta(0) < until - utcnow() <= LEASE
    with transaction():
        claims.renew(["t"], lease=LEASE, now=utcnow())
    assert db.session.scalars(sa.select(Claim.lease_until)).one() > until
    with transaction():
        claims.close(["t"])
    assert db.session.scalars(sa.select(Claim)).all() == []


def test_t2_an_unsubscribe_before_the_claim_is_honoured(campaign: Campaign) -> None:
    with transaction():
        db.session.execute(
            sa.update(Subscription)
            .where(Subscription.subscriber_id == 2)
            .values(state="unsubscribed")
        )
        claimed = claim(campaign.id, 9, token="t", now=NOW)
    assert [person.subscriber_id for person in claimed] == [1, 3, 4, 5]
    assert rows(Delivery.status, Delivery.reason)[1] == ("skipped", "unsubscribed")


def test_t4_a_suppression_before_the_claim_is_honoured(campaign: Campaign) -> None:
    with transaction():
        suppressions.suppress("p3@example.org", reason="manual", source="test", now=NOW)
        claimed = claim(campaign.id, 9, token="t", now=NOW)
    assert 3 not in [person.subscriber_id for person in claimed]
    assert rows(Delivery.status, Delivery.reason)[2] == ("skipped", "suppressed")


def test_a_deleted_subscriber_is_skipped_not_lost(campaign: Campaign) -> None:
    with transaction():
        db.session.execute(sa.update(Delivery).where(Delivery.id == 1).values(subscriber_id=None))
        assert len(claim(campaign.id, 9, token="t", now=NOW)) == 4
    assert delivery_statuses()[0] == "skipped"


def outcome(
    number: int, outcome: Outcome, reply: str = "", code: int = 0, scope: Scope = "recipient"
) -> SendResult:
    return SendResult(number, outcome, reply, code, scope)


def test_outcomes_are_recorded_and_deliveries_not_started_are_released(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 9, token="t", now=NOW)
    results = [
        outcome(1, "sent", "250 2.0.0 Ok: queued as 4XyZ12abc", 250),
        outcome(2, "failed", "550 5.1.1 no such user", 550),
        outcome(3, "deferred", "451 4.7.1 greylisted", 451),
        outcome(4, "unknown", "no answer", 0, "connection"),
    ]
    with transaction():
        outcomes.record("t", results, now=NOW)
        outcomes.release("t", [5], now=NOW)
    assert delivery_statuses() == ["sent", "failed", "queued", "unknown", "queued"]
    assert [row[0] for row in rows(Delivery.attempts)] == [1, 1, 1, 1, 0]
    assert [row[0] for row in rows(Delivery.claim_token)] == [None, None, None, "t", None]
    assert rows(Delivery.sent_at)[0] == (NOW,)
    (retry, since) = rows(Delivery.not_before, Delivery.deferred_since)[2]
    assert NOW + timedelta(minutes=5) <= retry <= NOW + timedelta(minutes=7)
    assert since == NOW


def test_a_reply_is_stored_once_and_reassembled(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 9, token="t", now=NOW)
        outcomes.record(
            "t",
            [outcome(n, "sent", f"250 2.0.0 Ok: queued as 4XyZ{n}2abc", 250) for n in (1, 2, 3)],
            now=NOW,
        )
    reply = db.session.scalars(sa.select(Reply)).one()
    assert reply.text == "250 2.0.0 Ok: queued as {ref}"
    assert [row[0] for row in rows(Delivery.reply_ref)][:3] == [
        "4XyZ12abc",
        "4XyZ22abc",
        "4XyZ32abc",
    ]


def test_only_rows_with_the_claims_token_are_changed(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 1, token="old", now=NOW)
        db.session.execute(sa.update(Delivery).where(Delivery.id == 1).values(claim_token="new"))
        outcomes.record("old", [outcome(1, "sent")], now=NOW)
    assert rows(Delivery.status, Delivery.claim_token)[0] == ("sending", "new")


def test_a_late_answer_resolves_an_unknown_delivery(
    campaign: Campaign,
) -> None:
    with transaction():
        claim(campaign.id, 1, token="t", now=NOW)
        outcomes.record("t", [outcome(1, "unknown")], now=NOW)
        outcomes.record("t", [outcome(1, "sent", "250 ok", 250)], now=NOW)
        outcomes.record("t", [outcome(1, "failed", "550 no", 550)], now=NOW)
    assert rows(Delivery.status, Delivery.reason)[0] == ("sent", "")


def test_a_refused_sender_is_never_the_recipients_fault(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 1, token="t", now=NOW)
        outcomes.record(
            "t", [outcome(1, "failed", "550 5.1.8 who are you", 550, "sender")], now=NOW
        )
    assert rows(Delivery.status, Delivery.attempts)[0] == ("queued", 0)


def test_a_delivery_fails_when_its_time_is_up(campaign: Campaign) -> None:
    with transaction():
        db.session.execute(
            sa.update(Delivery).values(attempts=5, deferred_since=NOW - timedelta(days=3))
        )
        claim(campaign.id, 1, token="t", now=NOW)
        outcomes.record("t", [outcome(1, "deferred", "451 4.3.0 later", 451)], now=NOW)
    assert rows(Delivery.status, Delivery.reason)[0] == ("failed", "gave_up")


def test_a_delivery_that_always_breaks_the_connection_fails_eventually(
    campaign: Campaign,
) -> None:
    tries = Limits().tries
    with transaction():
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id == 1)
            .values(attempts=tries - 1)
            .execution_options(synchronize_session=False)
        )
        claim(campaign.id, 2, token="t", now=NOW)
        lost = [
            SendResult(n, "unsent", "the server hung up", 0, "connection", "rcpt") for n in (1, 2)
        ]
        outcomes.record("t", lost, now=NOW)
    found = rows(Delivery.status, Delivery.reason, Delivery.attempts)
    assert found[:2] == [("failed", "gave_up", tries), ("queued", "connection", 1)]


def test_a_delivery_never_started_is_due_immediately_and_uses_no_attempt(
    campaign: Campaign,
) -> None:
    """Its lease had expired when the worker resumed, or the connection broke before the body."""
    with transaction():
        claim(campaign.id, 2, token="t", now=NOW)
        reported = outcomes.record("t", [outcome(n, "unsent") for n in (1, 2)], now=NOW)
    found = rows(Delivery.status, Delivery.reason, Delivery.attempts, Delivery.not_before)
    assert found[:2] == [("queued", "", 0, None)] * 2
    assert not reported.refused


def test_recorded_results_are_returned_by_mailbox_group_and_class(campaign: Campaign) -> None:
    with transaction():
        claimed = claim(campaign.id, 9, token="t", now=NOW)
        reported = outcomes.record(
            "t",
            [
                outcome(1, "sent", "250 ok", 250),
                outcome(2, "failed", "550 5.1.1 no such user", 550),
                outcome(3, "deferred", "421 4.7.28 unusual rate", 421),
            ],
            now=NOW,
            groups={person.delivery_id: person.mailbox_group for person in claimed},
        )
    assert reported.sent == {"other": 1}
    assert reported.refused == {("other", "hard"): 1, ("other", "throttle"): 1}
    assert reported.bounced == [2]
    assert reported.words["throttle"] == "421 4.7.28 unusual rate"


def test_a_delivery_that_cannot_be_rendered_fails_alone_with_its_reason(campaign: Campaign) -> None:
    with transaction():
        claim(campaign.id, 2, token="t", now=NOW)
        outcomes.record("t", [outcome(1, "sent")], now=NOW, unrenderable=[(2, "Too long.")])
    assert delivery_statuses()[:2] == ["sent", "failed"]
    assert db.session.scalars(sa.select(Reply.text)).all() == ["Too long."]


def test_concurrent_workers_claim_nobody_twice(app: Flask, campaign: Campaign) -> None:
    with transaction():
        for number in range(10, 110):
            subscriber = a_subscriber(f"p{number}@example.org")
            db.session.add(Subscription(list_id=1, subscriber_id=subscriber.id, state="subscribed"))
            a_delivery(campaign, subscriber)
    campaign_id = campaign.id
    seen: list[int] = []

    def work(name: str) -> None:
        with app.app_context():
            for turn in range(40):
                token = f"{name}-{turn}"
                with transaction():
                    people = claim(campaign_id, 7, token=token, now=utcnow())
                if not people:
                    return
                seen.extend(person.delivery_id for person in people)
                with transaction():
                    outcomes.record(
                        token, [outcome(p.delivery_id, "sent") for p in people], now=NOW
                    )

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(set(seen))
    assert set(delivery_statuses()) == {"sent"}
    assert len(seen) == 105


@pytest.mark.parametrize(
    ("reply", "text", "ref"),
    [
        ("250 2.0.0 Ok: queued as 4XyZ12", "250 2.0.0 Ok: queued as {ref}", "4XyZ12"),
        ("250 OK id=1rABCD-000123-4X", "250 OK id={ref}", "1rABCD-000123-4X"),
        (
            "250 2.0.0 OK  1700000001 ab-12cd34.5 - gsmtp",
            "250 2.0.0 OK  {ref} - gsmtp",
            "1700000001 ab-12cd34.5",
        ),
        ("250 2.1.5 Ok: nothing here", "250 2.1.5 Ok: nothing here", ""),
        ("550 5.1.1 no such user", "550 5.1.1 no such user", ""),
        ("", "", ""),
    ],
)
def test_a_servers_queue_id_is_extracted_from_its_reply(reply: str, text: str, ref: str) -> None:
    assert outcomes.split_reply(reply) == (text, ref)


def test_a_claim_keeps_its_size_whatever_the_query_plan(app: Flask, campaign: Campaign) -> None:
    if app.extensions["campaigns"].settings.is_sqlite:
        pytest.skip("SQLite has one plan for it")
    with transaction():
        for way in ("hashjoin", "mergejoin", "hashagg", "material", "sort", "bitmapscan"):
            db.session.execute(sa.text(f"SET LOCAL enable_{way} = off"))
        assert len(claim(campaign.id, 3, token="t", now=NOW)) == 3


def test_a_claim_brings_what_merge_tags_show_of_a_person(app: Flask) -> None:
    with transaction():
        news = a_list()
        known = {"name": "Ann Lee", "first_name": "Ann", "last_name": "Lee"}
        person = a_subscriber("ann@example.org", news, **known, attributes={"city": "Ulm"})
        campaign = a_campaign(news, status="sending")
        a_delivery(campaign, person)
        found = claims.claim(campaign.id, {"other": 1}, token="t", lease=LEASE, now=NOW)
    (recipient,) = found.recipients
    assert (recipient.first_name, recipient.last_name) == ("Ann", "Lee")
    assert (recipient.name, recipient.attributes) == ("Ann Lee", {"city": "Ulm"})
