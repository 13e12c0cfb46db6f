"""Changes of consent: which are allowed, and what proof each records."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import ConsentEvent, Subscription
from campaigns.db import db, transaction
from tests.english import refused
from tests.factories import a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def proof() -> list[tuple[str, str]]:
    rows = db.session.execute(
        sa.select(ConsentEvent.kind, ConsentEvent.channel).order_by(ConsentEvent.id)
    )
    return [(kind, channel) for kind, channel in rows]


def an_unsubscribed(channel: str) -> tuple[int, int]:
    """The ids of a list and of a subscriber who left it through this channel."""
    news = a_list()
    alice = a_subscriber("alice@example.org", news)
    subscriptions.unsubscribe([news.id], alice.id, ConsentEvidence(channel, NOW))
    return news.id, alice.id


def test_a_request_is_pending_until_it_is_confirmed_once(app: Flask) -> None:
    with transaction():
        news, alice = a_list(), a_subscriber()
        assert subscriptions.state(news.id, alice.id) is None
        assert subscriptions.request(
            news.id, alice.id, ConsentEvidence("form", NOW, "Sign up", "192.0.2.1")
        )
        assert subscriptions.state(news.id, alice.id) == "pending"
        assert subscriptions.confirm(news.id, alice.id, ConsentEvidence("form", LATER))
        assert not subscriptions.confirm(news.id, alice.id, ConsentEvidence("form", LATER))
    assert subscriptions.state(news.id, alice.id) == "subscribed"
    assert proof() == [("requested", "form"), ("confirmed", "form")]
    first = db.session.scalars(sa.select(ConsentEvent).order_by(ConsentEvent.id)).first()
    assert first is not None
    assert (first.wording, first.ip, first.at) == ("Sign up", "192.0.2.1", NOW)


def test_a_repeated_request_stays_pending_and_records_the_new_email(app: Flask) -> None:
    with transaction():
        news, alice = a_list(), a_subscriber()
        subscriptions.request(news.id, alice.id, ConsentEvidence("form", NOW))
        assert subscriptions.request(news.id, alice.id, ConsentEvidence("form", LATER))
    row = db.session.scalars(sa.select(Subscription)).one()
    assert (row.state, row.state_at, row.confirm_sent_at) == ("pending", NOW, LATER)


def test_a_request_never_removes_a_subscription(app: Flask) -> None:
    with transaction():
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        assert not subscriptions.request(news.id, alice.id, ConsentEvidence("form", NOW))
    assert subscriptions.state(news.id, alice.id) == "subscribed"
    assert proof() == []


def test_after_unsubscribing_a_new_request_must_be_confirmed(app: Flask) -> None:
    with transaction():
        ids = an_unsubscribed("page")
        assert subscriptions.request(*ids, ConsentEvidence("form", LATER))
    assert subscriptions.state(*ids) == "pending"


def test_confirming_after_unsubscribing_does_not_resubscribe(app: Flask) -> None:
    with transaction():
        news, alice = a_list(), a_subscriber()
        subscriptions.request(news.id, alice.id, ConsentEvidence("form", NOW))
        subscriptions.unsubscribe([news.id], alice.id, ConsentEvidence("page", NOW))
        assert not subscriptions.confirm(news.id, alice.id, ConsentEvidence("form", LATER))
    assert subscriptions.state(news.id, alice.id) == "unsubscribed"


def test_unsubscribing_again_changes_and_records_nothing(app: Flask) -> None:
    with transaction():
        news, tips, other = a_list("News"), a_list("Tips"), a_list("Other")
        alice = a_subscriber("alice@example.org", news, tips)
        asked = [news.id, tips.id, other.id]
        left = subscriptions.unsubscribe(
            asked, alice.id, ConsentEvidence("one_click", NOW, user_agent="x" * 999), campaign_id=7
        )
        assert left == [news.id, tips.id]
        assert not subscriptions.unsubscribe(asked, alice.id, ConsentEvidence("one_click", LATER))
    assert proof() == [("unsubscribed", "one_click")] * 2
    event = db.session.scalars(sa.select(ConsentEvent)).first()
    assert event is not None
    assert (event.campaign_id, len(event.user_agent)) == (7, 300)
    assert set(db.session.scalars(sa.select(Subscription.state_at))) == {NOW}


def test_unsubscribing_from_everything_affects_all_own_lists_only(app: Flask) -> None:
    with transaction():
        news, tips = a_list("News"), a_list("Tips")
        alice = a_subscriber("alice@example.org", news, tips)
        bob = a_subscriber("bob@example.org", news)
        left = subscriptions.unsubscribe(None, alice.id, ConsentEvidence("page", NOW))
    assert left == [news.id, tips.id]
    assert subscriptions.state(news.id, bob.id) == "subscribed"


def test_subscribing_manually_twice_counts_once(app: Flask) -> None:
    with transaction():
        news, alice = a_list(), a_subscriber()
        assert subscriptions.subscribe(news.id, alice.id, ConsentEvidence("manual", NOW))
        assert not subscriptions.subscribe(news.id, alice.id, ConsentEvidence("manual", LATER))
    assert proof() == [("subscribed", "manual")]


@pytest.mark.parametrize("channel", ["page", "one_click"])
def test_only_the_subscriber_can_undo_their_unsubscribe(app: Flask, channel: str) -> None:
    with transaction():
        ids = an_unsubscribed(channel)
        with refused(subscriptions.LeftThemselvesError, "asked to come back"):
            subscriptions.subscribe(*ids, ConsentEvidence("manual", LATER))
        assert subscriptions.state(*ids) == "unsubscribed"
        assert subscriptions.subscribe(
            *ids,
            ConsentEvidence("manual", LATER, "They asked"),
            asked_to_come_back=True,
        )
    newest = db.session.scalars(sa.select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
    assert newest is not None
    assert (newest.kind, newest.wording) == ("subscribed", "They asked")


def test_a_subscriber_may_undo_their_unsubscribe(app: Flask) -> None:
    with transaction():
        ids = an_unsubscribed("page")
        assert subscriptions.subscribe(*ids, ConsentEvidence("page", NOW))
    assert subscriptions.state(*ids) == "subscribed"


def test_a_subscriber_removed_manually_may_be_added_manually(app: Flask) -> None:
    with transaction():
        ids = an_unsubscribed("manual")
        assert subscriptions.subscribe(*ids, ConsentEvidence("manual", LATER))


def test_a_suppressed_address_cannot_be_subscribed_manually(app: Flask) -> None:
    with transaction():
        news, alice = a_list(), a_subscriber()
        suppressions.suppress("alice@example.org", reason="complaint", source="test", now=NOW)
        with refused(subscriptions.SuppressedError, "Remove the suppression"):
            subscriptions.subscribe(news.id, alice.id, ConsentEvidence("manual", NOW))
    assert subscriptions.state(news.id, alice.id) is None


def test_subscribing_many_accounts_for_each(app: Flask) -> None:
    with transaction():
        news = a_list()
        new = [a_subscriber(f"new{number}@example.org") for number in range(3)]
        already = a_subscriber("already@example.org", news)
        pending = a_subscriber("pending@example.org", news, state="pending")
        left = a_subscriber("left@example.org", news)
        suppressed = a_subscriber("suppressed@example.org")
        subscriptions.unsubscribe([news.id], left.id, ConsentEvidence("page", NOW))
        suppressions.suppress("suppressed@example.org", reason="manual", source="t", now=NOW)
        everybody = [one.id for one in [*new, already, pending, left, suppressed]]
        result = subscriptions.subscribe_many(news.id, everybody, ConsentEvidence("manual", LATER))
    assert result == subscriptions.BulkSubscribed(4, 1, 1, 1)
    assert proof().count(("subscribed", "manual")) == 4


def test_removing_many_from_a_list_keeps_the_others(app: Flask) -> None:
    with transaction():
        news, tips = a_list("News"), a_list("Tips")
        some = [a_subscriber(f"a{number}@example.org", news, tips) for number in range(4)]
        ids = [one.id for one in some[:3]]
        assert subscriptions.unsubscribe_many(
            news.id, ids, ConsentEvidence("manual", NOW)
        ) == sorted(ids)
        assert subscriptions.unsubscribe_many(news.id, ids, ConsentEvidence("manual", NOW)) == []
    assert subscriptions.state(news.id, some[3].id) == "subscribed"
    assert subscriptions.state(tips.id, some[0].id) == "subscribed"
    assert proof() == [("unsubscribed", "manual")] * 3


def test_a_loaded_subscription_shows_the_new_status(app: Flask) -> None:
    with transaction():
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        alice.name = "Alice"  # not yet flushed; must not be lost
        row = db.session.get_one(Subscription, (news.id, alice.id))
        subscriptions.unsubscribe([news.id], alice.id, ConsentEvidence("page", NOW))
        assert row.state == "unsubscribed"
    assert alice.name == "Alice"


def test_whoever_unsubscribes_after_a_user_removed_them_has_left_themselves(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", news)
        subscriptions.unsubscribe([news.id], ann.id, ConsentEvidence("manual", NOW))
        assert subscriptions.unsubscribed_themselves([news.id], [ann.id]) == set()
        for _ in range(2):
            assert subscriptions.unsubscribe(None, ann.id, ConsentEvidence("page", LATER)) == []
        assert subscriptions.unsubscribed_themselves([news.id], [ann.id]) == {(news.id, ann.id)}
        ends = sa.select(ConsentEvent.channel).where(ConsentEvent.kind == "unsubscribed")
        assert db.session.scalars(ends.order_by(ConsentEvent.id)).all() == ["manual", "page"]
