"""Once more, by somebody's decision: unknown, failed, cancelled and held deliveries."""

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
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.readback import campaign_balance

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
FATES: list[dict[str, Any]] = [
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


def a_finished(status: str = "sent", fates: list[dict[str, Any]] = FATES) -> Campaign:
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status=status, audience=len(fates), finished_at=EARLIER
        )
        for number, fate in enumerate(fates):
            person = a_subscriber(f"p{number}@news.example", news)
            a_delivery(campaign, person, **{"updated_at": EARLIER, **fate})
    return campaign


def statuses(campaign: Campaign) -> list[str]:
    db.session.rollback()
    return list(
        db.session.scalars(
            sa.select(Delivery.status)
            .where(Delivery.campaign_id == campaign.id)
            .order_by(Delivery.id)
        )
    )


def changed(campaign: Campaign) -> list[int]:
    """Which of FATES are queued now."""
    return [number for number, status in enumerate(statuses(campaign)) if status == "queued"]


def reread(campaign: Campaign) -> Campaign:
    return db.session.get_one(Campaign, campaign.id, populate_existing=True)


CHANCES: list[tuple[Callable[..., int], list[int]]] = [
    (resend.send_again, [1, 2]),
    (resend.retry_failed, [3]),
    (resend.send_remaining, [5]),
    (resend.release, [6]),
]


@pytest.mark.parametrize(("chance", "queued"), CHANCES)
@pytest.mark.parametrize("status", ["sent", "cancelled", "sending", "paused"])
def test_each_queues_its_own_and_nothing_else(
    app: Flask, chance: Callable[..., int], queued: list[int], status: str
) -> None:
    campaign = a_finished(status)
    with transaction():
        assert chance(campaign.id, now=NOW) == len(queued)
    assert changed(campaign) == queued
    assert reread(campaign).status == ("paused" if status == "paused" else "sending")
    assert campaign_balance(campaign.id).adds_up
    with transaction():
        assert chance(campaign.id, now=NOW) == 0, "the second press does nothing"


@pytest.mark.parametrize(("chance", "queued"), CHANCES)
@pytest.mark.parametrize("status", ["draft", "scheduled", "preparing"])
def test_none_of_it_before_the_audience_is_frozen(
    app: Flask, chance: Callable[..., int], queued: list[int], status: str
) -> None:
    campaign = a_finished(status)
    with transaction():
        assert chance(campaign.id, now=NOW) == 0
    assert changed(campaign) == []
    assert reread(campaign).status == status


def test_tries_and_time_begin_anew(app: Flask) -> None:
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


def test_nothing_of_the_earlier_tries_delays_the_new_ones(app: Flask) -> None:
    campaign = a_finished(fates=[FATES[3]])
    moments = [
        column.name
        for column in Delivery.__table__.columns
        if column.nullable and isinstance(column.type, UtcDateTime)
    ]
    with transaction():
        db.session.execute(sa.update(Delivery).values(dict.fromkeys(moments, EARLIER)))
        resend.retry_failed(campaign.id, now=NOW)
    row = db.session.execute(sa.select(Delivery.__table__)).one()
    assert {name for name in moments if row._mapping[name] is not None} == OF_WHAT_CAME_BACK


OF_WHAT_CAME_BACK = {
    "sent_at",
    "delivered_at",
    "bounced_at",
    "complained_at",
    "first_opened_at",
    "first_clicked_at",
    "unsubscribed_at",
}


def test_one_by_one_takes_the_chosen_ones_even_a_mailbox_that_was_not_there(app: Flask) -> None:
    campaign = a_finished()
    ids = list(db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)))
    with transaction():
        assert resend.retry_failed(campaign.id, ids[4:6], now=NOW) == 1
        assert resend.send_again(campaign.id, [ids[2], ids[3]], now=NOW) == 1
    assert changed(campaign) == [2, 4]


def test_anothers_deliveries_are_never_touched(app: Flask) -> None:
    campaign = a_finished()
    ids = list(db.session.scalars(sa.select(Delivery.id)))
    with transaction():
        other = a_campaign(status="sent")
        assert resend.retry_failed(other.id, ids, now=NOW) == 0
    assert reread(other).status == "sent"
    assert changed(campaign) == []


def test_nothing_to_send_opens_nothing(app: Flask) -> None:
    campaign = a_finished(fates=FATES[:1])
    with transaction():
        assert resend.retry_failed(campaign.id, now=NOW) == 0
    assert reread(campaign).status == "sent"
    assert reread(campaign).finished_at == EARLIER


def test_late_joiners_are_never_mailed_by_surprise(app: Flask) -> None:
    campaign = a_finished("cancelled")
    with transaction():
        a_subscriber("late@news.example", db.session.scalars(sa.select(a_list_of())).one())
        resend.send_remaining(campaign.id, now=NOW)
    assert len(statuses(campaign)) == len(FATES)
    assert reread(campaign).audience == len(FATES)


def a_list_of() -> Any:
    from campaigns.audience.models import AudienceList

    return AudienceList


def test_a_deleted_account_is_replaced_by_that_of_the_sender_address(app: Flask) -> None:
    campaign = a_finished()
    assert reread(campaign).provider_id is None
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    assert reread(campaign).provider_id is not None


def test_the_account_it_went_by_stays_while_it_is_there(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        account = a_provider("Old way", trouble="It was down", trouble_count=3)
        db.session.get_one(Campaign, campaign.id).provider_id = account.id
        db.session.flush()
        resend.retry_failed(campaign.id, now=NOW)
    assert reread(campaign).provider_id == account.id
    again = db.session.get_one(type(account), account.id, populate_existing=True)
    assert again.trouble == "", "it is tried at once, whatever trouble it had"


def test_leaving_it_keeps_it_unknown_and_it_is_not_asked_again(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        assert resend.leave(campaign.id, now=NOW) == 2
    assert statuses(campaign).count("unknown") == 2
    reasons = db.session.scalars(sa.select(Delivery.reason).where(Delivery.status == "unknown"))
    assert set(reasons) == {"left"}
    assert reread(campaign).status == "sent"
    with transaction():
        assert resend.send_again(campaign.id, now=NOW) == 0, "nor taken with all others"
        chosen = db.session.scalar(sa.select(Delivery.id).where(Delivery.reason == "left").limit(1))
        assert resend.send_again(campaign.id, [chosen or 0], now=NOW) == 1


def test_a_campaign_that_is_sent_on_finishes_again(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        assert not completion.finish(campaign.id, now=NOW)
        db.session.execute(
            sa.update(Delivery).where(Delivery.status == "queued").values(status="sent")
        )
        assert completion.finish(campaign.id, now=NOW)
    assert reread(campaign).finished_at == NOW


def test_it_never_finishes_over_what_is_being_queued_again(app: Flask) -> None:
    """A worker that finds nothing open, while somebody presses the button."""
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
        assert worker.is_alive(), "it waits until the button's work is done"
    worker.join(20)
    assert results == [False]
    assert reread(campaign).status == "sending"


def test_a_running_or_finished_campaign_cannot_be_edited(app: Flask) -> None:
    for status in ("preparing", "sending", "paused", "sent", "cancelled"):
        with transaction():
            campaign = a_campaign(status=status)
        with transaction(), pytest.raises(drafts.NotEditableError, match=status):
            drafts.save(campaign.id, 1, {"subject": "Other"}, editor_id=None, now=NOW)
        assert reread(campaign).subject.startswith("Hello")


# --- very many ------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are very many: two are done at once, then two at a time."""
    monkeypatch.setattr(resend, "BATCH_SIZE", 2)
    monkeypatch.setattr(resend, "SLICE", 2)


GAVE_UP = FATES[3]


def carry_on(campaign: Campaign) -> bool:
    with transaction():
        return resend.carry_on(campaign.id, now=LATER)


LATER = NOW + timedelta(minutes=1)


def under_way(campaign: Campaign) -> list[tuple[str, int, int]]:
    db.session.rollback()
    return [(c.what, c.done, c.total) for c in resend.under_way(campaign.id)]


@pytest.mark.usefixtures("few")
def test_very_many_follow_slice_by_slice(app: Flask) -> None:
    campaign = a_finished(fates=[GAVE_UP] * 7)
    with transaction():
        assert resend.retry_failed(campaign.id, now=NOW) == 2
    assert under_way(campaign) == [("failed", 2, 7)]
    assert resend.with_more() == [campaign.id]
    assert reread(campaign).status == "sending"
    assert carry_on(campaign)
    assert under_way(campaign) == [("failed", 4, 7)]
    assert campaign_balance(campaign.id).adds_up
    while carry_on(campaign):
        pass
    assert statuses(campaign) == ["queued"] * 7
    assert under_way(campaign) == []
    assert resend.with_more() == []


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", range(len(CHANCES)))
def test_each_kind_of_very_many_takes_its_own_and_nothing_else(app: Flask, kind: int) -> None:
    chance, queued = CHANCES[kind]
    campaign = a_finished(fates=[*FATES, *FATES, *FATES])
    wanted = [turn * len(FATES) + number for turn in range(3) for number in queued]
    with transaction():
        assert chance(campaign.id, now=NOW) == 2
    while carry_on(campaign):
        pass
    assert changed(campaign) == wanted


@pytest.mark.usefixtures("few")
def test_very_many_of_a_flood_of_one_group(app: Flask) -> None:
    fates = [FATES[7] | {"mailbox_group": group} for group in ("google", "yahoo") * 4]
    campaign = a_finished(fates=fates)
    with transaction():
        resend.try_group_again(campaign.id, "google", now=NOW)
        resend.try_group_again(campaign.id, "yahoo", now=LATER)
    assert under_way(campaign) == [("flood", 2, 4), ("flood", 2, 4)]
    carry_on(campaign), carry_on(campaign)
    assert changed(campaign) == [0, 1, 2, 3, 4, 6], "the first decision comes first"
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(8))


@pytest.mark.usefixtures("few")
def test_very_many_are_left_as_they_are_and_nothing_is_sent(app: Flask) -> None:
    campaign = a_finished(fates=[FATES[1]] * 5)
    with transaction():
        assert resend.leave(campaign.id, now=NOW) == 2
    while carry_on(campaign):
        pass
    assert set(db.session.scalars(sa.select(Delivery.reason))) == {"left"}
    assert reread(campaign).status == "sent"


@pytest.mark.usefixtures("few")
def test_the_same_decision_twice_is_one(app: Flask) -> None:
    campaign = a_finished(fates=[GAVE_UP] * 5)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    with transaction():
        assert resend.retry_failed(campaign.id, now=LATER) == 0
    assert under_way(campaign) == [("failed", 2, 5)]


@pytest.mark.usefixtures("few")
def test_what_fails_again_meanwhile_is_not_tried_a_third_time(app: Flask) -> None:
    """Nobody has decided on that: neither on those already tried again, nor on new ones."""
    campaign = a_finished(fates=[GAVE_UP] * 5 + [FATES[0]] * 2)
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
    assert statuses(campaign) == ["failed", *["queued"] * 4, "sent", "failed"]


@pytest.mark.usefixtures("few")
def test_a_slice_that_breaks_off_is_as_if_it_had_never_been(app: Flask) -> None:
    """As a kill does it: what was not committed is done by the next one, and done once."""
    campaign = a_finished(fates=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
    with pytest.raises(RuntimeError, match="killed"), transaction():
        resend.carry_on(campaign.id, now=LATER)
        raise RuntimeError("killed")
    assert under_way(campaign) == [("failed", 2, 6)]
    assert changed(campaign) == [0, 1]
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(6))


@pytest.mark.usefixtures("few")
def test_two_workers_at_once_share_the_slices(app: Flask) -> None:
    campaign = a_finished(fates=[GAVE_UP] * 40)
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
    assert statuses(campaign) == ["queued"] * 40
    assert under_way(campaign) == []


@pytest.mark.usefixtures("few")
def test_a_campaign_that_is_cancelled_meanwhile_stays_cancelled(app: Flask) -> None:
    campaign = a_finished("cancelled", fates=[FATES[5]] * 6)
    with transaction():
        resend.send_remaining(campaign.id, now=NOW)
        completion.cancel(campaign.id, now=LATER)
    while carry_on(campaign):
        pass
    assert statuses(campaign) == ["cancelled"] * 6
    assert reread(campaign).status == "cancelled"
    assert under_way(campaign) == []


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("status", ["paused", "sent"])
def test_it_goes_on_in_a_campaign_that_is_paused_or_seems_sent_meanwhile(
    app: Flask, status: str
) -> None:
    campaign = a_finished(fates=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        db.session.get_one(Campaign, campaign.id, populate_existing=True).status = status
    while carry_on(campaign):
        pass
    assert changed(campaign) == list(range(6))
    assert reread(campaign).status == ("paused" if status == "paused" else "sending")


@pytest.mark.usefixtures("few")
def test_very_many_of_a_deleted_campaign_are_gone_with_it(app: Flask) -> None:
    campaign = a_finished(fates=[GAVE_UP] * 6)
    with transaction():
        resend.retry_failed(campaign.id, now=NOW)
        db.session.execute(sa.delete(Campaign).where(Campaign.id == campaign.id))
    assert not carry_on(campaign)
    assert resend.with_more() == []


# --- the unknown, resolved by what came back --------------------------------------------------


def test_what_came_back_before_it_was_unknown_counts_as_well(app: Flask) -> None:
    campaign = a_finished(
        fates=[
            {"status": "unknown", "reason": "no_answer", "first_opened_at": EARLIER},
            {"status": "unknown", "reason": "no_answer", "bounced_at": EARLIER},
            {"status": "unknown", "reason": "no_answer"},
        ]
    )
    with transaction():
        assert resend.send_again(campaign.id, now=NOW) == 1
    assert statuses(campaign) == ["sent", "failed", "queued"]


def test_suppressed_people_stay_suppressed_whatever_is_tried_again(app: Flask) -> None:
    campaign = a_finished()
    with transaction():
        suppressions.suppress("p3@news.example", reason="complaint", source="loop", now=NOW)
        resend.retry_failed(campaign.id, now=NOW)
    assert suppressions.is_suppressed("p3@news.example")
