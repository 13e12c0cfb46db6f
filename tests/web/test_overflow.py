"""A fallback sender for a used-up daily limit: chosen before the launch or in the report."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.campaign import fallback_sender, lifecycle, series
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import sender_switch
from campaigns.jobs import monitor
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from tests.factories import (
    a_campaign,
    a_list,
    a_sender,
    a_signed_domain,
    subscribers,
)
from tests.readback import fresh_campaign
from tests.senders import Senders, three_senders
from tests.web.launching import launch, review
from tests.web.test_reports import QUEUED, SENT, poll_url, report, started, text_of

SECOND = "Example News <news@second.example> (Other)"


@pytest.fixture
def senders(app: Flask) -> Senders:
    with transaction():
        save_workspace(name="Harbour Books", postal_address="12 Quay Street")
        return three_senders(per_day=20)


@pytest.fixture
def draft(owner_client: FlaskClient, senders: Senders) -> Campaign:
    with transaction():
        news = a_list()
        subscribers((f"p{number}@example.org" for number in range(60)), news)
        return a_campaign(news, sender=senders.first)


def running(senders: Senders, status: str = "sending", **values: Any) -> Campaign:
    with transaction():
        defaults: dict[str, Any] = {
            "sender_id": senders.first.id, "provider_id": senders.first.provider_id,
        }  # fmt: skip
        return started(status, SENT, QUEUED, **{**defaults, **values})


def plan(client: FlaskClient, campaign: Campaign, form: dict[str, str]) -> str:
    path = f"/campaigns/{campaign.public_id}/review/plan"
    return text_of(client.get(path, query_string=form).text)


def press(client: FlaskClient, campaign: Campaign, what: str, chosen: str) -> str:
    """Press a button; return the text of the next page."""
    path = f"/campaigns/{campaign.public_id}/{what}"
    answer = client.post(path, data={"overflow": chosen}, follow_redirects=True)
    assert answer.status_code == 200
    return text_of(answer.text)


# --- before the launch -------------------------------------------------------------------------


def test_by_default_the_campaign_waits(owner_client: FlaskClient, draft: Campaign) -> None:
    page = text_of(review(owner_client, draft))
    assert "When the daily limit of Relay is used up Wait until the next day" in page
    assert f"Switch to {SECOND}" in page
    assert "more@first.example" not in page, "that sender has the same account"
    assert launch(owner_client, draft, {"overflow": ""}).status_code == 302
    assert fresh_campaign(draft.id).overflow_sender_id is None


def test_without_another_account_there_is_no_choice(
    owner_client: FlaskClient, draft: Campaign, senders: Senders
) -> None:
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == senders.second.id))
    assert 'name="overflow"' not in review(owner_client, draft)
    assert launch(owner_client, draft, {}).status_code == 302


def test_the_choice_is_stored(owner_client: FlaskClient, draft: Campaign, senders: Senders) -> None:
    assert launch(owner_client, draft, {"overflow": senders.second.public_id}).status_code == 302
    found = fresh_campaign(draft.id)
    assert (found.status, found.overflow_sender_id) == ("scheduled", senders.second.id)
    owner_client.post(f"/campaigns/{draft.public_id}/undo")
    page = review(owner_client, draft)
    assert f'value="{senders.second.public_id}" selected' in page, "it is offered again"


def test_an_invalid_choice_is_refused_and_nothing_is_sent(
    owner_client: FlaskClient, draft: Campaign, senders: Senders
) -> None:
    for wrong in (senders.same.public_id, senders.first.public_id, "nothing", "\1"):
        answer = launch(owner_client, draft, {"overflow": wrong})
        assert answer.status_code == 422
        assert "The campaign cannot continue from that address" in text_of(answer.text)
        assert "The campaign cannot continue from that address" in plan(
            owner_client, draft, {"overflow": wrong}
        )
    assert fresh_campaign(draft.id).status == "draft"
    assert fresh_campaign(draft.id).overflow_sender_id is None


def test_the_plan_describes_the_fallback(
    owner_client: FlaskClient, draft: Campaign, senders: Senders
) -> None:
    waits = plan(owner_client, draft, {})
    assert "Relay may send 20 emails in 24 hours. Sending takes about 2 days." in waits
    assert "The daily limit of Relay is 20 emails. The rest waits until the next day." in waits
    goes_on = plan(owner_client, draft, {"overflow": senders.second.public_id})
    assert "With that account alone, sending would take about 2 days." in goes_on
    assert f"When the daily limit of Relay is used up, it continues from {SECOND}." in goes_on
    assert "Email from second.example is not signed with DKIM" in goes_on
    with transaction():
        a_signed_domain("second.example")
        db.session.execute(sa.update(ProviderAccount).values(per_day=0))
    signed = plan(owner_client, draft, {"overflow": senders.second.public_id})
    assert "not signed" not in signed
    assert "daily limit" not in plan(owner_client, draft, {}), "no limit is known"


def test_the_plan_mentions_trouble_of_the_other_account(
    owner_client: FlaskClient, draft: Campaign, senders: Senders
) -> None:
    with transaction():
        db.session.get_one(ProviderAccount, senders.second.provider_id).trouble = "Login refused."
    shown = plan(owner_client, draft, {"overflow": senders.second.public_id})
    assert "The account “Other” is not working." in shown


def test_each_occurrence_keeps_the_fallback(
    owner_client: FlaskClient, draft: Campaign, senders: Senders
) -> None:
    rule = {
        "when": "repeat", "frequency": "daily", "interval": "1", "zone": "Europe/Berlin",
        "date": f"{utcnow() + timedelta(days=2):%Y-%m-%d}", "time": "09:00",
    }  # fmt: skip
    form = {**rule, "overflow": senders.second.public_id}
    assert launch(owner_client, draft, form).status_code == 302
    assert fresh_campaign(draft.id).overflow_sender_id == senders.second.id
    with transaction():
        found = db.session.scalars(sa.select(CampaignSeries)).one()
        made = series.make_now(
            found.id, datetime.fromisoformat(found.first_local), now=utcnow()
        )  # fmt: skip
    assert made is not None
    assert made.campaign is not None
    assert made.campaign.overflow_sender_id == senders.second.id


# --- in the report -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["scheduled", "sending", "paused"])
def test_a_fallback_can_be_chosen_in_mid_campaign(
    owner_client: FlaskClient, senders: Senders, status: str
) -> None:
    campaign = running(senders, status)
    assert "When the daily limit of Relay is used up" in text_of(report(owner_client, campaign))
    shown = press(owner_client, campaign, "overflow", senders.second.public_id)
    assert f"At the daily limit, sending switches to {SECOND}." in shown
    found = fresh_campaign(campaign.id)
    assert (found.status, found.overflow_sender_id) == (status, senders.second.id)
    assert f'value="{senders.second.public_id}" selected' in report(owner_client, campaign)
    shown = press(owner_client, campaign, "overflow", "")
    assert "sending waits until the next day" in shown
    assert fresh_campaign(campaign.id).overflow_sender_id is None


def test_choosing_a_fallback_wakes_a_worker(
    owner_client: FlaskClient, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign may be waiting already."""
    rung: list[str] = []

    def ring(self: object, job: str, *ids: int) -> bool:
        rung.append(job)
        return True

    campaign = running(senders)
    monkeypatch.setattr(type(services().doorbell), "ring", ring)
    press(owner_client, campaign, "overflow", senders.second.public_id)
    assert rung == ["send"]
    press(owner_client, campaign, "go-on", senders.second.public_id)
    assert rung == ["send", "send"]


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_an_invalid_sender_changes_nothing(
    owner_client: FlaskClient, senders: Senders, what: str
) -> None:
    campaign = running(senders)
    for wrong in (senders.same.public_id, "nothing"):
        shown = press(owner_client, campaign, what, wrong)
        assert "The campaign cannot continue from that address" in shown
    found = fresh_campaign(campaign.id)
    assert (found.sender_id, found.overflow_sender_id) == (senders.first.id, None)


@pytest.mark.parametrize("status", ["sending", "paused"])
def test_a_user_can_switch_the_sender_immediately(
    owner_client: FlaskClient, senders: Senders, status: str
) -> None:
    campaign = running(senders, status, status_reason="Relay may send 20 mails in 24 hours.")
    assert "Switch sender now" in text_of(report(owner_client, campaign))
    shown = press(owner_client, campaign, "go-on", senders.second.public_id)
    assert f"Sending continues from {SECOND}." in shown
    found = fresh_campaign(campaign.id)
    assert (found.status, found.status_reason) == ("sending", "")
    assert (found.sender_id, found.provider_id) == (
        senders.second.id,
        senders.second.provider_id,
    )
    assert "Now: news@second.example (Other)" in shown


def test_switching_needs_a_sender(owner_client: FlaskClient, senders: Senders) -> None:
    campaign = running(senders)
    assert "Choose the address to send from." in press(
        owner_client, campaign, "go-on", ""
    )  # fmt: skip
    assert fresh_campaign(campaign.id).sender_id == senders.first.id


@pytest.mark.parametrize("status", ["sent", "cancelled"])
def test_a_finished_campaign_cannot_be_switched(
    owner_client: FlaskClient, senders: Senders, status: str
) -> None:
    campaign = running(senders, status, finished_at=utcnow())
    assert 'name="overflow"' not in report(owner_client, campaign)
    assert "This campaign has been" in press(
        owner_client, campaign, "overflow", senders.second.public_id
    )
    assert "It cannot switch its sender." in press(
        owner_client, campaign, "go-on", senders.second.public_id
    )
    assert fresh_campaign(campaign.id).sender_id == senders.first.id


def test_a_decision_about_the_test_group_comes_first(
    owner_client: FlaskClient, senders: Senders
) -> None:
    words = "Too many were refused."
    campaign = running(
        senders, "paused", canary_state="stopped", canary_words=words, status_reason=words
    )
    assert "Switch sender now" not in text_of(report(owner_client, campaign))
    shown = press(owner_client, campaign, "go-on", senders.second.public_id)
    assert "Decide about the test group first" in shown
    assert (fresh_campaign(campaign.id).status, fresh_campaign(campaign.id).sender_id) == (
        "paused",
        senders.first.id,
    )


def test_the_report_keeps_the_history_of_senders(
    owner_client: FlaskClient, senders: Senders
) -> None:
    campaign = running(senders, overflow_sender_id=senders.second.id)
    at = datetime(2026, 5, 20, 14, 5, tzinfo=UTC)
    with transaction():
        assert sender_switch.go_on_from(campaign.id, senders.second.id, now=at, by_itself=True)
        assert sender_switch.go_on_from(campaign.id, senders.first.id, now=at + timedelta(hours=1))
    page = text_of(report(owner_client, campaign))
    assert "14:05: news@first.example (Relay). Its daily limit was used up." in page
    assert "15:05: news@second.example (Other) Now: news@first" in page
    with transaction():
        fresh_one = db.session.get_one(Campaign, campaign.id)
        fresh_one.status, fresh_one.sender_id, fresh_one.provider_id = "sent", None, None
    page = text_of(report(owner_client, campaign))
    assert "15:05: news@second.example (Other)" in page


def test_without_a_choice_the_report_shows_nothing(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sending", SENT, QUEUED, sender_id=a_sender().id)
    assert "Sender address" not in text_of(report(owner_client, campaign))


def test_during_the_undo_window_there_is_no_choice(
    owner_client: FlaskClient, senders: Senders
) -> None:
    campaign = running(
        senders,
        "scheduled",
        is_undo_window=True,
        scheduled_at=utcnow() + timedelta(seconds=10),
        started_at=None,
    )
    assert 'name="overflow"' not in report(owner_client, campaign)


def test_the_page_reloads_when_the_sender_has_changed(
    owner_client: FlaskClient, senders: Senders
) -> None:
    campaign = running(senders)
    poll = poll_url(report(owner_client, campaign))
    assert "HX-Refresh" not in owner_client.get(poll).headers
    with transaction():
        assert sender_switch.go_on_from(campaign.id, senders.second.id, now=utcnow())
    assert owner_client.get(poll).headers["HX-Refresh"] == "true"
    poll = poll_url(report(owner_client, campaign))
    assert "HX-Refresh" not in owner_client.get(poll).headers


def test_a_waiting_campaign_links_to_the_choice(
    owner_client: FlaskClient, senders: Senders
) -> None:
    link = 'href="#sender">Send the remaining emails from another address'
    campaign = running(senders)
    assert link not in report(owner_client, campaign)
    with transaction():
        lifecycle.explain(campaign.id, Reason("status.no_account"))
    page = report(owner_client, campaign)
    assert link in page
    assert link in owner_client.get(poll_url(page)).text
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == senders.second.id))
    assert link not in report(owner_client, campaign)


def test_the_finish_time_excludes_waits_that_a_switch_avoids(
    owner_client: FlaskClient, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "is_served", lambda redis, lane: True)
    rows = [SENT] * 20 + [QUEUED] * 40
    with transaction():
        campaign = started(
            "sending", *rows, sender_id=senders.first.id, provider_id=senders.first.provider_id
        )
    assert re.search(
        r"Finishes [^(]* \(in 2 days\)|in \d\d h", text_of(report(owner_client, campaign))
    )
    with transaction():
        assert fallback_sender.choose(campaign.id, senders.second.id, now=utcnow())
    page = text_of(report(owner_client, campaign))
    assert re.search(r"Finishes [^(]{1,40} in \d+ (minutes?|seconds?)", page), "also past midnight"


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_strangers_are_sent_to_the_login(client: FlaskClient, senders: Senders, what: str) -> None:
    campaign = running(senders)
    form = {"overflow": senders.second.public_id}
    answer = client.post(f"/campaigns/{campaign.public_id}/{what}", data=form)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
    assert fresh_campaign(campaign.id).overflow_sender_id is None


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_an_unknown_campaign_is_not_found(owner_client: FlaskClient, what: str) -> None:
    assert owner_client.post(f"/campaigns/nothing/{what}").status_code == 404


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_sender_in_use_cannot_be_deleted(owner_client: FlaskClient, senders: Senders) -> None:
    running(senders, overflow_sender_id=senders.second.id)
    path = f"/settings/senders/{senders.second.public_id}/delete"
    answer = owner_client.post(path)
    assert answer.status_code == 422
    assert "campaigns use it: “Winter sale”" in text_of(answer.text)
