"""Rules of launching, tested in the domain on both databases, without a page."""

import datetime as dt
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import AudienceList
from campaigns.campaign import drafts, launch, series
from campaigns.campaign.canary_plan import BandRequest, CanaryRequest, plan_in
from campaigns.campaign.launch import Launched, LaunchRequest, Refused
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan, plan_of
from campaigns.campaign.schedule_request import (
    HoursRequest,
    PaceRequest,
    RecurrenceRequest,
    ScheduleRequest,
)
from campaigns.content.library import snippets
from campaigns.db import db, transaction
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.tokens import Signer
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_snippet, a_subscriber
from tests.readback import fresh_campaign

NOW = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)
SIGNER = Signer(["a-key-for-tests-only-that-is-long-enough"])
TOMORROW = {"date": dt.date(2030, 3, 2), "time": dt.time(9, 0), "zone": "Europe/Berlin"}


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        save_workspace(postal_address="1 Example Street", time_zone="Europe/Berlin", undo_seconds=0)
        found = a_list()
        for number in range(3):
            a_subscriber(f"p{number}@example.org", found)
    return found


@pytest.fixture
def draft(news: AudienceList) -> Campaign:
    with transaction():
        return a_campaign(news, sender=a_sender(provider=a_provider("Relay")))


def decide(draft: Campaign, *, recipients: int | None = None, **asked: Any) -> Any:
    found = launch.review(draft, base_url="https://news.example.org", signer=SIGNER, now=NOW)
    if recipients is not None:
        arithmetic = drafts.Arithmetic(matched=recipients, recipients=recipients)
        found = replace(found, arithmetic=arithmetic)
    request = LaunchRequest(**{"version": draft.version, **asked})
    return launch.decide(found, request, now=NOW)


def start(draft: Campaign, **asked: Any) -> Launched | Refused:
    decision = decide(draft, **asked)
    if isinstance(decision, Refused):
        return decision
    with transaction():
        return launch.launch(decision, now=NOW)


def refused(draft: Campaign, **asked: Any) -> tuple[str, str]:
    """The code and field of a refusal, which must have a sentence and change nothing."""
    found = start(draft, **asked)
    assert isinstance(found, Refused)
    assert in_english(found.reason)
    assert fresh_campaign(draft).status == "draft"
    return found.code, found.field


def test_a_good_draft_is_sent_immediately(draft: Campaign) -> None:
    assert start(draft) == Launched(is_preparing=True)
    assert fresh_campaign(draft).status == "preparing"


def test_the_undo_window_of_the_workspace_applies(draft: Campaign) -> None:
    with transaction():
        save_workspace(undo_seconds=20)
    assert start(draft) == Launched()
    found = fresh_campaign(draft)
    assert (found.status, found.is_undo_window) == ("scheduled", True)
    assert found.scheduled_at == NOW + timedelta(seconds=20)


def test_an_older_version_is_refused(draft: Campaign) -> None:
    assert refused(draft, version=draft.version + 1) == ("launch.old_version", "")
    assert refused(draft, version=None) == ("launch.old_version", "")


def test_a_draft_edited_after_the_decision_is_not_sent(draft: Campaign) -> None:
    decision = decide(draft)
    with transaction():
        db.session.execute(sa.update(Campaign).values(version=Campaign.version + 1))
    with transaction():
        found = launch.launch(decision, now=NOW)
    assert found == Refused("launch.changed")
    assert fresh_campaign(draft).status == "draft"


def test_a_draft_whose_snippet_is_deleted_after_the_decision_is_not_sent(draft: Campaign) -> None:
    with transaction():
        snippet = a_snippet("promo")
        draft.source = "<p>Good news</p>{{ snippet.promo }}"
    decision = decide(draft)
    with transaction():
        snippets.delete(snippet.id)
    with transaction():
        found = launch.launch(decision, now=NOW)
    assert found == Refused("launch.changed")
    assert fresh_campaign(draft).status == "draft"


def test_two_simultaneous_launches_launch_once(draft: Campaign) -> None:
    decision = decide(draft)
    with transaction():
        assert isinstance(launch.launch(decision, now=NOW), Launched)
    with transaction():
        assert launch.launch(decision, now=NOW) == Refused("launch.not_a_draft")
    assert decide(fresh_campaign(draft)) == Refused("launch.not_a_draft")


def test_a_deleted_draft_is_refused(draft: Campaign) -> None:
    decision = decide(draft)
    with transaction():
        assert drafts.delete(draft.id)
    with transaction():
        assert launch.launch(decision, now=NOW) == Refused("launch.deleted")


def test_a_preflight_problem_blocks_the_launch(draft: Campaign) -> None:
    with transaction():
        db.session.get_one(Campaign, draft.id).subject = ""
    found = start(fresh_campaign(draft))
    assert isinstance(found, Refused)
    assert (found.code, found.params) == ("launch.blocked", {"count": 1})


@pytest.mark.parametrize(
    ("typed", "shown", "code"),
    [
        (None, 2000, "launch.not_typed"),
        (1999, 2000, "launch.typed_wrong"),
        (1900, 1900, "launch.audience_changed"),
    ],
)
def test_a_large_audience_requires_the_typed_number(
    draft: Campaign, typed: int | None, shown: int, code: str
) -> None:
    assert refused(draft, recipients=2000, typed=typed, shown=shown) == (code, "typed")


@pytest.mark.parametrize(("typed", "shown"), [(2000, 2000), (2000, 1), (1990, 1990)])
def test_the_number_shown_recently_is_accepted(draft: Campaign, typed: int, shown: int) -> None:
    assert isinstance(start(draft, recipients=2000, typed=typed, shown=shown), Launched)


def test_a_small_audience_requires_no_number(draft: Campaign) -> None:
    assert isinstance(start(draft, recipients=1000), Launched)


def test_the_template_of_a_series_cannot_be_sent(draft: Campaign) -> None:
    with transaction():
        rule = Recurrence("daily")
        first = datetime.fromisoformat("2030-03-02T09:00")
        series.create(draft.id, rule, first, SendPlan(zone="UTC"), now=NOW)
    assert refused(draft) == ("launch.recurs", "")


def test_a_future_time_is_stored_with_its_zone(draft: Campaign) -> None:
    found = start(draft, schedule=ScheduleRequest(when="later", **TOMORROW))
    at = datetime(2030, 3, 2, 8, 0, tzinfo=UTC)
    assert found == Launched(scheduled_at=at)
    stored = fresh_campaign(draft)
    assert (stored.status, stored.scheduled_at, stored.schedule_zone) == (
        "scheduled", at, "Europe/Berlin",
    )  # fmt: skip


def test_an_ambiguous_or_missing_time_is_explained(draft: Campaign) -> None:
    skipped = {"date": dt.date(2030, 3, 31), "time": dt.time(2, 30), "zone": "Europe/Berlin"}
    found = start(draft, schedule=ScheduleRequest(when="later", **skipped))
    assert isinstance(found, Launched)
    assert found.note is not None
    assert found.note.code == "schedule.skipped_hour"


def test_local_time_is_stored(draft: Campaign) -> None:
    assert isinstance(start(draft, schedule=ScheduleRequest(when="local", **TOMORROW)), Launched)
    assert plan_of(fresh_campaign(draft)).local_at == datetime.fromisoformat("2030-03-02T09:00")


def test_sending_hours_and_pace_are_stored(draft: Campaign) -> None:
    asked = ScheduleRequest(hours=HoursRequest(begins=8, ends=20), pace=PaceRequest(spread_hours=3))
    assert isinstance(start(draft, schedule=asked), Launched)
    found = fresh_campaign(draft)
    assert (found.hours_from, found.hours_until, found.spread_seconds) == (8, 20, 3 * 3600)


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"when": "later"}, "schedule.no_time", "moment"),
        ({"when": "later", **TOMORROW, "zone": "Mars/Base"}, "schedule.unknown_zone", "moment"),
        ({"when": "later", **TOMORROW, "date": dt.date(2030, 2, 1)}, "schedule.past", "moment"),
        ({"when": "later", **TOMORROW, "date": dt.date(2033, 1, 1)}, "schedule.too_far", "moment"),
        ({"when": "later", **TOMORROW, "date": dt.date(9999, 1, 1)}, "schedule.year", "moment"),
        (
            {"when": "local", **TOMORROW, "date": dt.date(2030, 2, 1)},
            "schedule.past_for_all",
            "moment",
        ),
        ({"hours": {"begins": 20, "ends": 8}}, "schedule.hours", "hours"),
        ({"pace": {"spread_hours": 169}}, "schedule.spread", "pace"),
        ({"pace": {"per_hour": 0}}, "schedule.pace", "pace"),
        ({"when": "repeat", **TOMORROW}, "recurrence.no_frequency", "repeat"),
        (
            {"when": "repeat", **TOMORROW, "recurrence": {"frequency": "weekly"}},
            "recurrence.no_weekday",
            "repeat",
        ),
        (
            {"when": "repeat", **TOMORROW, "recurrence": {"frequency": "daily", "ends": "until"}},
            "recurrence.no_last_day",
            "repeat",
        ),
        (
            {
                "when": "repeat",
                **TOMORROW,
                "recurrence": {
                    "frequency": "daily", "ends": "until", "until": dt.date(2020, 1, 1),
                },
            },
            "recurrence.ends_early",
            "repeat",
        ),
    ],
)  # fmt: skip
def test_an_invalid_schedule_is_refused_at_its_field(
    draft: Campaign, asked: dict[str, Any], code: str, field: str
) -> None:
    assert refused(draft, schedule=ScheduleRequest(**asked)) == (code, field)


def test_a_rule_starts_a_series_and_keeps_the_draft(draft: Campaign) -> None:
    asked = ScheduleRequest(
        when="repeat", **TOMORROW, recurrence=RecurrenceRequest(frequency="daily")
    )
    found = start(draft, schedule=asked)
    assert isinstance(found, Launched)
    assert found.series is not None
    assert db.session.scalars(sa.select(CampaignSeries.template_id)).all() == [draft.id]
    assert fresh_campaign(draft).status == "draft"


def test_a_test_group_is_stored(draft: Campaign) -> None:
    bands = {"refusals": BandRequest(go_on=1, stop=2)}
    assert isinstance(start(draft, canary=CanaryRequest(percent=5, bands=bands)), Launched)
    kept = plan_in(fresh_campaign(draft))
    assert (kept.percent, kept.bands["refusals"].stop, kept.bands["bounces"].stop) == (5, 2, 5)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"percent": 0}, "canary.percent"),
        ({"percent": None}, "canary.percent"),
        ({"minutes": 1441}, "canary.minutes"),
        ({"bands": {"bounces": {"go_on": 6, "stop": 5}}}, "canary.bounces_band"),
        ({"bands": {"complaints": {"go_on": 1}}}, "canary.complaints_band"),
    ],
)
def test_an_invalid_test_group_is_refused(
    draft: Campaign, asked: dict[str, Any], code: str
) -> None:
    assert refused(draft, canary=CanaryRequest(**asked)) == (code, "canary")


def test_a_fallback_sender_of_another_account_is_stored(draft: Campaign) -> None:
    with transaction():
        second = a_sender("second@example.com", a_provider("Other"), is_default=False)
        account = db.session.get_one(SenderAddress, draft.sender_id).provider_id
        relay = db.session.get_one(ProviderAccount, account)
        same = a_sender("same@example.com", relay, is_default=False)
    assert isinstance(start(draft, fallback_sender=second.public_id), Launched)
    assert fresh_campaign(draft).overflow_sender_id == second.id
    with transaction():
        other = drafts.duplicate(draft.id, editor_id=None, now=NOW)
    assert refused(other, fallback_sender=same.public_id) == (
        "schedule.no_such_sender", "overflow",
    )  # fmt: skip
