"""The test group on pages: chosen before the launch, shown and decided in the report."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.campaign.canary_plan import USUAL, Band, CanaryPlan, plan_in
from campaigns.campaign.models import Campaign, CampaignSeries, Delivery, HeldGroup
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_sender, subscribers
from tests.readback import fresh_campaign
from tests.web.launching import launch, review
from tests.web.test_reports import report, started, text_of

SENT = {"status": "sent"}
REFUSED = {"status": "failed", "reason": "refused"}
QUEUED = {"status": "queued"}
FORM = {
    "canary": "on",
    "canary_percent": "2,5",
    "canary_minutes": "45",
    **{f"{name}_go_on": f"{band.go_on:g}" for name, band in USUAL.items()},
    **{f"{name}_stop": f"{band.stop:g}" for name, band in USUAL.items()},
}


@pytest.fixture
def draft(owner_client: FlaskClient) -> Campaign:
    with transaction():
        save_workspace(name="Harbour Books", postal_address="12 Quay Street")
        news = a_list()
        subscribers((f"p{number}@example.org" for number in range(60)), news)
        return a_campaign(news, sender=a_sender())


def value_of(name: str, page: str) -> str:
    """The value of the input with this name."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found is not None
    return found[1]


# --- before the launch -------------------------------------------------------------------------


def test_a_test_group_is_off_by_default_with_the_usual_values(
    owner_client: FlaskClient, draft: Campaign
) -> None:
    page = review(owner_client, draft)
    assert 'name="canary">' in page, "not ticked"
    assert value_of("canary_percent", page) == "2"
    assert value_of("complaints_stop", page) == "0.3"
    launch(owner_client, draft, {})
    assert fresh_campaign(draft.id).canary_percent == 0


def test_the_choices_are_stored(owner_client: FlaskClient, draft: Campaign) -> None:
    form = {**FORM, "refusals_go_on": "1", "refusals_stop": "2.5"}
    assert launch(owner_client, draft, form).status_code == 302
    bands = {**USUAL, "refusals": Band(1, 2.5)}
    assert plan_in(fresh_campaign(draft.id)) == CanaryPlan(2.5, 45, bands)
    assert fresh_campaign(draft.id).status == "scheduled"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"canary_percent": "0"}, "0.1% to 50%"),
        ({"canary_percent": "51"}, "0.1% to 50%"),
        ({"canary_percent": "nan"}, "0.1% to 50%"),
        ({"canary_minutes": "0"}, "1 to 1"),
        ({"canary_minutes": "²"}, "1 to 1"),
        ({"bounces_go_on": "6"}, "“Bounced later” needs two numbers"),
        ({"complaints_stop": ""}, "“Complained” needs two numbers"),
        ({"deferrals_stop": "101"}, "“Deferred” needs two numbers"),
    ],
)
def test_an_invalid_choice_is_explained_and_nothing_is_sent(
    owner_client: FlaskClient, draft: Campaign, wrong: dict[str, str], words: str
) -> None:
    answer = launch(owner_client, draft, {**FORM, **wrong})
    assert answer.status_code == 422
    assert words in text_of(answer.text)
    assert 'name="canary" checked' in answer.text, "the typed value is kept"
    assert fresh_campaign(draft.id).status == "draft"


def test_the_plan_describes_the_test_group(owner_client: FlaskClient, draft: Campaign) -> None:
    path = f"/campaigns/{draft.public_id}/review/plan"
    said = text_of(owner_client.get(path, query_string=FORM).text)
    assert "About 50 recipients get it first" in said
    assert "observed for 45 minutes" in said
    assert "first" not in text_of(owner_client.get(path, query_string={"when": "now"}).text)


def test_a_small_audience_needs_no_test_group(owner_client: FlaskClient, draft: Campaign) -> None:
    with transaction():
        db.session.execute(sa.text("DELETE FROM subscription WHERE subscriber_id > 40"))
    path = f"/campaigns/{draft.public_id}/review/plan"
    said = text_of(owner_client.get(path, query_string=FORM).text)
    assert "There is no test group: a test needs more than 50 recipients." in said


def test_a_copy_keeps_the_test_group(owner_client: FlaskClient, draft: Campaign) -> None:
    launch(owner_client, draft, FORM)
    owner_client.post(f"/campaigns/{draft.public_id}/duplicate")
    copy = db.session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
    assert copy is not None
    page = review(owner_client, copy)
    assert 'name="canary" checked' in page
    assert value_of("canary_percent", page) == "2.5"


def test_a_series_keeps_the_test_group(owner_client: FlaskClient, draft: Campaign) -> None:
    rule = {
        "when": "repeat", "frequency": "daily", "interval": "1", "zone": "Europe/Berlin",
        "date": f"{utcnow() + timedelta(days=2):%Y-%m-%d}", "time": "09:00",
    }  # fmt: skip
    assert launch(owner_client, draft, {**FORM, **rule}).status_code == 302
    assert db.session.scalars(sa.select(CampaignSeries.template_id)).all() == [draft.id]
    assert fresh_campaign(draft.id).canary_percent == 2.5


# --- in the report -----------------------------------------------------------------------------


def a_canary(state: str, *outcomes: dict[str, Any], **values: Any) -> Campaign:
    """A campaign with a test group of fifty."""
    with transaction():
        return started(
            "sending",
            *outcomes,
            canary_percent=2.0,
            canary_state=state,
            canary_quota={"other": 30, "google": 20},
            **values,
        )


def test_a_campaign_without_a_test_group_shows_no_card(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sending", SENT)
    assert 'id="canary"' not in report(owner_client, campaign)


def test_the_card_shows_the_results_of_the_test_group(owner_client: FlaskClient) -> None:
    campaign = a_canary("testing", *[SENT] * 7, *[REFUSED] * 3, *[QUEUED] * 5)
    html = report(owner_client, campaign)
    page = text_of(html)
    assert "Test group: 10 of 50 sent" in page
    assert "Refused 30% (3) Too high Continue below 5%, stop above 10%" in page
    assert "Deferred 0% (0) Good" in page
    assert "Gmail 0 of 20" in page
    live = report(owner_client, campaign, "/live?status=sending")
    assert 'id="canary"' in live, "the poll includes it"


def test_the_card_says_how_long_the_observation_takes(owner_client: FlaskClient) -> None:
    until = utcnow() + timedelta(minutes=12)
    campaign = a_canary("watching", *[SENT] * 50, QUEUED, canary_until=until)
    page = text_of(report(owner_client, campaign))
    assert "Test group: observing 50 results" in page
    assert "Time left 12 minutes" in page
    assert "Speed now" not in page


def test_after_the_decision_the_card_shows_the_results_of_that_time(
    owner_client: FlaskClient,
) -> None:
    seen = {"other": {"results": 30, "deferrals": 3}, "google": {"results": 20}}
    words = "The first 50 went well."
    campaign = a_canary("passed", *[SENT] * 60, canary_words=words, canary_seen=seen)
    page = text_of(report(owner_client, campaign))
    assert words in page
    assert "Deferred 6% (3)" in page
    assert "All others 30 of 30" in page


def test_resuming_after_a_stop_has_its_own_label(owner_client: FlaskClient) -> None:
    words = "Stopped after a few: of the first 50 20% were refused (above 10%)."
    campaign = a_canary("stopped", SENT, QUEUED, canary_words=words, status_reason=words)
    with transaction():
        db.session.get_one(Campaign, campaign.id).status = "paused"
    html = report(owner_client, campaign)
    assert "Continue anyway" in text_of(html)
    assert "Resume" not in text_of(html)
    answer = owner_client.post(
        f"/campaigns/{campaign.public_id}/resume", follow_redirects=True
    )  # fmt: skip
    assert "Sending to all other recipients" in text_of(answer.text)
    assert "Someone chose to continue anyway." in text_of(answer.text)
    assert fresh_campaign(campaign.id).status == "sending"


def held(*outcomes: dict[str, Any]) -> Campaign:
    campaign = a_canary("watching", *outcomes)
    with transaction():
        group = HeldGroup(campaign_id=campaign.id, mailbox_group="google", held_at=utcnow())
        group.words, group.kind = "Of the first 20 to Gmail 50% were refused.", "canary"
        db.session.add(group)
    return campaign


def press(client: FlaskClient, campaign: Campaign, decision: str) -> str:
    answer = client.post(
        f"/campaigns/{campaign.public_id}/report/canary",
        data={"group": "google", "decision": decision},
        follow_redirects=True,
    )
    return text_of(answer.text)


def decision() -> str:
    db.session.rollback()
    return db.session.scalars(sa.select(HeldGroup.decision)).one()


def test_a_held_group_asks_and_can_be_sent(owner_client: FlaskClient) -> None:
    campaign = held({**QUEUED, "mailbox_group": "google"}, QUEUED)
    page = text_of(report(owner_client, campaign))
    assert "Gmail: poor test group results" in page
    assert "Of the first 20 to Gmail 50% were refused." in page
    assert "1 recipient waits" in page
    home = text_of(owner_client.get("/").text)
    assert "Poor test group results at Gmail." in home
    assert "Sending to Gmail continues." in press(owner_client, campaign, "again")
    assert decision() == "again"
    assert "Someone else has already decided this." in press(owner_client, campaign, "left")


def test_a_held_group_can_be_excluded(owner_client: FlaskClient) -> None:
    campaign = held({**QUEUED, "mailbox_group": "google"}, QUEUED)
    assert "1 recipient at Gmail excluded." in press(owner_client, campaign, "left")
    assert decision() == "left"
    states = db.session.scalars(sa.select(Delivery.status).order_by(Delivery.id)).all()
    assert states == ["cancelled", "queued"]


def test_a_refusal_spike_is_not_decided_as_a_test_group(owner_client: FlaskClient) -> None:
    campaign = held({**QUEUED, "mailbox_group": "google"})
    with transaction():
        db.session.execute(sa.update(HeldGroup).values(kind="flood"))
    assert "already decided this" in press(owner_client, campaign, "left")
    assert decision() == ""


def test_a_stranger_cannot_decide(app: Flask, client: FlaskClient) -> None:
    campaign = held(QUEUED)
    answer = client.post(f"/campaigns/{campaign.public_id}/report/canary", data={"group": "google"})
    assert answer.location.startswith("/login")
    assert decision() == ""
