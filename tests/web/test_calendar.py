"""The calendar, recurring campaigns, the send form with its descriptions, and missed times."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.campaign import schedule, series
from campaigns.campaign.local_time import DayWindow
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.providers.models import ProviderAccount
from campaigns.reports import calendar as report
from campaigns.web.campaigns import launch
from campaigns.web.campaigns.plan_form import form_of
from campaigns.web.template_helpers import number
from tests.factories import a_campaign, a_list, a_sender, a_subscriber
from tests.readback import fresh_campaign
from tests.web.statements import counted

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def _workspace(app: Flask) -> None:
    with transaction():
        save_workspace(
            name="Harbour Books", postal_address="12 Quay Street", time_zone="Europe/Berlin"
        )


def _ready(**values: Any) -> Campaign:
    """A campaign ready to launch, to three subscribers in three zones."""
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news, attributes={"timezone": "Asia/Kathmandu"})
        a_subscriber("bob@example.org", news, attributes={"tz": "America/New_York"})
        a_subscriber("carol@example.org", news)
        return a_campaign(news, sender=a_sender(), **{"subject": "What is new today", **values})


def _in_days(days: int) -> str:
    return (utcnow().astimezone(BERLIN) + timedelta(days=days)).strftime("%Y-%m-%d")


def _form(campaign: Campaign, **values: Any) -> dict[str, Any]:
    return {
        "version": campaign.version, "recipients": 3, "date": _in_days(3), "time": "09:00",
        "zone": "Europe/Berlin", **values,
    }  # fmt: skip


def _launch(client: FlaskClient, campaign: Campaign, **values: Any) -> Any:
    return client.post(f"/campaigns/{campaign.public_id}/review", data=_form(campaign, **values))


def _plan(client: FlaskClient, campaign: Campaign, **values: Any) -> str:
    form = _form(campaign, **values)
    return client.get(f"/campaigns/{campaign.public_id}/review/plan", query_string=form).text


def _series(rule: Recurrence | None = None, days: int = 3) -> CampaignSeries:
    template = _ready(name="Morning letter")
    first = datetime.fromisoformat(f"{_in_days(days)}T09:00")
    with transaction():
        return series.create(
            template.id,
            rule or Recurrence("daily"),
            first,
            SendPlan(zone="Europe/Berlin"),
            now=utcnow(),
        )


def _time_of(found: CampaignSeries, number: int = 0) -> str:
    local = datetime.fromisoformat(found.first_local) + timedelta(days=number)
    return f"/calendar/series/{found.public_id}/{local:%Y-%m-%dT%H:%M}"


# --- the send form


def test_a_campaign_is_launched_in_each_recipients_time_zone(owner_client: FlaskClient) -> None:
    campaign = _ready()
    assert _launch(owner_client, campaign, when="local").status_code == 302
    found = fresh_campaign(campaign.id)
    assert found.status == "scheduled"
    assert found.local_at == f"{_in_days(3)}T09:00"
    local = datetime.fromisoformat(found.local_at)
    assert found.scheduled_at == local.replace(tzinfo=ZoneInfo("Asia/Kathmandu")).astimezone(UTC)


def test_pace_and_hours_are_set_by_the_launch(owner_client: FlaskClient) -> None:
    campaign = _ready()
    values = {"pace": "rate", "per_hour": "7200", "hours": "on", "hours_from": "8"}
    _launch(owner_client, campaign, when="later", hours_until="20", **values)
    found = fresh_campaign(campaign.id)
    assert (found.pace_per_second, found.hours_from, found.hours_until) == (2.0, 8, 20)


def test_a_nonexistent_time_is_resolved_and_explained(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = _ready()
    monkeypatch.setattr(launch, "utcnow", lambda: datetime(2026, 3, 20, 12, tzinfo=UTC))
    moment = {"when": "later", "date": "2026-03-29", "time": "02:30"}
    said = _plan(owner_client, campaign, **moment)
    assert "Sending starts on Sunday 29 March 2026 at 03:30 in Europe/Berlin" in said
    assert "02:30 does not exist. The campaign goes out at 03:30." in said
    _launch(owner_client, campaign, **moment)
    assert fresh_campaign(campaign.id).scheduled_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"when": "now"}, "Sending starts 10 seconds after you press Send"),
        ({"when": "later", "zone": "Asia/Kathmandu"}, "In Europe/Berlin that is"),
        ({"when": "local"}, "Each recipient gets it at 09:00 on"),
        ({"when": "local"}, "(3 waves)"),
        ({"when": "local"}, "1 recipient has no time zone in their data, so Europe/Berlin is used"),
        ({"when": "now", "pace": "spread", "spread_hours": "3"}, "Spread over 3 hours: "),
        ({"when": "now", "pace": "rate", "per_hour": "1"}, "sending takes about 3 hours"),
        ({"when": "later", "hours": "on", "hours_from": "8", "hours_until": "20"},
         "Only between 8:00 and 20:00 in each recipient’s time zone.</p><p>1 recipient waits"),
        ({"when": "repeat", "frequency": "weekly", "weekday": ["0", "3"]},
         "It goes out every Monday and Thursday at 09:00 in Europe/Berlin."),
        ({"when": "repeat", "frequency": "monthly", "monthly": "weekday", "nth": "-1",
          "nth_weekday": "4"}, "on the last Friday of every month"),
        ({"when": "repeat", "frequency": "daily", "repeat_local": "on", "ends": "count",
          "count": "5"}, "every day, 5 times in all at 09:00 in each recipient’s time zone"),
    ],
)  # fmt: skip
def test_the_plan_is_described_in_sentences(
    owner_client: FlaskClient, values: dict[str, Any], words: str
) -> None:
    campaign = _ready()
    assert words in _plan(owner_client, campaign, **values)
    assert fresh_campaign(campaign.id).status == "draft"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"when": "local", "date": "2020-01-01"}, "has passed for all of your recipients"),
        ({"when": "later", "date": ""}, "both a date and a time"),
        ({"when": "now", "pace": "spread", "spread_hours": "0"}, "over 1 to 168 hours"),
        ({"when": "now", "pace": "rate", "per_hour": "many"}, "Enter a whole number"),
        ({"when": "now", "hours": "on", "hours_from": "20", "hours_until": "8"}, "come before"),
        ({"when": "repeat", "frequency": "weekly"}, "at least one day of the week"),
        ({"when": "repeat", "frequency": "yearly"}, "how often the campaign goes out"),
        ({"when": "repeat", "frequency": "daily", "interval": "x"}, "from 1 to 52"),
        ({"when": "repeat", "frequency": "daily", "ends": "until"}, "the last day"),
        ({"when": "repeat", "frequency": "monthly", "month_day": "32"}, "a day of the month"),
        ({"when": "repeat", "frequency": "daily", "zone": "Mars"}, "not a known time zone"),
    ],
)  # fmt: skip
def test_an_impossible_plan_is_explained_and_not_carried_out(
    owner_client: FlaskClient, values: dict[str, Any], words: str
) -> None:
    campaign = _ready()
    assert words in _plan(owner_client, campaign, **values)
    answer = _launch(owner_client, campaign, **values)
    assert answer.status_code == 422
    assert words in answer.text
    assert fresh_campaign(campaign.id).status == "draft"


def test_the_draft_of_a_series_is_not_sent(owner_client: FlaskClient) -> None:
    campaign = _ready()
    answer = _launch(owner_client, campaign, when="repeat", frequency="weekly", weekday="0")
    found = db.session.scalars(sa.select(CampaignSeries)).one()
    assert answer.location == f"/calendar/series/{found.public_id}"
    assert found.rule == "FREQ=WEEKLY;BYDAY=MO"
    again = _launch(owner_client, campaign, when="now")
    assert again.status_code == 422
    assert "Recurring campaign" in again.text
    assert "Recurring campaign" in owner_client.get(f"/campaigns/{campaign.public_id}").text
    assert "Recurring" in owner_client.get("/campaigns").text


# --- the calendar


def test_the_month_and_the_list_show_past_and_future_campaigns(owner_client: FlaskClient) -> None:
    noon = datetime(2026, 3, 18, 12, tzinfo=UTC)
    with transaction():
        a_campaign(name="Spring letter", status="sent", started_at=noon)
        a_campaign(name="Easter letter", status="scheduled", scheduled_at=noon + timedelta(days=9))
        a_campaign(name="Lost letter", status="scheduled", scheduled_at=noon, asked_at=noon)
        a_campaign(name="A draft")
        a_campaign(name="Old letter", status="sent", started_at=noon - timedelta(days=90))
    month = owner_client.get("/calendar?month=2026-03").text
    entries = owner_client.get("/calendar?month=2026-03&view=list").text
    for page in (month, entries):
        assert "March 2026" in page
        for name in ("Spring letter", "Easter letter", "Lost letter"):
            assert name in page
        assert "A draft" not in page
        assert "Old letter" not in page
        assert "month=2026-02" in page
        assert "month=2026-04" in page
    assert "13:00" in entries  # by the workspace's clock
    assert "Needs your decision" in entries


def test_a_campaign_is_shown_on_its_day_in_the_workspaces_zone(owner_client: FlaskClient) -> None:
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # past midnight in Berlin
    with transaction():
        a_campaign(name="Night letter", status="sent", started_at=late)
    assert "Night letter" not in owner_client.get("/calendar?month=2026-03&view=list").text
    assert "1 April" in owner_client.get("/calendar?month=2026-04&view=list").text


@pytest.mark.parametrize("month", ["", "2026-13", "x", "0001-01", "9999-12", "2026-03-01"])
def test_an_invalid_month_shows_this_month(owner_client: FlaskClient, month: str) -> None:
    now = utcnow().astimezone(BERLIN)
    assert f"{now:%B %Y}" in owner_client.get(f"/calendar?month={month}").text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_thousand_campaigns_are_paged_with_few_statements(
    owner_client: FlaskClient,
) -> None:
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    with transaction():
        for number in range(1000):
            at = start + timedelta(minutes=30 * (number // 4))
            a_campaign(name=f"Letter {number:04}", status="sent", started_at=at)
    with counted() as asked:
        page = owner_client.get("/calendar?month=2026-03").text
    assert len(asked) < 15
    assert "more</a>" in page
    seen: list[str] = []
    key: tuple[datetime, str] | None = None
    until = start + timedelta(days=40)
    while True:
        found = report.entries(start, until, after=key, most=200)
        if not found:
            break
        seen += [entry.title for entry in found]
        key = (found[-1].at, found[-1].key)
    assert sorted(seen) == [f"Letter {number:04}" for number in range(1000)]
    first = owner_client.get("/calendar?month=2026-03&view=list").text
    assert first.count("agenda-entry") == 200
    assert 'class="pager"' in first


def test_many_series_need_no_more_statements_than_one(owner_client: FlaskClient) -> None:
    _series()
    with counted() as few:
        owner_client.get("/calendar")
    with transaction():
        first = datetime.fromisoformat(f"{_in_days(3)}T09:00")
        for _ in range(10):
            template = a_campaign(name="Another")
            plan = SendPlan(zone="Europe/Berlin")
            series.create(template.id, Recurrence("daily"), first, plan, now=utcnow())
    with counted() as many:
        owner_client.get("/calendar")
    assert len(many) == len(few)


def test_the_dates_of_a_series_are_shown_before_they_are_created(owner_client: FlaskClient) -> None:
    found = _series()
    page = owner_client.get(f"/calendar/series/{found.public_id}").text
    assert "Sent every day at 09:00 (Europe/Berlin)." in page
    assert page.count("Planned") == 12
    month = _in_days(3)[:7]
    assert "Morning letter" in owner_client.get(f"/calendar?month={month}&view=list").text
    assert owner_client.get("/calendar/series/nothing").status_code == 404


def test_an_occurrence_is_skipped_and_restored(owner_client: FlaskClient) -> None:
    found = _series()
    page = f"/calendar/series/{found.public_id}"
    owner_client.post(f"{_time_of(found, 1)}/skip")
    shown = owner_client.get(page).text
    assert "skipped" in shown
    assert "Do not skip" in shown
    owner_client.post(f"{_time_of(found, 1)}/restore")
    assert "Do not skip" not in owner_client.get(page).text
    assert owner_client.post(f"{page}/yesterday/skip").status_code == 404


def test_one_occurrence_is_rescheduled_without_the_others(owner_client: FlaskClient) -> None:
    found = _series()
    answer = owner_client.post(f"{_time_of(found, 1)}/move")
    made = db.session.scalars(sa.select(Campaign).where(Campaign.status == "scheduled")).one()
    assert answer.location == f"/campaigns/{made.public_id}/time"
    assert "Reschedule" in owner_client.get(answer.location).text
    new = {"date": _in_days(9), "time": "16:30", "zone": "Europe/Berlin"}
    assert owner_client.post(answer.location, data=new).status_code == 302
    at = fresh_campaign(made.id).scheduled_at
    assert at is not None
    assert f"{at.astimezone(BERLIN):%Y-%m-%d %H:%M}" == f"{_in_days(9)} 16:30"
    assert "Moved to" in owner_client.get(f"/calendar/series/{found.public_id}").text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_one_occurrence_is_edited_without_the_others(owner_client: FlaskClient) -> None:
    found = _series()
    answer = owner_client.post(f"{_time_of(found)}/edit")
    made = db.session.scalars(sa.select(Campaign).where(Campaign.id != found.template_id)).one()
    assert answer.location == f"/campaigns/{made.public_id}"
    assert made.status == "draft"
    page = owner_client.get(answer.location).text
    assert "It is sent only if you review and schedule it." in page
    review = owner_client.get(f"/campaigns/{made.public_id}/review").text
    assert f'value="{_in_days(3)}"' in review
    assert 'value="09:00"' in review
    assert "Draft, not scheduled" in owner_client.get(f"/calendar/series/{found.public_id}").text


def _rule_form(found: CampaignSeries, **values: Any) -> dict[str, Any]:
    local = datetime.fromisoformat(found.first_local)
    return {
        "when": "repeat", "date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}",
        "zone": found.zone, "frequency": "daily", "interval": "1", "ends": "never", **values,
    }  # fmt: skip


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_rule_is_shown_and_changed(owner_client: FlaskClient) -> None:
    found = _series()
    page = f"/calendar/series/{found.public_id}"
    assert f"{page}/rule" in owner_client.get(page).text
    shown = owner_client.get(f"{page}/rule").text
    assert f'value="{_in_days(3)}"' in shown
    assert '<option value="daily" selected>' in shown
    answer = owner_client.post(
        f"{page}/rule",
        data=_rule_form(found, frequency="weekly", weekday=["0", "3"], time="10:15", pace="rate",
                        per_hour="7200"),
    )  # fmt: skip
    assert answer.location == page
    said = owner_client.get(page).text
    assert "Sent every Monday and Thursday at 10:15 (Europe/Berlin)." in said
    assert f"At most {number(7200)} emails per hour" in said
    assert "Campaigns already created are not affected" in said


def test_an_occurrence_at_another_time_than_the_rule_says_so(owner_client: FlaskClient) -> None:
    found = _series()
    owner_client.post(f"{_time_of(found)}/move")  # creates the occurrence
    page = f"/calendar/series/{found.public_id}"
    assert ", 09:00" not in owner_client.get(page).text.split("<ul", 1)[1]
    owner_client.post(f"{page}/rule", data=_rule_form(found, time="11:00"))
    assert owner_client.get(page).text.count(", 09:00") == 1


RULES = [
    Recurrence("daily", interval=3),
    Recurrence("weekly", interval=2, weekdays=(1, 6)),
    Recurrence("monthly", month_day=31),
    Recurrence("monthly", nth=-1, weekdays=(4,), until=(utcnow() + timedelta(days=400)).date()),
    Recurrence("daily", count=30),
]


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize("number", range(len(RULES)))
@pytest.mark.parametrize(
    "plan",
    [
        {"spread_seconds": 7200, "hours": DayWindow(8, 20)},
        {"pace_per_second": 2.5, "local_at": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
    ids=["spread", "rate"],
)
def test_submitting_the_unchanged_form_changes_nothing(
    owner_client: FlaskClient, number: int, plan: dict[str, Any]
) -> None:
    found = _series(RULES[number])
    with transaction():
        first = datetime.fromisoformat(found.first_local)
        wanted = SendPlan(zone="Asia/Tokyo", **plan)
        series.change(found.id, RULES[number], first, wanted, now=utcnow())
    before = _state(found)
    assert before["zone"] == "Asia/Tokyo"
    sent = form_of(db.session.get_one(CampaignSeries, found.id))
    answer = owner_client.post(f"/calendar/series/{found.public_id}/rule", data=sent)
    assert answer.status_code == 302
    assert _state(found) == before


def _state(found: CampaignSeries) -> dict[str, Any]:
    db.session.rollback()
    row = db.session.execute(
        sa.select(CampaignSeries.__table__).where(CampaignSeries.id == found.id)
    ).one()
    return dict(row._mapping)


def test_the_preview_of_a_rule_includes_created_occurrences(owner_client: FlaskClient) -> None:
    found = _series()
    owner_client.post(f"{_time_of(found)}/move")  # creates the occurrence
    owner_client.post(f"{_time_of(found, 1)}/skip")
    address = f"/calendar/series/{found.public_id}/rule/preview"
    said = owner_client.get(address, query_string=_rule_form(found, time="11:30")).text
    assert "It goes out every day at 11:30 in Europe/Berlin." in said
    assert said.count("Already created: not changed") == 1
    assert said.count("Skipped: another one is sent that day") == 2
    bad = owner_client.get(address, query_string=_rule_form(found, frequency="weekly"))
    assert "Choose at least one day of the week." in bad.text
    assert _state(found)["rule"] == "FREQ=DAILY"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frequency": ""}, "Choose how often the campaign goes out."),
        ({"when": "now"}, "Choose how often the campaign goes out."),
        ({"zone": "Mars/Base"}, "is not a known time zone"),
        ({"date": ""}, "Choose both a date and a time."),
        ({"ends": "until", "until": "2020-01-01"}, "The campaign would end before it begins."),
        ({"pace": "spread", "spread_hours": "0"}, "Spread the campaign over 1 to"),
    ],
)
def test_an_invalid_rule_is_refused_with_a_sentence(
    owner_client: FlaskClient, values: dict[str, str], words: str
) -> None:
    found = _series()
    before = _state(found)
    path = f"/calendar/series/{found.public_id}/rule"
    answer = owner_client.post(path, data=_rule_form(found, **values))
    assert answer.status_code == 422
    assert words in answer.text
    assert _state(found) == before


def test_the_rule_of_an_ended_series_cannot_be_changed(owner_client: FlaskClient) -> None:
    found = _series()
    owner_client.post(f"/calendar/series/{found.public_id}/end")
    path = f"/calendar/series/{found.public_id}/rule"
    for answer in (owner_client.get(path), owner_client.post(path, data=_rule_form(found))):
        assert answer.location == f"/calendar/series/{found.public_id}"
    assert "Change the rule" not in owner_client.get(answer.location).text
    assert _state(found)["next_run_at"] is None


def test_ending_a_series(owner_client: FlaskClient) -> None:
    found = _series()
    owner_client.post(f"/calendar/series/{found.public_id}/end")
    page = owner_client.get(f"/calendar/series/{found.public_id}").text
    assert "Was sent every day. Stopped" in page
    assert "Planned" not in page
    owner_client.post(f"{_time_of(found)}/edit")
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 1


def test_the_template_of_a_running_series_cannot_be_deleted(owner_client: FlaskClient) -> None:
    found = _series()
    template = db.session.get_one(Campaign, found.template_id)
    answer = owner_client.post(f"/campaigns/{template.public_id}/delete")
    assert answer.location == f"/calendar/series/{found.public_id}"
    assert "“Morning letter” is a recurring campaign" in owner_client.get(answer.location).text
    owner_client.post(f"{answer.location}/end")
    answer = owner_client.post(f"/campaigns/{template.public_id}/delete")
    assert "Draft deleted" in owner_client.get(answer.location).text


def test_rescheduling_an_unready_campaign_is_refused(owner_client: FlaskClient) -> None:
    found = _series()
    with transaction():
        save_workspace(postal_address="")
    owner_client.post(f"{_time_of(found)}/move")
    reasons = sa.select(Campaign.status_reason).where(Campaign.id != found.template_id)
    assert "preflight.no_address" in db.session.scalars(reasons).one()


# --- missed times


def _missed() -> Campaign:
    campaign = _ready(status="scheduled", scheduled_at=utcnow() - timedelta(hours=5))
    with transaction():
        schedule.ask(overdue=timedelta(hours=2), now=utcnow())
    return campaign


def test_a_missed_campaign_asks_on_all_its_pages(owner_client: FlaskClient) -> None:
    campaign = _missed()
    report_page = owner_client.get(f"/campaigns/{campaign.public_id}/report").text
    assert "This campaign missed its time" in report_page
    assert "missed its time" in owner_client.get("/").text
    assert "Needs your decision" in owner_client.get("/campaigns").text


def test_a_missed_campaign_is_sent_rescheduled_or_left(owner_client: FlaskClient) -> None:
    campaign = _missed()
    path = f"/campaigns/{campaign.public_id}"
    assert owner_client.post(f"{path}/send-now").status_code == 302
    found = fresh_campaign(campaign.id)
    assert (found.status, found.is_undo_window, found.asked_at) == ("scheduled", True, None)
    new = {"date": _in_days(2), "time": "10:00", "zone": "UTC"}
    assert owner_client.post(f"{path}/time", data=new).status_code == 302
    assert not fresh_campaign(campaign.id).is_undo_window
    owner_client.post(f"{path}/unschedule")
    assert fresh_campaign(campaign.id).status == "draft"
    assert owner_client.get(f"{path}/time").status_code == 302


def test_a_new_time_that_has_passed_is_refused(owner_client: FlaskClient) -> None:
    campaign = _missed()
    old = {"date": "2020-01-01", "time": "10:00", "zone": "UTC"}
    answer = owner_client.post(f"/campaigns/{campaign.public_id}/time", data=old)
    assert answer.status_code == 422
    assert "has passed" in answer.text
    assert fresh_campaign(campaign.id).asked_at is not None


def test_a_campaign_at_local_time_is_rescheduled_by_recipients_clocks(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready()
    _launch(owner_client, campaign, when="local")
    new = {"date": _in_days(5), "time": "18:00"}
    owner_client.post(f"/campaigns/{campaign.public_id}/time", data=new)
    assert fresh_campaign(campaign.id).local_at == f"{_in_days(5)}T18:00"


def test_the_slowest_limit_of_the_account_is_shown(owner_client: FlaskClient) -> None:
    campaign = _ready()
    assert "takes about" not in _plan(owner_client, campaign, when="now")
    with transaction():
        db.session.query(ProviderAccount).update({"name": "Relay", "per_day": 1})
    shown = _plan(owner_client, campaign, when="now")
    assert "Relay may send 1 email in 24 hours.</p><p>Sending takes about 2 days." in shown
    assert "Relay may send" in _plan(
        owner_client, campaign, when="later", pace="rate", per_hour="9"
    )
