"""Switching the sender: when it is allowed, what is recorded, and its effects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import drafts, fallback_sender, lifecycle, usage
from campaigns.campaign.models import CAMPAIGN_STATES, Campaign, Delivery
from campaigns.db import db, transaction
from campaigns.delivery import sender_switch, sent_counts
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from campaigns.throttling.plan import AccountHold, Grant, Plan, Windows
from tests.factories import (
    a_campaign,
    a_delivery,
    a_list,
    a_series,
    a_subscriber,
)
from tests.readback import fresh_campaign
from tests.senders import Senders, three_senders

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
def senders(app: Flask) -> Senders:
    with transaction():
        return three_senders()


def running(senders: Senders, **values: Any) -> int:
    """Create a campaign in progress from the first sender; return its id."""
    defaults: dict[str, Any] = {"status": "sending", "provider_id": senders.first.provider_id}
    with transaction():
        return a_campaign(sender=senders.first, **{**defaults, **values}).id


def go_on(campaign_id: int, sender_id: int, **values: Any) -> bool:
    with transaction():
        return sender_switch.go_on_from(campaign_id, sender_id, now=NOW, **values)


def choose(campaign_id: int, sender_id: int | None) -> bool:
    with transaction():
        return fallback_sender.choose(campaign_id, sender_id, now=NOW)


# --- switching ---------------------------------------------------------------------------------


def test_a_campaign_continues_from_the_other_sender_with_its_account(senders: Senders) -> None:
    campaign_id = running(senders, overflow_sender_id=senders.second.id, status_reason="It waits.")
    assert go_on(campaign_id, senders.second.id)
    found = fresh_campaign(campaign_id)
    assert (found.sender_id, found.provider_id) == (senders.second.id, senders.second.provider_id)
    assert found.overflow_sender_id is None
    assert (found.status, found.status_reason) == ("sending", "")
    (past,) = fallback_sender.earlier(found)
    assert (past.address, past.account, past.until) == ("news@first.example", "Relay", NOW)
    assert not past.by_itself


def test_a_simultaneous_second_switch_changes_nothing(senders: Senders) -> None:
    campaign_id = running(senders, overflow_sender_id=senders.second.id)
    assert go_on(campaign_id, senders.second.id, by_itself=True)
    assert not go_on(campaign_id, senders.second.id, by_itself=True)
    assert not go_on(campaign_id, senders.second.id)
    assert len(fallback_sender.earlier(fresh_campaign(campaign_id))) == 1


def test_a_paused_campaign_stays_paused_with_its_reason(senders: Senders) -> None:
    campaign_id = running(senders, status="paused", status_reason="Paused by hand.")
    assert go_on(campaign_id, senders.second.id)
    found = fresh_campaign(campaign_id)
    assert (found.status, found.status_reason) == ("paused", "Paused by hand.")
    assert found.provider_id == senders.second.provider_id


@pytest.mark.parametrize("status", sorted({*CAMPAIGN_STATES} - {"sending", "paused"}))
def test_no_other_campaign_can_be_switched(senders: Senders, status: str) -> None:
    campaign_id = running(senders, status=status)
    assert not go_on(campaign_id, senders.second.id)
    assert fresh_campaign(campaign_id).sender_id == senders.first.id


def test_no_switch_to_a_sender_of_the_same_account_or_none(senders: Senders) -> None:
    campaign_id = running(senders)
    assert not go_on(campaign_id, senders.same.id)
    assert not go_on(campaign_id, senders.first.id)
    assert not go_on(campaign_id, 4711)
    assert fresh_campaign(campaign_id).earlier_senders == []


def test_the_account_at_launch_counts_not_the_senders_current_one(
    senders: Senders,
) -> None:
    campaign_id = running(senders)
    with transaction():
        sender = db.session.get_one(SenderAddress, senders.first.id)
        sender.provider_id = senders.second.provider_id
    assert go_on(campaign_id, senders.second.id), "it still uses the first account"
    assert fallback_sender.earlier(fresh_campaign(campaign_id))[0].account == "Relay"


def test_an_automatic_switch_needs_a_campaign_in_progress_and_a_fallback(senders: Senders) -> None:
    unchosen = running(senders)
    paused = running(senders, status="paused", overflow_sender_id=senders.second.id)
    assert not go_on(unchosen, senders.second.id, by_itself=True)
    assert not go_on(paused, senders.second.id, by_itself=True)


def test_a_manual_switch_may_go_back_and_all_are_recorded(senders: Senders) -> None:
    campaign_id = running(senders)
    assert go_on(campaign_id, senders.second.id)
    assert go_on(campaign_id, senders.first.id)
    past = fallback_sender.earlier(fresh_campaign(campaign_id))
    assert [one.address for one in past] == ["news@first.example", "news@second.example"]


def test_only_deliveries_postponed_by_the_former_account_become_due(senders: Senders) -> None:
    later = NOW + timedelta(hours=3)
    campaign_id = running(senders)
    with transaction():
        campaign = db.session.get_one(Campaign, campaign_id)
        rows = {
            reason: a_delivery(
                campaign, a_subscriber(f"p{n}@example.org"), reason=reason, not_before=later
            ).id
            for n, reason in enumerate(("throttled", "sender_refused", "blocked", "deferred", ""))
        }
    assert go_on(campaign_id, senders.second.id)
    found = due(campaign_id)
    assert {reason for reason, number in rows.items() if found[number] == NOW} == {
        "throttled",
        "sender_refused",
    }
    assert {found[number] for number in rows.values()} == {NOW, later}


def due(campaign_id: int) -> dict[int, datetime | None]:
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.id, Delivery.not_before).where(Delivery.campaign_id == campaign_id)
    )
    return {number: not_before for number, not_before in rows}  # noqa: C416


# --- fallback senders --------------------------------------------------------------------------


@pytest.mark.parametrize("status", CAMPAIGN_STATES)
def test_a_fallback_can_be_chosen_until_the_campaign_ends(senders: Senders, status: str) -> None:
    campaign_id = running(senders, status=status)
    is_over = status in ("sent", "cancelled")
    assert choose(campaign_id, senders.second.id) is not is_over
    assert fresh_campaign(campaign_id).overflow_sender_id == (
        None if is_over else senders.second.id
    )
    assert choose(campaign_id, None) is not is_over
    assert fresh_campaign(campaign_id).overflow_sender_id is None


def test_a_sender_of_the_same_account_cannot_be_the_fallback(senders: Senders) -> None:
    campaign_id = running(senders)
    for sender_id in (senders.first.id, senders.same.id, 4711):
        assert not choose(campaign_id, sender_id)
    assert fresh_campaign(campaign_id).overflow_sender_id is None


def test_the_choice_of_fallback_senders(senders: Senders) -> None:
    def words(campaign_id: int) -> list[str]:
        return [way.words for way in fallback_sender.other_routes(fresh_campaign(campaign_id))]

    campaign_id = running(senders)
    assert words(campaign_id) == ["Example News <news@second.example> (Other)"]
    go_on(campaign_id, senders.second.id)
    assert words(campaign_id) == [
        "Example News <news@first.example> (Relay)",
        "Example News <more@first.example> (Relay)",
    ]
    with transaction():
        without = a_campaign().id
    assert words(without) == [], "it has no sender itself yet"


def test_a_draft_again_uses_the_account_of_its_sender(senders: Senders) -> None:
    """It still has the account of its first start."""
    campaign_id = running(senders, status="draft", provider_id=senders.second.provider_id)
    assert choose(campaign_id, senders.second.id)


def test_without_the_deleted_fallback_the_campaign_waits(senders: Senders) -> None:
    campaign_id = running(senders, overflow_sender_id=senders.second.id)
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == senders.second.id))
    found = fresh_campaign(campaign_id)
    assert (found.sender_id, found.overflow_sender_id) == (senders.first.id, None)


# --- when a quota is used up -------------------------------------------------------------------


def hold(kind: str, minutes: float) -> Grant:
    return Grant({}, account=AccountHold(kind, minutes * 60))


def suspended(minutes: float, *, is_quota: bool) -> Plan:
    return Plan(suspended_until=NOW + timedelta(minutes=minutes), is_quota=is_quota)


@pytest.mark.parametrize(
    ("plan", "grant", "expected"),
    [
        (Plan(), hold("day", 60), True),
        (Plan(), hold("warm_up", 60), True),
        (Plan(), hold("day", 15), False),
        (Plan(), hold("hour", 60), False),
        (Plan(), hold("minute", 60), False),
        (Plan(), hold("pace", 60), False),
        (Plan(), hold("probe", 60), False),
        (suspended(60, is_quota=True), hold("closed", 60), True),
        (suspended(15, is_quota=True), hold("closed", 15), False),
        (suspended(60, is_quota=False), hold("closed", 60), False),
        (suspended(60, is_quota=False), hold("day", 600), False),
        (suspended(-1, is_quota=True), Grant({}), False),
    ],
)
def test_which_hold_is_a_used_up_daily_limit(plan: Plan, grant: Grant, expected: bool) -> None:
    assert sender_switch.is_used_up(plan, grant, now=NOW) is expected


def test_a_limit_with_capacity_left_is_not_used_up() -> None:
    held = AccountHold("day", 3600)
    assert not sender_switch.is_used_up(Plan(), Grant({"other": 1}, account=held), now=NOW)
    assert not sender_switch.is_used_up(Plan(), Grant({}, 3600), now=NOW), "only groups are held"


def test_the_plan_without_its_daily_limit() -> None:
    plan = Plan(windows=Windows(hour=7, day=9), warm_up_per_day=5, suspended_until=NOW)
    assert sender_switch.without_day(plan) == Plan(windows=Windows(hour=7), suspended_until=NOW)
    quota = replace(plan, is_quota=True)
    assert sender_switch.without_day(quota) == Plan(windows=Windows(hour=7), is_quota=True)


# --- effects ------------------------------------------------------------------------------------


def test_an_account_stops_only_campaigns_that_still_use_it(senders: Senders) -> None:
    campaign_id = running(senders)
    go_on(campaign_id, senders.second.id)
    with transaction():
        through = senders.first.provider_id
        assert not lifecycle.pause(
            campaign_id, now=NOW, reason=Reason("status.no_account"), through=through
        )
        through = senders.second.provider_id
        assert lifecycle.pause(
            campaign_id, now=NOW, reason=Reason("status.no_account"), through=through
        )


def test_a_copy_starts_with_the_first_sender(senders: Senders) -> None:
    by_itself = running(senders, overflow_sender_id=senders.second.id)
    by_hand = running(senders)
    waiting = running(senders, overflow_sender_id=senders.second.id)
    go_on(by_itself, senders.second.id, by_itself=True)
    go_on(by_hand, senders.second.id)
    for campaign_id, expected in (
        (by_itself, (senders.first.id, senders.second.id)),
        (by_hand, (senders.first.id, None)),
        (waiting, (senders.first.id, senders.second.id)),
    ):
        with transaction():
            copy = drafts.duplicate(campaign_id, editor_id=None, now=NOW)
            assert (copy.sender_id, copy.overflow_sender_id) == expected
            assert (copy.earlier_senders, copy.provider_id) == ([], None)


def test_a_copy_after_the_first_sender_was_deleted(senders: Senders) -> None:
    campaign_id = running(senders)
    go_on(campaign_id, senders.second.id, by_itself=False)
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == senders.first.id))
    with transaction():
        copy = drafts.duplicate(campaign_id, editor_id=None, now=NOW)
        assert (copy.sender_id, copy.overflow_sender_id) == (senders.second.id, None)


def test_campaigns_with_a_fallback_sender_are_named_before_it_is_deleted(senders: Senders) -> None:
    running(senders, name="Running", overflow_sender_id=senders.second.id)
    running(senders, name="Planned", status="scheduled", overflow_sender_id=senders.second.id)
    running(senders, name="Over", status="sent", overflow_sender_id=senders.second.id)
    with transaction():
        a_series(
            a_list(), name="Weekly", sender=senders.first, overflow_sender_id=senders.second.id
        )
    assert usage.campaigns_from_sender(senders.second.id) == ["Running", "Planned", "Weekly"]
    planned = usage.campaigns_planned_on(senders.second.provider_id)
    assert planned == ["Running", "Planned", "Weekly"]
    assert usage.campaigns_on_account(senders.second.provider_id) == []


def test_each_account_is_charged_with_what_it_sent(senders: Senders) -> None:
    """Lost counters of limits are rebuilt from this."""
    campaign_id = running(senders, started_at=NOW - timedelta(hours=5))
    plain = running(senders, started_at=NOW - timedelta(hours=5))
    with transaction():
        for number, (of, hours) in enumerate(
            [(campaign_id, -3), (campaign_id, -2), (campaign_id, 2), (plain, -3), (plain, 2)]
        ):
            a_delivery(
                db.session.get_one(Campaign, of),
                a_subscriber(f"p{number}@example.org"),
                status="sent",
                mailbox_group="other",
                sent_at=NOW + timedelta(hours=hours),
            )
    go_on(campaign_id, senders.second.id)

    def charged(sender: SenderAddress) -> dict[int, int]:
        found = sent_counts.sent_in_last_day(sender.provider_id, now=NOW + timedelta(hours=3))
        return {round((at - NOW) / timedelta(hours=1)): count for at, _, count in found}

    assert charged(senders.first) == {-3: 2, -2: 1, 2: 1}
    assert charged(senders.second) == {2: 1}
    go_on(campaign_id, senders.first.id)  # and back, at the same time
    assert charged(senders.first) == {-3: 2, -2: 1, 2: 2}
    assert charged(senders.second) == {}


def test_a_finished_campaign_no_longer_refers_to_an_account(senders: Senders) -> None:
    campaign_id = running(senders)
    go_on(campaign_id, senders.second.id)
    with transaction():
        assert usage.campaigns_on_account(senders.first.provider_id) == []
        db.session.execute(
            sa.delete(SenderAddress).where(SenderAddress.provider_id == senders.first.provider_id)
        )
        account = db.session.get_one(ProviderAccount, senders.first.provider_id)
        usage.forget_account(account.id)
        db.session.delete(account)
    (past,) = fallback_sender.earlier(fresh_campaign(campaign_id))
    assert (past.address, past.account) == ("news@first.example", "Relay"), "the names remain"
