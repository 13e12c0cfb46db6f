"""Freezing an audience: everyone once, in one statement that databases plan well."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, Subscriber, Subscription, Suppression
from campaigns.campaign import audience
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, is_postgresql, transaction
from campaigns.delivery.expand import expand
from campaigns.privacy import erasure
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _campaign(*lists: AudienceList, excluded: tuple[AudienceList, ...] = ()) -> Campaign:
    return a_campaign(*lists, excluded=excluded, status="preparing")


def _freeze(campaign: Campaign) -> bool:
    with transaction():
        return expand(campaign.id, links=(), now=NOW)


def _rows(campaign: Campaign) -> list[tuple[str, int | None, str, str]]:
    """Address, list, status and reason of each row, in the order of insertion."""
    rows = db.session.execute(
        sa.select(Delivery.address, Delivery.list_id, Delivery.status, Delivery.reason)
        .where(Delivery.campaign_id == campaign.id)
        .order_by(Delivery.id)
    )
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_everyone_gets_one_row_in_the_order_of_subscribers(app: Flask) -> None:
    with transaction():
        news, offers, staff = a_list("News"), a_list("Offers"), a_list("Staff")
        a_subscriber("offers@example.org", offers)
        a_subscriber("both@example.org", offers, news)
        a_subscriber("staff@example.org", news, offers, staff)
        a_subscriber("suppressed@example.org", news)
        a_subscriber("gone@example.org", news, state="unsubscribed")
        a_subscriber("waiting@example.org", offers, state="pending")
        a_subscriber("news@example.org", news)
        db.session.add(Suppression(address_normal="suppressed@example.org"))
        campaign = _campaign(offers, news, excluded=(staff,))
    assert _freeze(campaign)
    assert _rows(campaign) == [
        ("offers@example.org", offers.id, "queued", ""),
        ("both@example.org", news.id, "queued", ""),
        ("suppressed@example.org", news.id, "skipped", "suppressed"),
        ("news@example.org", news.id, "queued", ""),
    ]
    found = db.session.get_one(Campaign, campaign.id, populate_existing=True)
    assert (found.matched, found.duplicates, found.excluded, found.audience) == (7, 2, 1, 4)


@pytest.mark.parametrize("with_excluded", [False, True])
def test_a_single_list_is_frozen_in_the_same_way(app: Flask, with_excluded: bool) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        a_subscriber("a@example.org", news)
        a_subscriber("b@example.org", news, staff)
        campaign = _campaign(news, excluded=(staff,) if with_excluded else ())
    assert _freeze(campaign)
    expected = ["a@example.org"] if with_excluded else ["a@example.org", "b@example.org"]
    assert [address for address, *_ in _rows(campaign)] == expected
    found = db.session.get_one(Campaign, campaign.id, populate_existing=True)
    counts = (found.matched, found.duplicates, found.excluded, found.audience)
    assert counts == (2, 0, int(with_excluded), len(expected))


def test_subscribers_who_join_later_are_not_included(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("early@example.org", news)
        late = a_subscriber("late@example.org")
        campaign = _campaign(news)
    assert _freeze(campaign)
    with transaction():
        subscriptions.subscribe(news.id, late.id, ConsentEvidence("manual", NOW))
    assert not _freeze(campaign)
    assert [address for address, *_ in _rows(campaign)] == ["early@example.org"]


def test_the_database_refuses_a_second_row_for_a_subscriber(app: Flask) -> None:
    with transaction():
        alice = a_subscriber()
        campaign = a_campaign()
        a_delivery(campaign, alice)
    with pytest.raises(sa.exc.IntegrityError), transaction():
        a_delivery(campaign, alice)


def _meanwhile(app: Flask, work: Callable[[], object]) -> threading.Thread:
    """Start work in its own transaction; it has begun and waits when this returns."""

    def run() -> None:
        with app.app_context(), transaction():
            work()

    worker = threading.Thread(target=run)
    worker.start()
    worker.join(0.3)
    assert worker.is_alive(), "it waits for the open transaction"
    return worker


def test_freezing_twice_at_once_writes_one_set_of_rows(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("a@example.org", news)
        campaign = _campaign(news)
    number, results = campaign.id, list[bool]()
    with transaction():
        assert expand(number, links=(), now=NOW)
        second = _meanwhile(app, lambda: results.append(expand(number, links=(), now=NOW)))
    second.join(20)
    assert results == [False]
    assert len(_rows(campaign)) == 1


# --- subscribers erased meanwhile: no foreign key prevents it --------------------------------


def _two_subscribers() -> tuple[Campaign, int]:
    news = a_list()
    alice, _ = a_subscriber("alice@example.org", news), a_subscriber("bob@example.org", news)
    return _campaign(news), alice.id


def test_subscribers_erased_while_an_audience_is_frozen_are_not_named_in_it(app: Flask) -> None:
    with transaction():
        campaign, alice = _two_subscribers()
    with transaction():
        assert expand(campaign.id, links=(), now=NOW)
        erasing = _meanwhile(app, lambda: erasure.erase([alice]))
    erasing.join(20)
    db.session.rollback()
    assert [address for address, *_ in _rows(campaign)] == ["", "bob@example.org"]
    assert db.session.scalar(sa.select(Delivery.subscriber_id).order_by(Delivery.id)) is None
    assert db.session.get(Subscriber, alice) is None


def test_an_audience_is_frozen_without_subscribers_being_erased(app: Flask) -> None:
    with transaction():
        campaign, alice = _two_subscribers()
    number = campaign.id
    with transaction():
        assert erasure.erase([alice]) == 1
        freezing = _meanwhile(app, lambda: expand(number, links=(), now=NOW))
    freezing.join(20)
    db.session.rollback()
    assert [address for address, *_ in _rows(campaign)] == ["bob@example.org"]


# --- rows deleted by hand: triggers do what foreign keys did ----------------------------


def test_deleting_a_campaign_deletes_its_deliveries(app: Flask) -> None:
    with transaction():
        alice = a_subscriber()
        gone, stays = a_campaign(), a_campaign()
        a_delivery(gone, alice)
        kept = a_delivery(stays, alice)
    with transaction():
        db.session.execute(sa.delete(Campaign).where(Campaign.id == gone.id))
    assert db.session.scalars(sa.select(Delivery.id)).all() == [kept.id]


def test_deleting_a_subscriber_clears_it_from_deliveries(app: Flask) -> None:
    with transaction():
        alice, bob = a_subscriber("alice@example.org"), a_subscriber("bob@example.org")
        campaign = a_campaign()
        a_delivery(campaign, alice)
        a_delivery(campaign, bob)
    with transaction():
        db.session.execute(sa.delete(Subscriber).where(Subscriber.id == alice.id))
    found = db.session.scalars(sa.select(Delivery.subscriber_id).order_by(Delivery.id)).all()
    assert found == [None, bob.id]


# --- plans ---------------------------------------------------------------------------------------


def _many_subscribers(count: int, news: AudienceList) -> None:
    db.session.execute(
        sa.insert(Subscriber),
        [
            {
                "address": f"p{number}@example.org",
                "address_normal": f"p{number}@example.org",
                "domain": "example.org",
            }
            for number in range(count)
        ],
    )
    everybody = sa.select(sa.literal(news.id), Subscriber.id, sa.literal("subscribed"))
    db.session.execute(
        sa.insert(Subscription).from_select(["list_id", "subscriber_id", "state"], everybody)
    )


def test_postgresql_estimates_the_number_of_rows(app: Flask) -> None:
    """With a wrong estimate, it did thousands of look-ups per row for a million rows."""
    if not is_postgresql():
        pytest.skip("SQLite plans without counting")
    with transaction():
        news, others = a_list("News"), [a_list(f"List {number}") for number in range(20)]
        _many_subscribers(5_000, news)
        for number, other in enumerate(others, start=1):
            a_subscriber(f"other{number}@example.org", other)
        db.session.execute(sa.text("ANALYZE"))
        one, many = _campaign(news), _campaign(news, *others[1:], excluded=(others[0],))
    for campaign, people in ((one, 5_000), (many, 5_019)):
        query = audience.audience(audience.scope_of(campaign.id, now=NOW))
        plan = db.session.execute(
            sa.text(f"EXPLAIN {query.compile(db.engine, compile_kwargs={'literal_binds': True})}")
        ).scalars()
        rows = int(next(iter(plan)).partition("rows=")[2].split()[0])
        assert people / 2 < rows < people * 2


@pytest.mark.parametrize(
    "look_up",
    [
        sa.select(Delivery.status).where(Delivery.subscriber_id == 1),
        sa.select(Delivery.status).where(Delivery.subscriber_id.in_([1, 2])),
    ],
)
def test_the_deliveries_of_a_subscriber_are_found_by_the_unique_key(
    app: Flask, look_up: sa.Select[str]
) -> None:
    sql = look_up.compile(db.engine, compile_kwargs={"literal_binds": True})
    if is_postgresql():
        db.session.execute(sa.text("SET enable_seqscan = off"))  # the table is empty
        plan = db.session.scalars(sa.text(f"EXPLAIN {sql}")).all()
        assert any("uq_delivery_subscriber_campaign" in line for line in plan)
    else:
        steps = db.session.execute(sa.text(f"EXPLAIN QUERY PLAN {sql}")).all()
        assert "sqlite_autoindex_delivery_1 (subscriber_id=?)" in steps[0].detail
