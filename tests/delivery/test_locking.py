"""Everything that changes several deliveries locks them in the order of ids: nothing deadlocks."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import Subscription
from campaigns.campaign.models import Campaign, Claim, Delivery
from campaigns.db import db, transaction
from campaigns.delivery import claims, completion, outcomes, recovery, resend
from campaigns.delivery.journal import JournalContents
from campaigns.events import refusals
from campaigns.messages import SendResult
from campaigns.privacy import erasure
from campaigns.self_service import unsubscribe
from campaigns.tokens import DeliveryRef
from tests.events.test_consequences import NOW, SENT, a_sent, about, applied
from tests.supervisor.helpers import wait_until

TOKEN = "0" * 32


def settle(ids: Sequence[int]) -> None:
    found = [SendResult(ids[2], "sent", "250 ok", 250), SendResult(ids[0], "failed", "550 no", 550)]
    results = {result.delivery_id: result for result in found}
    recovery.settle(TOKEN, JournalContents(begun={*ids}, results=results), now=NOW)


def resolve(ids: Sequence[int]) -> None:
    resend.resolve_stamped(_campaign_of(ids), now=NOW)


def hold(ids: Sequence[int]) -> None:
    since = NOW - timedelta(hours=1)
    refusals.hold(_campaign_of(ids), "google", since=since, words="550 no", now=NOW)


def cancel(ids: Sequence[int]) -> None:
    completion.cancel_waiting(_campaign_of(ids), now=NOW)


def erase(ids: Sequence[int]) -> None:
    people = sa.select(Delivery.subscriber_id).where(Delivery.id.in_(ids))
    erasure.erase([found for found in db.session.scalars(people) if found is not None])


SENDING = {"status": "sending", "claim_token": TOKEN}
UNKNOWN = {"status": "unknown"}
REFUSED = {"status": "failed", "reason": "no_mailbox", "mailbox_group": "google"}


@pytest.mark.runs_on("postgresql")  # SQLite has one writer at a time
@pytest.mark.parametrize(
    ("change", "states", "campaign_status"),
    [
        (settle, [SENDING] * 3, "sending"),
        (
            resolve,
            [{**UNKNOWN, "delivered_at": NOW}, UNKNOWN, {**UNKNOWN, "bounced_at": NOW}],
            "sending",
        ),
        (hold, [{**REFUSED, "updated_at": NOW}] * 3, "sending"),
        (cancel, [{"status": "queued"}] * 3, "cancelled"),
        (erase, [SENT] * 3, "sent"),
    ],
    ids=lambda found: found.__name__ if callable(found) else "",
)
def test_what_comes_back_meanwhile_waits_and_never_deadlocks(
    app: Flask,
    change: Callable[[Sequence[int]], None],
    states: Sequence[dict[str, object]],
    campaign_status: str,
) -> None:
    ids = a_sent(*states)
    _store_backwards(ids, campaign_status)

    def come_back() -> None:
        with app.app_context():
            applied(*(about(one, "deferred") for one in ids))

    def change_them() -> None:
        with app.app_context(), transaction():
            change(ids)

    # What comes back locks the first of them and waits for the second.
    _run_into_each_other(
        come_back, change_them, held=sa.select(Delivery.id).where(Delivery.id == ids[1])
    )


@pytest.mark.runs_on("postgresql")
def test_a_worker_that_records_late_and_the_end_of_its_claim_wait_for_each_other(
    app: Flask,
) -> None:
    ids = a_sent(SENDING, SENDING, SENDING)
    with transaction() as session:
        claim = {"token": TOKEN, "campaign_id": _campaign_of(ids), "lease_until": NOW}
        session.execute(sa.insert(Claim).values(claim))
    is_locked = threading.Event()

    def record() -> None:
        with app.app_context(), transaction():
            outcomes.lock(ids)
            is_locked.set()
            wait_until(lambda: _waiting() == 1, "the end of the claim waits")
            claims.close([TOKEN])

    def end() -> None:
        assert is_locked.wait(60)
        with app.app_context(), transaction():
            settle(ids)

    with ThreadPoolExecutor(2) as threads:
        for found in [threads.submit(record), threads.submit(end)]:
            found.result(60)


@pytest.mark.runs_on("postgresql")
def test_unsubscribing_by_the_link_and_by_a_webhook_wait_for_each_other(app: Flask) -> None:
    ids = a_sent(SENT)
    subscriber_id = db.session.scalars(sa.select(Delivery.subscriber_id)).one()
    list_id = db.session.scalars(sa.select(Subscription.list_id)).one()
    assert subscriber_id is not None
    ref = DeliveryRef(subscriber_id, list_id, ids[0])
    db.session.rollback()

    def by_link() -> None:
        with app.app_context(), transaction():
            unsubscribe.leave(ref, ConsentEvidence("page", NOW))

    def by_webhook() -> None:
        with app.app_context():
            applied(about(ids[0], "unsubscribed"))

    _run_into_each_other(by_link, by_webhook, held=sa.select(Subscription.state))
    found = db.session.scalars(sa.select(Subscription.state)).one()
    assert found == "unsubscribed"


def _run_into_each_other(
    first: Callable[[], None], second: Callable[[], None], *, held: sa.Select[Any]
) -> None:
    """Run both at once: each waits for the `held` rows or for the other one.

    Raises the error of the one that PostgreSQL ends.
    """
    with ThreadPoolExecutor(2) as threads, db.engine.connect() as holder:
        holder.execute(held.with_for_update())
        running = []
        for number, run in enumerate((first, second), start=1):
            running.append(threads.submit(run))
            wait_until(lambda number=number: _waiting() == number, f"{number} wait")  # type: ignore[misc]
        holder.rollback()
        for one in running:
            one.result(60)


def _store_backwards(ids: Sequence[int], campaign_status: str) -> None:
    """Bring the rows into the opposite order on the disk, in which a plan may find them."""
    with transaction() as session:
        session.execute(sa.update(Campaign).values(status=campaign_status))
    for number in reversed(ids):
        with transaction() as session:
            one = sa.update(Delivery).where(Delivery.id == number)
            session.execute(one.values(attempts=1))


def _waiting() -> int:
    """Return how many transactions wait for a lock."""
    asked = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with db.engine.connect() as connection:
        return connection.scalar(asked) or 0


def _campaign_of(ids: Sequence[int]) -> int:
    return db.session.scalars(sa.select(Delivery.campaign_id).where(Delivery.id == ids[0])).one()
