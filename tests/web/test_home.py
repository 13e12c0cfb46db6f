"""Home: first steps, alerts, campaigns in progress, figures."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import ImportRun
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.web.test_reports import text_of


def home(client: FlaskClient) -> str:
    answer = client.get("/")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_stranger_is_sent_to_the_login(client: FlaskClient) -> None:
    assert client.get("/").status_code == 302
    assert client.get("/home/under-way").status_code == 302


def test_an_empty_home_shows_the_first_steps_and_no_polling(owner_client: FlaskClient) -> None:
    html = home(owner_client)
    text = text_of(html)
    assert "0 of 6" in text
    assert "Add a provider account" in text
    assert "No campaigns sent yet" in text
    assert "hx-get" not in html
    assert 'href="/campaigns/new"' in html


def test_completed_steps_are_ticked_and_the_next_is_highlighted(owner_client: FlaskClient) -> None:
    with transaction():
        a_provider()
    html = home(owner_client)
    assert "1 of 6" in text_of(html)
    following = html.partition('<li class="next">')[2].partition("</li>")[0]
    assert "Add a sender address" in following


def test_the_steps_disappear_when_all_are_done(owner_client: FlaskClient) -> None:
    with transaction():
        a_sender()
        save_workspace(postal_address="1 Example Way")
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        campaign = a_campaign(news, subject="First", status="sent", audience=1)
        campaign.started_at = utcnow()
        a_delivery(campaign, alice, status="sent", first_opened_at=utcnow())
    text = text_of(home(owner_client))
    assert "of 6" not in text
    assert "Subscribers 1 1 new in 30 days" in text
    assert "Sent in 30 days 1" in text
    assert "Open rate, 30 days 100%" in text
    assert "First" in text


def test_campaigns_in_progress_are_shown_and_polled(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, subject="Winter sale", status="sending", audience=4)
        campaign.started_at = utcnow()
        for number, status in enumerate(("sent", "sent", "failed", "queued")):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news), status=status)
    html = home(owner_client)
    assert "75%" in text_of(html)
    assert "Sent 2, waiting 1, failed 1" in text_of(html)
    found = re.search(r'hx-get="([^"]+)"\s+hx-trigger="every 2s"', html)
    assert found is not None
    answer = owner_client.get(found[1].replace("&amp;", "&"))
    assert 'id="under-way"' in answer.get_data(as_text=True)
    with transaction():
        campaign.status = "sent"
        db.session.add(campaign)
    assert owner_client.get(found[1]).headers["HX-Refresh"] == "true"


def test_the_next_scheduled_campaigns_are_listed(owner_client: FlaskClient) -> None:
    with transaction():
        a_campaign(subject="Advent", status="scheduled", scheduled_at=utcnow() + timedelta(days=2))
    html = home(owner_client)
    assert "Scheduled next" in html
    assert "Advent" in html


def test_alerts_say_what_is_wrong_and_link_there(owner_client: FlaskClient) -> None:
    with transaction():
        a_provider("Mailserver", trouble="The server refused the login.", trouble_at=utcnow())
        news = a_list()
        paused = a_campaign(news, status="paused", status_reason="Ten refusals in a row.")
        paused.started_at = utcnow()
        failed = ImportRun(
            list_id=news.id, file_name="people.csv", path="x", status="failed", error="Row 3 ends."
        )
        db.session.add(failed)
    html = home(owner_client)
    text = text_of(html)
    assert "Mailserver is not working" in text
    assert ". The server refused the login. Check the account" in text
    assert "Ten refusals in a row." in text
    assert "The import of people.csv failed" in text
    assert f"/campaigns/{paused.public_id}/report" in html


def test_an_https_address_needs_no_note(owner_client: FlaskClient) -> None:
    assert "PUBLIC_URL" not in home(owner_client)


class TestOnPlainHttp:
    @pytest.fixture
    def settings(self, database_url: str, tmp_path: object) -> Settings:
        from pathlib import Path

        assert isinstance(tmp_path, Path)
        return settings_for_tests(
            tmp_path, database_url=database_url, public_url="http://127.0.0.1:8000"
        )

    def test_an_http_address_is_a_small_note(self, app: Flask, owner_client: FlaskClient) -> None:
        html = home(owner_client)
        assert "http://127.0.0.1:8000" in html
        assert "PUBLIC_URL" in html


def test_drafts_are_listed_with_the_last_edited_first(owner_client: FlaskClient) -> None:
    with transaction():
        old = a_campaign(subject="Older idea", updated_at=utcnow() - timedelta(days=1))
        new = a_campaign(subject="Newer idea")
        gone = a_campaign(subject="Gone out", status="sent")
    html = home(owner_client)
    assert html.index(f"/campaigns/{new.public_id}") < html.index(f"/campaigns/{old.public_id}")
    assert "Continue writing" in html
    assert f"/campaigns/{gone.public_id}/review" not in html


def test_a_draft_without_a_name_and_a_subject_is_untitled(owner_client: FlaskClient) -> None:
    with transaction():
        a_campaign(name="", subject="")
    assert "Untitled campaign" in home(owner_client)
