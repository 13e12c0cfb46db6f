"""Manual resends and retries: unknown, failed, cancelled and held deliveries."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import suppressions
from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import UtcDateTime, db, transaction
from campaigns.delivery import completion, resend
from campaigns.reason import Reason
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.readback import campaign_balance, delivery_statuses, fresh_campaign

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
OUTCOMES: list[dict[str, Any]] = [
    {"status": "sent", "sent_at": EARLIER},
    {"status": "unknown", "reason": "no_answer", "claim_token": "t", "attempts": 1},
    {"status": "unknown", "reason": "lost_worker", "attempts": 3},
    {"status": "failed", "reason": "gave_up", "attempts": 14},
    {"status": "failed", "reason": "no_mailbox", "attempts": 1},
    {"status": "cancelled", "reason": "cancelled"},
    {"status": "held", "reason": "blocked"},
    {"status": "held", "reason": "flood"},
    {"status": "skipped", "reason": "suppressed"},
]


def a_finished(status: str = "sent", outcomes: list[dict[str, Any]] = OUTCOMES) -> Campaign:
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status=status, audience=len(outcomes), finished_at=EARLIER
        )
        for number, outcome in enumerate(outcomes):
            person = a_subscriber(f"p{number}@news.example", news)
            a_delivery(campaign, person, **{"updated_at": EARLIER, **outcome})
    return campaign


def changed(campaign: Campaign) -> list[int]:
    """The indexes of `OUTCOMES` that are queued now."""
    return [
        number for number, status in enumerate(delivery_statuses(campaign)) if status == "queued"
    ]


ACTIONS: list[tuple[Callable[..., int], list[int]]] = [
    (resend.send_again, [1, 2]),
    (resend.retry_failed, [3]),
    (resend.send_remaining, [5]),
    (resend.release, [6]),
]


@pytest.mark.parametrize(("action", "queued"), ACTIONS)
@pytest.mark.parametrize("status", ["sent", "cancelled", "sending", "paused"])
def test_each_action_queues_its_own_deliveries_only(
    app: Flask, action: Callable[..., int], queued: list[int], status: str
) -> None:
    campaign = a_finished(status)
    with transaction():
        assert action(campaign.id, now=NOW) == len(queued)
    assert changed(campaign) == queued
    assert fresh_campaign(campaign).status == ("paused" if status == "paused" else "sending")
    assert campaign_balance(campaign.id).adds_up
    with transaction():
        assert action(campaign.id, now=NOW) == 0, "pressing again does nothing"


@pytest.mark.parametrize(("action", "queued"), ACTIONS)
@pytest.mark.parametrize("status", ["draft", "scheduled", "preparing"])
def test_no_action_before_the_audience_is_frozen(
    app: Flask, action: Callable[..., int], queued: list[int], status: str
) -> None:
    campaign = a_finished(status)
    with transaction():
        assert action(campaign.id, now=NOW) == 0
    assert changed(campaign) == []
    assert fresh_campaign(campaign).status == status


def test_attempts_and_time_limit_start_again(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        resend.send_again(campaign.id, now=NOW)
    rows = db.session.execute(
        sa.select(
            Delivery.attempts, Delivery.reason, Delivery.not_before, Delivery.claim_token
        ).where(Delivery.status == "queued")
    )
    assert {tuple(row) for row in rows} == {(0, "", None, None)}


def test_earlier_attempts_do_not_delay_new_ones(app: Flask) -> None:
    campaign = a_finished(outcomes=[OUTCOMES[3]])
    times = [
        column.name
        for column in Delivery.__table__.columns
        if column.nullable and isinstance(column.type, UtcDateTime)
    ]
    with transaction():
        db.session.execute(sa.update(Delivery).values(dict.fromkeys(times, EARLIER)))
        resend.retry_failed(campaign.id, now=NOW)
    row = db.session.execute(sa.select(Delivery.__table__)).one()
    assert {name for name in times if row._mapping[name] is not None} == EVENTS_BEFORE


EVENTS_BEFORE = {
    "sent_at",
    "delivered_at",
    "bounced_at",
    "complained_at",
    "first_opened_at",
    "first_clicked_at",
    "unsubscribed_at",
}


def test_selected_deliveries_are_queued_even_to_a_nonexistent_mailbox(app: Flask) -> None:
    campaign = a_finished()
    ids = list(db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)))
    with transaction():
        assert resend.retry_failed(campaign.id, ids[4:6], now=NOW) == 1
        assert resend.send_again(campaign.id, [ids[2], ids[3]], now=NOW) == 1
    assert changed(campaign) == [2, 4]


def test_deliveries_of_other_campaigns_are_unchanged(app: Flask) -> None:
    campaign = a_finished()
    ids = list(db.session.scalars(sa.select(Delivery.id)))
    with transaction():
        other = a_campaign(status="sent")
        assert resend.retry_failed(other.id, ids, now=NOW) == 0
    assert fresh_campaign(other).status == "sent"
    assert changed(campaign) == []


def test_without_deliveries_to_send_the_campaign_stays_finished(app: Flask) -> None:
    campaign = a_finished(outcomes=OUTCOMES[:1])
    with transaction():
        assert resend.retry_failed(campaign.id, now=NOW) == 0
    assert fresh_campaign(campaign).status == "sent"
    assert fresh_campaign(campaign).finished_at == EARLIER


def test_subscribers_who_joined_later_are_not_included(app: Flask) -> None:
    campaign = a_finished("cancelled")
    with transaction():
        a_subscriber("late@news.example", db.session.scalars(sa.select(a_list_of())).one())
        resend.send_remaining(campaign.id, now=NOW)
    assert len(delivery_statuses(campaign)) == len(OUTCOMES)
    assert fresh_campaign(campaign).audience == len(OUTCOMES)


def a_list_of() -> Any:
    from campaigns.audience.models import AudienceList

    return AudienceList


def test_a_deleted_account_is_replaced_by_the_senders_account(app: Flask) -> None:
    campaign = a_finished()
    assert fresh_campaign(campaign).provider_id is None
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    assert fresh_campaign(campaign).provider_id is not None


def test_the_account_is_kept_while_it_exists(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        account = a_provider("Old way", trouble="It was down", trouble_count=3)
        db.session.get_one(Campaign, campaign.id).provider_id = account.id
        db.session.flush()
        resend.retry_failed(campaign.id, now=NOW)
    assert fresh_campaign(campaign).provider_id == account.id
    again = db.session.get_one(type(account), account.id, populate_existing=True)
    assert again.trouble == "", "it is tried immediately, whatever trouble it had"


def test_a_dismissed_unknown_delivery_stays_unknown(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        assert resend.leave(campaign.id, now=NOW) == 2
    assert delivery_statuses(campaign).count("unknown") == 2
    reasons = db.session.scalars(sa.select(Delivery.reason).where(Delivery.status == "unknown"))
    assert set(reasons) == {"left"}
    assert fresh_campaign(campaign).status == "sent"
    with transaction():
        assert resend.send_again(campaign.id, now=NOW) == 0, "nor included with all others"
        chosen = db.session.scalar(sa.select(Delivery.id).where(Delivery.reason == "left").limit(1))
        assert resend.send_again(campaign.id, [chosen or 0], now=NOW) == 1


def test_a_resumed_campaign_finishes_again(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        assert not completion.finish(campaign.id, now=NOW)
        db.session.execute(
            sa.update(Delivery).where(Delivery.status == "queued").values(status="sent")
        )
        assert completion.finish(campaign.id, now=NOW)
    assert fresh_campaign(campaign).finished_at == NOW


def test_a_campaign_does_not_finish_while_deliveries_are_queued_again(app: Flask) -> None:
    """A worker finds nothing open while a user starts the resend."""
    campaign = a_finished("sending")
    results: list[bool] = []

    def finish() -> None:
        with app.app_context(), transaction():
            results.append(completion.finish(campaign.id, now=NOW))

    worker = threading.Thread(target=finish)
    with transaction():
        assert resend.retry_failed(campaign.id, now=NOW) == 1
        worker.start()
        worker.join(0.3)
        assert worker.is_alive(), "it waits until the user's action is done"
    worker.join(20)
    assert results == [False]
    assert fresh_campaign(campaign).status == "sending"


def test_a_running_or_finished_campaign_cannot_be_edited(app: Flask) -> None:
    for status in ("preparing", "sending", "paused", "sent", "cancelled"):
        with transaction():
            campaign = a_campaign(status=status)
        with transaction(), pytest.raises(drafts.NotEditableError) as refused:
            drafts.save(campaign.id, 1, {"subject": "Other"}, editor_id=None, now=NOW)
        assert refused.value.reason == Reason("draft.locked", {"status": status})
        assert fresh_campaign(campaign).subject.startswith("Hello")


# --- large resends --------------------------------------------------------------------------------


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three deliveries a large resend: two immediately, then two per slice."""
    monkeypatch.setattr(resend, "BATCH_SIZE", 2)
    monkeypatch.setattr(resend, "SLICE", 2)


GAVE_UP = OUTCOMES[3]


def carry_on(campaign: Campaign) -> bool:
    with transaction():
        return resend.carry_on(campaign.id, now=LATER)


LATER = NOW + timedelta(minutes=1)


def runs_in_progress(campaign: Campaign) -> list[tuple[str, int, int]]:
    db.session.rollback()
    return [(c.what, c.done, c.total) for c in resend.under_way(campaign.id)]


@pytest.mark.usefixtures("small_batches")
def test_a_large_retry_is_queued_slice_by_slice(app: Flask) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 7)
    with transaction():
        assert resend.retry_failed(campaign.id, now=NOW) == 2
    assert runs_in_progress(campaign) == [("failed", 2, 7)]
    assert resend.with_more() == [campaign.id]
    assert fresh_campaign(campaign).status == "sending"
    assert carry_on(campaign)
    assert runs_in_progress(campaign) == [("failed", 4, 7)]
    assert campaign_balance(campaign.id).adds_up
    while carry_on(campaign):
        pass
    assert delivery_statuses(campaign) == ["queued"] * 7
    assert runs_in_progress(campaign) == []
    assert resend.with_more() == []


@pytest.mark.usefixtures("small_batches")
def test_stored_counts_are_invalid_as_soon_as_a_large_retry_has_ended(app: Flask) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 5)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    while runs_in_progress(campaign):
        assert fresh_campaign(campaign).updated_at < LATER
        carry_on(campaign)
    assert fresh_campaign(campaign).updated_at == LATER


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("kind", range(len(ACTIONS)))
def test_each_large_action_queues_its_own_deliveries_only(app: Flask, kind: int) -> None:
    action, queued = ACTIONS[kind]
    campaign = a_finished(outcomes=[*OUTCOMES, *OUTCOMES, *OUTCOMES])
    wanted = [turn * len(OUTCOMES) + number for turn in range(3) for number in queued]
    with transaction():
        assert action(campaign.id, now=NOW) == 2
    while carry_on(campaign):
        pass
    assert changed(campaign) == wanted


@pytest.mark.usefixtures("small_batches")
def test_a_large_retry_of_a_held_group(app: Flask) -> None:
    outcomes = [OUTCOMES[7] | {"mailbox_group": group} for group in ("google", "yahoo") * 4]
    campaign = a_finished(outcomes=outcomes)
    with transaction():
        resend.retry_group(campaign.id, "google", now=NOW)
        resend.retry_group(campaign.id, "yahoo", now=LATER)
    assert runs_in_progress(campaign) == [("flood", 2, 4), ("flood", 2, 4)]
    carry_on(campaign), carry_on(campaign)
    assert changed(campaign) == [0, 1, 2, 3, 4, 6], "the first decision wins"
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(8))


@pytest.mark.usefixtures("small_batches")
def test_dismissing_many_sends_nothing(app: Flask) -> None:
    campaign = a_finished(outcomes=[OUTCOMES[1]] * 5)
    with transaction():
        assert resend.leave(campaign.id, now=NOW) == 2
    while carry_on(campaign):
        pass
    assert set(db.session.scalars(sa.select(Delivery.reason))) == {"left"}
    assert fresh_campaign(campaign).status == "sent"


@pytest.mark.usefixtures("small_batches")
def test_the_same_action_twice_counts_once(app: Flask) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 5)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    with transaction():
        assert resend.retry_failed(campaign.id, now=LATER) == 0
    assert runs_in_progress(campaign) == [("failed", 2, 5)]


@pytest.mark.usefixtures("small_batches")
def test_a_delivery_that_fails_again_is_not_retried_by_the_same_action(app: Flask) -> None:
    """The decision covers neither deliveries already retried nor new failures."""
    campaign = a_finished(outcomes=[GAVE_UP] * 5 + [OUTCOMES[0]] * 2)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        ids = db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)).all()
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id.in_([ids[0], ids[6]]))
            .values(status="failed", reason="gave_up", updated_at=LATER)
        )
    while carry_on(campaign):
        pass
    assert delivery_statuses(campaign) == ["failed", *["queued"] * 4, "sent", "failed"]


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_slice_changes_nothing(app: Flask) -> None:
    """As after a kill: the next slice does what was not committed, once."""
    campaign = a_finished(outcomes=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    with pytest.raises(RuntimeError, match="killed"), transaction():
        resend.carry_on(campaign.id, now=LATER)
        raise RuntimeError("killed")
    assert runs_in_progress(campaign) == [("failed", 2, 6)]
    assert changed(campaign) == [0, 1]
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(6))


@pytest.mark.usefixtures("small_batches")
def test_concurrent_workers_share_the_slices(app: Flask) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 40)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)

    def work() -> None:
        with app.app_context():
            while carry_on(campaign):
                pass

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert delivery_statuses(campaign) == ["queued"] * 40
    assert runs_in_progress(campaign) == []


@pytest.mark.usefixtures("small_batches")
def test_a_campaign_cancelled_meanwhile_stays_cancelled(app: Flask) -> None:
    campaign = a_finished("cancelled", outcomes=[OUTCOMES[5]] * 6)
    with transaction():
        resend.send_remaining(campaign.id, now=NOW)
        completion.cancel(campaign.id, now=LATER)
    while carry_on(campaign):
        pass
    assert delivery_statuses(campaign) == ["cancelled"] * 6
    assert fresh_campaign(campaign).status == "cancelled"
    assert runs_in_progress(campaign) == []


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("status", ["paused", "sent"])
def test_a_large_retry_continues_while_the_campaign_is_paused_or_sent(
    app: Flask, status: str
) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        db.session.get_one(Campaign, campaign.id, populate_existing=True).status = status
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(6))
    assert fresh_campaign(campaign).status == ("paused" if status == "paused" else "sending")


@pytest.mark.usefixtures("small_batches")
def test_deleting_a_campaign_ends_its_large_retry(app: Flask) -> None:
    campaign = a_finished(outcomes=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        db.session.execute(sa.delete(Campaign).where(Campaign.id == campaign.id))
    assert not carry_on(campaign)
    assert resend.with_more() == []


# --- unknown deliveries resolved by events --------------------------------------------------


def test_events_before_a_delivery_became_unknown_resolve_it_as_well(app: Flask) -> None:
    campaign = a_finished(
        outcomes=[
            {"status": "unknown", "reason": "no_answer", "first_opened_at": EARLIER},
            {"status": "unknown", "reason": "no_answer", "bounced_at": EARLIER},
            {"status": "unknown", "reason": "no_answer"},
        ]
    )
    with transaction():
        assert resend.send_again(campaign.id, now=NOW) == 1
    assert delivery_statuses(campaign) == ["sent", "failed", "queued"]


def test_suppressed_recipients_stay_suppressed_whatever_is_retried(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        suppressions.suppress("p3@news.example", reason="complaint", source="loop", now=NOW)
        resend.retry_failed(campaign.id, now=NOW)
    assert suppressions.is_suppressed("p3@news.example")
