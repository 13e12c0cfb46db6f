"""Canary sending: the size of the test group, its results, and the decision."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaigns.campaign import drafts, lifecycle
from campaigns.campaign.canary_plan import USUAL, Band, CanaryPlan, configure, how_many, plan_in
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import canary, claims, resend
from campaigns.delivery.canary_policy import Figures, judge
from campaigns.delivery.expand import expand
from campaigns.events import refusals
from campaigns.reason import Reason
from tests.english import in_english
from tests.factories import (
    a_campaign,
    a_delivery,
    a_list,
    a_provider,
    a_sender,
    a_subscriber,
    subscribers,
)
from tests.readback import fresh_campaign

NOW = utcnow()
MINUTE = timedelta(minutes=1)
HALF_AN_HOUR = timedelta(minutes=30)

# --- group size --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipients", "share", "first"),
    [(10_000, 2, 200), (1_000, 2, 50), (51, 2, 50), (50, 2, 0), (10_000, 0, 0), (999, 20, 200)],
)
def test_the_test_group_is_a_share_of_at_least_fifty_but_not_everyone(
    recipients: int, share: float, first: int
) -> None:
    assert how_many(recipients, share) == first


def test_the_test_group_includes_a_few_of_each_mailbox_group() -> None:
    recipients = {"google": 6_000, "other": 3_990, "gmx": 10, "sky": 3}
    quotas = canary.quotas(recipients, 2)
    assert quotas == {"google": 121, "other": 80, "gmx": 5, "sky": 3}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 5_000), min_size=1),
    st.floats(0.1, 50),
)
def test_no_quota_exceeds_its_group_and_someone_remains(
    recipients: dict[str, int], share: float
) -> None:
    quotas = canary.quotas(recipients, share)
    assert all(0 < quotas[group] <= recipients[group] for group in quotas)
    if quotas:
        assert quotas.keys() == recipients.keys()
        assert sum(quotas.values()) < sum(recipients.values())


# --- the decision ------------------------------------------------------------------------------

GOOD = Figures(results=100, refusals=2, deferrals=3)
BAD = Figures(results=100, refusals=30)
BORDERLINE = Figures(results=100, refusals=7)


def verdict(groups: Mapping[str, Figures], *, is_over: bool = True, may_hold: bool = True) -> Any:
    found = judge(groups, USUAL, is_over=is_over, may_hold=may_hold)
    return found and (found.what, found.group)


def test_good_results_are_observed_to_the_end_then_the_rest_follows() -> None:
    assert verdict({"google": GOOD, "other": GOOD}, is_over=False) is None
    assert verdict({"google": GOOD, "other": GOOD}) == ("go_on", "")


@pytest.mark.parametrize("is_over", [False, True])
def test_one_bad_group_is_held_immediately(is_over: bool) -> None:
    groups = {"google": BAD, "other": GOOD}
    assert verdict(groups, is_over=is_over) == ("hold", "google")


@pytest.mark.parametrize(
    "groups",
    [
        {"other": BAD},
        {"google": BAD, "other": BAD},
        # Each group is too small for a decision, but all together are not.
        {name: Figures(results=5, refusals=2) for name in "abcdefgh"},
    ],
)
def test_bad_results_everywhere_stop_immediately(groups: dict[str, Figures]) -> None:
    assert verdict(groups, is_over=False) == ("stop", "")


def test_a_second_bad_group_stops_the_campaign() -> None:
    assert verdict({"google": BAD, "other": GOOD}, may_hold=False) == ("stop", "")


def test_borderline_results_need_a_decision_but_only_at_the_end() -> None:
    assert verdict({"other": BORDERLINE}, is_over=False) is None
    assert verdict({"other": BORDERLINE}) == ("stop", "")


def test_one_borderline_group_is_held_at_the_end() -> None:
    groups = {"google": BORDERLINE, "other": GOOD, "gmx": GOOD}
    assert verdict(groups, is_over=False) is None
    assert verdict({"google": Figures(100, 100, 9), "other": GOOD}) == ("hold", "google")
    assert verdict(groups) == ("go_on", ""), "all together are below the band"


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (
            Figures(results=50, refusals=2, complaints=1),
            "go_on",
        ),  # one complaint is an accident
        (Figures(results=50, complaints=2), "stop"),
        (Figures(results=1_000, complaints=2), "stop"),  # 0.2%: borderline
        (Figures(results=3_000, complaints=2), "go_on"),
        (Figures(results=100, bounces=6), "stop"),
        (Figures(results=100, deferrals=41), "stop"),
        (Figures(results=100, deferrals=14), "go_on"),
    ],
)
def test_the_default_bands(found: Figures, what: str) -> None:
    assert verdict({"other": found}) == (what, "")


def test_too_few_results_do_not_stop_early() -> None:
    few = {"a": Figures(results=6, refusals=6), "b": Figures(open=30)}
    assert verdict(few, is_over=False) is None
    assert verdict({}) is None


def test_the_explanation_names_the_figure_and_its_limit() -> None:
    found = judge({"google": BAD, "other": GOOD}, USUAL, is_over=False, may_hold=True)
    assert found is not None
    assert in_english(found.reason) == (
        "Of the first 100 emails to Gmail, 30% were refused (above 10%)."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0%"), (0.125, "0.12%"), (0.3, "0.3%"), (2, "2%"), (99.6, "99.6%"), (20, "20%")],
)
def test_percentages_in_explanations(value: float, words: str) -> None:
    params = {"whom": "Gmail", "count": 100, "share_percent": value, "limit_percent": 10}
    assert f", {words} were refused" in in_english(Reason("canary.refusals_above", params))


# --- on the database ---------------------------------------------------------------------------


def expanded(recipients: Mapping[str, int], **values: Any) -> int:
    """Create a campaign with a frozen audience; return its id."""
    with transaction():
        news = a_list()
        for group, count in recipients.items():
            subscribers((f"p{number}@{group}.example" for number in range(count)), news)
        values = {"canary_percent": 20.0, "status": "preparing", **values}
        campaign = a_campaign(news, sender=a_sender(provider=a_provider()), **values)
        expand(campaign.id, links=(), now=NOW)
        for group in recipients:
            db.session.execute(
                sa.update(Delivery)
                .where(Delivery.address.like(f"%@{group}.example"))
                .values(mailbox_group=group)
            )
        campaign.canary_quota = {}
        canary.begin(campaign)
    return campaign.id


def outcome(campaign_id: int, group: str, count: int, **values: Any) -> None:
    """Give this many queued deliveries of a group an outcome."""
    ids = (
        sa.select(Delivery.id)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.mailbox_group == group,
            Delivery.status == "queued",
            Delivery.reason == "",
        )
        .order_by(Delivery.id)
        .limit(count)
    )
    values = {"status": "sent", "updated_at": NOW, **values}
    with transaction():
        chosen = db.session.scalars(ids).all()
        assert len(chosen) == count
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(chosen)).values(**values))


def step(campaign_id: int, *, now: Any = NOW) -> str | None:
    """Do what the job does every second; return its decision."""
    found = canary.judge(campaign_id, now=now)
    if found is None:
        return None
    with transaction():
        assert canary.act(campaign_id, found, now=now)
    return found.what


def allowed(campaign_id: int) -> Mapping[str, int] | None:
    campaign = fresh_campaign(campaign_id)
    return canary.allowance(campaign, list(campaign.canary_quota or {"other": 1}), now=NOW)


POSTPONED = {"status": "queued", "reason": "deferred", "deferred_since": NOW}


def test_a_campaign_without_a_canary_is_not_limited(app: Flask) -> None:
    campaign_id = expanded({"google": 60}, canary_percent=0.0)
    assert fresh_campaign(campaign_id).canary_state == ""
    assert allowed(campaign_id) is None
    assert canary.judge(campaign_id, now=NOW) is None


def test_a_small_audience_is_sent_to_at_once(app: Flask) -> None:
    assert allowed(expanded({"google": 30, "other": 20})) is None


def test_every_attempt_counts_towards_the_quota(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 40})
    assert allowed(campaign_id) == {"google": 30, "other": 20}
    outcome(campaign_id, "google", 5)
    outcome(campaign_id, "google", 4, status="sending")
    outcome(campaign_id, "google", 3, status="failed", reason="no_mailbox")
    outcome(campaign_id, "google", 2, status="unknown", reason="no_answer")
    outcome(campaign_id, "other", 6, **POSTPONED)
    outcome(campaign_id, "other", 7, status="skipped", reason="unsubscribed")
    assert allowed(campaign_id) == {"google": 16, "other": 14}
    with transaction():
        assert canary.cap(campaign_id, {"google": 100, "other": 3}) == {"google": 16, "other": 3}


def test_a_claim_never_takes_more_than_the_quota(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 40})
    taken = 0
    for number in range(4):
        with transaction():
            wants = canary.cap(campaign_id, {"google": 13, "other": 1})
            claim = claims.claim(
                campaign_id, wants, token=f"t{number}", lease=MINUTE, now=NOW
            )  # fmt: skip
        taken += claim.taken.get("google", 0)
    assert taken == 30
    assert allowed(campaign_id) == {"google": 0, "other": 16}


def test_a_canary_passes_after_the_observation(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 40})
    outcome(campaign_id, "google", 30)
    outcome(campaign_id, "other", 19)
    outcome(campaign_id, "other", 1, status="sending")
    assert step(campaign_id) is None, "one message is in progress"
    outcome_of_the_last(campaign_id)
    assert step(campaign_id) == "watch"
    assert fresh_campaign(campaign_id).canary_until == NOW + HALF_AN_HOUR
    assert allowed(campaign_id) == {"google": 0, "other": 0}
    with transaction():
        assert canary.cap(campaign_id, {"google": 5}) == {}
    assert step(campaign_id, now=NOW + HALF_AN_HOUR - MINUTE) is None
    assert step(campaign_id, now=NOW + HALF_AN_HOUR) == "go_on"
    found = fresh_campaign(campaign_id)
    assert (found.canary_state, found.status) == ("passed", "sending")
    assert in_english(found.canary_words).startswith(
        "The test group passed. Of 50 emails, 0% were refused"
    )
    assert found.canary_seen["google"]["results"] == 30
    assert allowed(campaign_id) is None
    with transaction():
        assert canary.cap(campaign_id, {"google": 5}) == {"google": 5}


def outcome_of_the_last(campaign_id: int) -> None:
    with transaction():
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.campaign_id == campaign_id, Delivery.status == "sending")
            .values(status="sent")
        )


def watched(recipients: Mapping[str, int], **values: Any) -> int:
    """Create a campaign whose test group has been sent; return its id."""
    campaign_id = expanded(recipients, **values)
    for group, count in fresh_campaign(campaign_id).canary_quota.items():
        outcome(campaign_id, group, count)
    assert step(campaign_id) == "watch"
    return campaign_id


def stamp(campaign_id: int, column: str, count: int, group: str = "other") -> None:
    ids = (
        sa.select(Delivery.id)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.mailbox_group == group,
            Delivery.status == "sent",
        )
        .limit(count)
    )
    with transaction():
        chosen = db.session.scalars(ids).all()
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(chosen)).values({column: NOW}))


@pytest.mark.parametrize("column", ["bounced_at", "complained_at"])
def test_a_bounce_during_the_observation_stops_it_immediately(app: Flask, column: str) -> None:
    campaign_id = watched({"other": 100})
    stamp(campaign_id, column, 4)
    assert step(campaign_id, now=NOW + MINUTE) == "stop"
    found = fresh_campaign(campaign_id)
    assert (found.canary_state, found.status) == ("stopped", "paused")
    assert found.status_reason == found.canary_words
    assert "8%" in in_english(found.canary_words)
    assert canary.is_asking(found)


def test_resuming_after_a_stop_sends_the_rest(app: Flask) -> None:
    campaign_id = watched({"other": 100})
    stamp(campaign_id, "bounced_at", 4)
    step(campaign_id)
    with transaction():
        assert lifecycle.resume(campaign_id, now=NOW)
    assert allowed(campaign_id) is None
    assert canary.judge(campaign_id, now=NOW) is None
    with transaction():
        lifecycle.pause(campaign_id, now=NOW, reason=Reason("status.paused_by_user"))
    assert not canary.is_asking(fresh_campaign(campaign_id)), "that is a different pause"


def test_a_bad_group_is_held_and_the_others_pass(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 12, status="failed", reason="refused")
    outcome(campaign_id, "other", 25)
    assert step(campaign_id) == "hold"
    assert resend.held_groups(campaign_id) == {"google"}
    assert resend.held_groups(campaign_id, kind="flood") == frozenset()
    assert step(campaign_id) == "watch", "the held group is not waited for"
    assert step(campaign_id, now=NOW + HALF_AN_HOUR) == "go_on"
    assert fresh_campaign(campaign_id).canary_seen["google"]["refusals"] == 12


def test_a_held_group_is_released_by_a_decision_and_not_held_again(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 12, status="failed", reason="refused")
    step(campaign_id)
    with transaction():
        assert canary.send_to_group(campaign_id, "google")
        assert not canary.send_to_group(campaign_id, "google"), "once"
    assert resend.held_groups(campaign_id) == frozenset()
    assert step(campaign_id) is None


def test_a_held_group_is_excluded_by_a_decision(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 12, status="failed", reason="refused")
    step(campaign_id)
    with transaction():
        assert canary.skip_group(campaign_id, "google", now=NOW) == 48
        assert canary.skip_group(campaign_id, "google", now=NOW) is None
    left = sa.select(sa.func.count()).where(Delivery.reason == "left_out")
    assert db.session.scalar(left.where(Delivery.status == "cancelled")) == 48
    assert resend.held_groups(campaign_id) == frozenset()


def test_late_refusals_of_a_held_group_are_no_refusal_spike(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 12, status="failed", reason="no_mailbox")
    step(campaign_id)
    failed = db.session.scalars(sa.select(Delivery.id).where(Delivery.status == "failed")).all()
    with transaction():
        assert refusals.bounce(campaign_id, failed, now=NOW) == 12
        assert refusals.believe(campaign_id, "google", now=NOW) is None


def test_a_refusal_spike_is_excluded_from_the_decision_and_not_waited_for(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 25, status="failed", reason="no_mailbox")
    with transaction():
        refusals.hold(campaign_id, "google", since=NOW, words="550", now=NOW)
    assert step(campaign_id) is None
    outcome(campaign_id, "other", 25)
    assert step(campaign_id) == "watch"


def test_a_group_that_is_not_due_is_not_waited_for(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    with transaction():
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.mailbox_group == "google")
            .values(not_before=NOW + timedelta(hours=9))
        )
    assert step(campaign_id) is None, "nobody has got it yet"
    outcome(campaign_id, "other", 25)
    assert step(campaign_id) == "watch"


def test_a_group_delayed_by_a_limit_is_waited_for_a_while(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "other", 25)
    assert step(campaign_id, now=NOW + MINUTE) is None
    assert step(campaign_id, now=NOW + canary.LONGEST_LIMIT_WAIT) == "watch"


def test_a_server_that_defers_everything_gets_no_more_than_its_quota(app: Flask) -> None:
    campaign_id = expanded({"google": 60, "other": 60})
    outcome(campaign_id, "google", 25, **POSTPONED)
    assert allowed(campaign_id) == {"google": 0, "other": 25}
    assert step(campaign_id) == "hold"


def test_a_paused_campaign_gets_no_decision(app: Flask) -> None:
    campaign_id = watched({"other": 100})
    found = canary.judge(campaign_id, now=NOW + HALF_AN_HOUR)
    assert found is not None
    with transaction():
        lifecycle.pause(campaign_id, now=NOW, reason=Reason("status.paused_by_user"))
        assert not canary.act(campaign_id, found, now=NOW + HALF_AN_HOUR)
    assert canary.judge(campaign_id, now=NOW + HALF_AN_HOUR) is None
    assert fresh_campaign(campaign_id).status_reason == Reason("status.paused_by_user").pack()
    assert canary.under_way() == []
    with transaction():
        lifecycle.resume(campaign_id, now=NOW)
    assert canary.under_way() == [campaign_id]
    assert step(campaign_id, now=NOW + HALF_AN_HOUR) == "go_on"


def test_two_simultaneous_decisions_act_once(app: Flask) -> None:
    campaign_id = watched({"other": 100})
    later = NOW + HALF_AN_HOUR
    found = canary.judge(campaign_id, now=later)
    assert found is not None
    with transaction():
        assert canary.act(campaign_id, found, now=later)
        assert not canary.act(campaign_id, found, now=later)


def test_custom_bands_are_stored_and_copied(app: Flask) -> None:
    with transaction():
        draft = a_campaign(a_list(), sender=a_sender())
        mine = {**USUAL, "refusals": Band(1, 2.5)}
        assert configure(draft.id, CanaryPlan(5, 10, mine))
        db.session.expire_all()
        copy = drafts.duplicate(draft.id, editor_id=None, now=NOW)
    assert plan_in(fresh_campaign(copy.id)) == CanaryPlan(5, 10, mine)
    assert fresh_campaign(copy.id).canary_state == ""


def test_only_a_draft_is_configured(app: Flask) -> None:
    campaign_id = expanded({"other": 100})
    with transaction():
        assert not configure(campaign_id, CanaryPlan(5))


def test_suppressed_recipients_count_neither_in_size_nor_in_results(app: Flask) -> None:
    campaign_id = expanded({"other": 100})
    with transaction():
        campaign = db.session.get_one(Campaign, campaign_id)
        for number in range(3):
            person = a_subscriber(f"gone{number}@other.example")
            a_delivery(campaign, person, status="skipped", reason="suppressed")
    assert canary.figures(campaign_id) == {}
    assert sum(fresh_campaign(campaign_id).canary_quota.values()) == 50
