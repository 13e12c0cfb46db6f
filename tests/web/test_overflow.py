"""Another address when the daily limit is used up: chosen before the launch and in the report."""

import re
from dataclasses import dataclass
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
    a_provider,
    a_sender,
    a_signed_domain,
    subscribers,
)
from tests.readback import fresh_campaign
from tests.web.test_reports import QUEUED, SENT, poll_address, report, started, text_of

SECOND = "Example News <news@second.example> (Other)"


@dataclass(frozen=True)
class Addresses:
    first: SenderAddress
    second: SenderAddress
    same: SenderAddress


@pytest.fixture
def addresses(app: Flask) -> Addresses:
    with transaction():
        save_workspace(name="Harbour Books", postal_address="12 Quay Street")
        relay, other = a_provider("Relay", per_day=20), a_provider("Other")
        return Addresses(
            a_sender("news@first.example", relay),
            a_sender("news@second.example", other, is_default=False),
            a_sender("more@first.example", relay, is_default=False),
        )


@pytest.fixture
def draft(owner_client: FlaskClient, addresses: Addresses) -> Campaign:
    with transaction():
        news = a_list()
        subscribers((f"p{number}@example.org" for number in range(60)), news)
        return a_campaign(news, sender=addresses.first)


def running(addresses: Addresses, status: str = "sending", **values: Any) -> Campaign:
    with transaction():
        defaults: dict[str, Any] = {
            "sender_id": addresses.first.id, "provider_id": addresses.first.provider_id,
        }  # fmt: skip
        return started(status, SENT, QUEUED, **{**defaults, **values})


def review(client: FlaskClient, campaign: Campaign) -> str:
    return client.get(f"/campaigns/{campaign.public_id}/review").text


def launch(client: FlaskClient, campaign: Campaign, form: dict[str, str]) -> Any:
    version = str(fresh_campaign(campaign.id).version)
    return client.post(
        f"/campaigns/{campaign.public_id}/review",
        data={"version": version, "recipients": "60", "when": "now", **form},
    )


def plan(client: FlaskClient, campaign: Campaign, form: dict[str, str]) -> str:
    path = f"/campaigns/{campaign.public_id}/review/plan"
    return text_of(client.get(path, query_string=form).text)


def press(client: FlaskClient, campaign: Campaign, what: str, chosen: str) -> str:
    """The page that follows, in words."""
    path = f"/campaigns/{campaign.public_id}/{what}"
    answer = client.post(path, data={"overflow": chosen}, follow_redirects=True)
    assert answer.status_code == 200
    return text_of(answer.text)


# --- before the launch -------------------------------------------------------------------------


def test_it_waits_unless_something_else_is_chosen(
    owner_client: FlaskClient, draft: Campaign
) -> None:
    page = text_of(review(owner_client, draft))
    assert "When the daily limit of Relay is used up Wait until the next day" in page
    assert f"Switch to {SECOND}" in page
    assert "more@first.example" not in page, "that is by the same account"
    assert launch(owner_client, draft, {"overflow": ""}).status_code == 302
    assert fresh_campaign(draft.id).overflow_sender_id is None


def test_without_another_account_nothing_is_asked(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == addresses.second.id))
    assert 'name="overflow"' not in review(owner_client, draft)
    assert launch(owner_client, draft, {}).status_code == 302


def test_what_is_chosen_is_kept(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    assert launch(owner_client, draft, {"overflow": addresses.second.public_id}).status_code == 302
    found = fresh_campaign(draft.id)
    assert (found.status, found.overflow_sender_id) == ("scheduled", addresses.second.id)
    owner_client.post(f"/campaigns/{draft.public_id}/undo")
    page = review(owner_client, draft)
    assert f'value="{addresses.second.public_id}" selected' in page, "it is offered again"


def test_what_cannot_be_is_refused_and_nothing_is_sent(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    for wrong in (addresses.same.public_id, addresses.first.public_id, "nothing", "\1"):
        answer = launch(owner_client, draft, {"overflow": wrong})
        assert answer.status_code == 422
        assert "The campaign cannot continue from that address" in text_of(answer.text)
        assert "The campaign cannot continue from that address" in plan(
            owner_client, draft, {"overflow": wrong}
        )
    assert fresh_campaign(draft.id).status == "draft"
    assert fresh_campaign(draft.id).overflow_sender_id is None


def test_the_plan_says_what_will_happen(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    waits = plan(owner_client, draft, {})
    assert "Relay may send 20 emails in 24 hours. Sending takes about 2 days." in waits
    assert "The daily limit of Relay is 20 emails. The rest waits until the next day." in waits
    goes_on = plan(owner_client, draft, {"overflow": addresses.second.public_id})
    assert "With that account alone, sending would take about 2 days." in goes_on
    assert f"When the daily limit of Relay is used up, it continues from {SECOND}." in goes_on
    assert "Email from second.example is not signed with DKIM" in goes_on
    with transaction():
        a_signed_domain("second.example")
        db.session.execute(sa.update(ProviderAccount).values(per_day=0))
    signed = plan(owner_client, draft, {"overflow": addresses.second.public_id})
    assert "not signed" not in signed
    assert "daily limit" not in plan(owner_client, draft, {}), "there is none that is known"


def test_the_plan_tells_of_trouble_with_the_other_account(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    with transaction():
        db.session.get_one(ProviderAccount, addresses.second.provider_id).trouble = "Login refused."
    said = plan(owner_client, draft, {"overflow": addresses.second.public_id})
    assert "The account “Other” is not working." in said


def test_what_repeats_keeps_it_each_time(
    owner_client: FlaskClient, draft: Campaign, addresses: Addresses
) -> None:
    rule = {
        "when": "repeat", "frequency": "daily", "interval": "1", "zone": "Europe/Berlin",
        "date": f"{utcnow() + timedelta(days=2):%Y-%m-%d}", "time": "09:00",
    }  # fmt: skip
    form = {**rule, "overflow": addresses.second.public_id}
    assert launch(owner_client, draft, form).status_code == 302
    assert fresh_campaign(draft.id).overflow_sender_id == addresses.second.id
    with transaction():
        found = db.session.scalars(sa.select(CampaignSeries)).one()
        made = series.make_now(
            found.id, datetime.fromisoformat(found.first_local), now=utcnow()
        )  # fmt: skip
    assert made is not None
    assert made.campaign is not None
    assert made.campaign.overflow_sender_id == addresses.second.id


# --- in the report -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["scheduled", "sending", "paused"])
def test_it_can_be_chosen_on_the_way(
    owner_client: FlaskClient, addresses: Addresses, status: str
) -> None:
    campaign = running(addresses, status)
    assert "When the daily limit of Relay is used up" in text_of(report(owner_client, campaign))
    said = press(owner_client, campaign, "overflow", addresses.second.public_id)
    assert f"At the daily limit, sending switches to {SECOND}." in said
    found = fresh_campaign(campaign.id)
    assert (found.status, found.overflow_sender_id) == (status, addresses.second.id)
    assert f'value="{addresses.second.public_id}" selected' in report(owner_client, campaign)
    said = press(owner_client, campaign, "overflow", "")
    assert "sending waits until the next day" in said
    assert fresh_campaign(campaign.id).overflow_sender_id is None


def test_who_chooses_wakes_a_worker(
    owner_client: FlaskClient, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may wait already."""
    rung: list[str] = []

    def ring(self: object, job: str, *ids: int) -> bool:
        rung.append(job)
        return True

    campaign = running(addresses)
    monkeypatch.setattr(type(services().doorbell), "ring", ring)
    press(owner_client, campaign, "overflow", addresses.second.public_id)
    assert rung == ["send"]
    press(owner_client, campaign, "go-on", addresses.second.public_id)
    assert rung == ["send", "send"]


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_a_wrong_address_changes_nothing(
    owner_client: FlaskClient, addresses: Addresses, what: str
) -> None:
    campaign = running(addresses)
    for wrong in (addresses.same.public_id, "nothing"):
        said = press(owner_client, campaign, what, wrong)
        assert "The campaign cannot continue from that address" in said
    found = fresh_campaign(campaign.id)
    assert (found.sender_id, found.overflow_sender_id) == (addresses.first.id, None)


@pytest.mark.parametrize("status", ["sending", "paused"])
def test_somebody_lets_it_go_on_at_once(
    owner_client: FlaskClient, addresses: Addresses, status: str
) -> None:
    campaign = running(addresses, status, status_reason="Relay may send 20 mails in 24 hours.")
    assert "Switch sender now" in text_of(report(owner_client, campaign))
    said = press(owner_client, campaign, "go-on", addresses.second.public_id)
    assert f"Sending continues from {SECOND}." in said
    found = fresh_campaign(campaign.id)
    assert (found.status, found.status_reason) == ("sending", "")
    assert (found.sender_id, found.provider_id) == (
        addresses.second.id,
        addresses.second.provider_id,
    )
    assert "Now: news@second.example (Other)" in said


def test_going_on_needs_an_address(owner_client: FlaskClient, addresses: Addresses) -> None:
    campaign = running(addresses)
    assert "Choose the address to send from." in press(
        owner_client, campaign, "go-on", ""
    )  # fmt: skip
    assert fresh_campaign(campaign.id).sender_id == addresses.first.id


@pytest.mark.parametrize("status", ["sent", "cancelled"])
def test_what_is_over_is_not_moved(
    owner_client: FlaskClient, addresses: Addresses, status: str
) -> None:
    campaign = running(addresses, status, finished_at=utcnow())
    assert 'name="overflow"' not in report(owner_client, campaign)
    assert "This campaign has been" in press(
        owner_client, campaign, "overflow", addresses.second.public_id
    )
    assert "It cannot switch its sender." in press(
        owner_client, campaign, "go-on", addresses.second.public_id
    )
    assert fresh_campaign(campaign.id).sender_id == addresses.first.id


def test_a_canary_that_asks_is_answered_first(
    owner_client: FlaskClient, addresses: Addresses
) -> None:
    words = "Too many were refused."
    campaign = running(
        addresses, "paused", canary_state="stopped", canary_words=words, status_reason=words
    )
    assert "Switch sender now" not in text_of(report(owner_client, campaign))
    said = press(owner_client, campaign, "go-on", addresses.second.public_id)
    assert "Decide about the test group first" in said
    assert (fresh_campaign(campaign.id).status, fresh_campaign(campaign.id).sender_id) == (
        "paused",
        addresses.first.id,
    )


def test_the_report_says_from_where_it_went_for_ever(
    owner_client: FlaskClient, addresses: Addresses
) -> None:
    campaign = running(addresses, overflow_sender_id=addresses.second.id)
    at = datetime(2026, 5, 20, 14, 5, tzinfo=UTC)
    with transaction():
        assert sender_switch.go_on_from(campaign.id, addresses.second.id, now=at, by_itself=True)
        assert sender_switch.go_on_from(
            campaign.id, addresses.first.id, now=at + timedelta(hours=1)
        )
    page = text_of(report(owner_client, campaign))
    assert "14:05: news@first.example (Relay). Its daily limit was used up." in page
    assert "15:05: news@second.example (Other) Now: news@first" in page
    with transaction():
        fresh_one = db.session.get_one(Campaign, campaign.id)
        fresh_one.status, fresh_one.sender_id, fresh_one.provider_id = "sent", None, None
    page = text_of(report(owner_client, campaign))
    assert "15:05: news@second.example (Other)" in page


def test_nothing_is_said_where_there_is_nothing_to_say(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sending", SENT, QUEUED, sender_id=a_sender().id)
    assert "Sender address" not in text_of(report(owner_client, campaign))


def test_while_it_can_be_taken_back_nothing_else_is_asked(
    owner_client: FlaskClient, addresses: Addresses
) -> None:
    campaign = running(
        addresses,
        "scheduled",
        is_undo_window=True,
        scheduled_at=utcnow() + timedelta(seconds=10),
        started_at=None,
    )
    assert 'name="overflow"' not in report(owner_client, campaign)


def test_the_page_comes_anew_when_the_address_has_changed(
    owner_client: FlaskClient, addresses: Addresses
) -> None:
    campaign = running(addresses)
    poll = poll_address(report(owner_client, campaign))
    assert "HX-Refresh" not in owner_client.get(poll).headers
    with transaction():
        assert sender_switch.go_on_from(campaign.id, addresses.second.id, now=utcnow())
    assert owner_client.get(poll).headers["HX-Refresh"] == "true"
    poll = poll_address(report(owner_client, campaign))
    assert "HX-Refresh" not in owner_client.get(poll).headers


def test_what_waits_points_to_the_way_out(owner_client: FlaskClient, addresses: Addresses) -> None:
    link = 'href="#way">Send the remaining emails from another address'
    campaign = running(addresses)
    assert link not in report(owner_client, campaign)
    with transaction():
        lifecycle.explain(campaign.id, Reason("status.no_account"))
    page = report(owner_client, campaign)
    assert link in page
    assert link in owner_client.get(poll_address(page)).text
    with transaction():
        db.session.execute(sa.delete(SenderAddress).where(SenderAddress.id == addresses.second.id))
    assert link not in report(owner_client, campaign)


def test_the_finish_does_not_count_days_that_nobody_waits(
    owner_client: FlaskClient, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "is_served", lambda redis, lane: True)
    rows = [SENT] * 20 + [QUEUED] * 40
    with transaction():
        campaign = started(
            "sending", *rows, sender_id=addresses.first.id, provider_id=addresses.first.provider_id
        )
    assert re.search(
        r"Finishes [^(]* \(in 2 days\)|in \d\d h", text_of(report(owner_client, campaign))
    )
    with transaction():
        assert fallback_sender.choose(campaign.id, addresses.second.id, now=utcnow())
    page = text_of(report(owner_client, campaign))
    assert re.search(r"Finishes \S+ in \d+ (minutes?|seconds?)", page)


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_strangers_are_sent_to_the_login(
    client: FlaskClient, addresses: Addresses, what: str
) -> None:
    campaign = running(addresses)
    form = {"overflow": addresses.second.public_id}
    answer = client.post(f"/campaigns/{campaign.public_id}/{what}", data=form)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
    assert fresh_campaign(campaign.id).overflow_sender_id is None


@pytest.mark.parametrize("what", ["overflow", "go-on"])
def test_a_campaign_that_is_not_there(owner_client: FlaskClient, what: str) -> None:
    assert owner_client.post(f"/campaigns/nothing/{what}").status_code == 404


@pytest.mark.runs_on("sqlite", "postgresql")
def test_an_address_that_is_needed_is_not_deleted(
    owner_client: FlaskClient, addresses: Addresses
) -> None:
    running(addresses, overflow_sender_id=addresses.second.id)
    path = f"/settings/senders/{addresses.second.public_id}/delete"
    answer = owner_client.post(path)
    assert answer.status_code == 422
    assert "campaigns use it: “Winter sale”" in text_of(answer.text)
