"""The preview on the content page: extremes, dark mode, blocked images, size and inboxes."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign
from campaigns.db import transaction
from tests.factories import a_campaign, a_list, a_sender, a_subscriber, a_template

SOURCE = "<p>Hi {{ subscriber.name or 'friend' }}</p>"


def _a_draft(**values: Any) -> Campaign:
    with transaction():
        news = a_list()
        a_subscriber("a@example.org", news)
        a_subscriber("b@example.org", news, name="Maximiliana Featherstonehaugh")
        # More data than the other, but the email does not show it.
        a_subscriber("c@example.org", news, name="Bo", attributes={"notes": "x" * 400})
        values = {"subject": "News", "source": SOURCE, **values}
        return a_campaign(news, sender=a_sender(), **values)


def _path(campaign: Campaign, page: str) -> str:
    return f"/campaigns/{campaign.public_id}/content{page}"


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_longest_email_decides_not_the_longest_record(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    longest = owner_client.get(_path(campaign, "/subscribers/longest")).json
    assert longest is not None
    assert longest["name"] == "Maximiliana Featherstonehaugh"
    page = owner_client.get(_path(campaign, f"/preview?as={longest['id']}")).text
    assert "Hi Maximiliana" in page
    shortest = owner_client.get(_path(campaign, "/subscribers/emptiest")).json
    assert shortest is not None
    assert shortest["name"] == "Bo"
    anyone = owner_client.get(_path(campaign, "/subscribers/random")).json
    assert anyone is not None
    assert anyone["id"]
    assert owner_client.get(_path(campaign, "/subscribers/tallest")).status_code == 404


def test_extremes_are_found_for_broken_content_empty_audiences_and_templates(
    owner_client: FlaskClient,
) -> None:
    broken = _a_draft(source="{% if %}")
    assert owner_client.get(_path(broken, "/subscribers/longest")).json["id"]  # type: ignore[index]
    with transaction():
        lonely, template = a_campaign(source=SOURCE), a_template()
    assert owner_client.get(_path(lonely, "/subscribers/longest")).json == {"id": "", "name": ""}
    path = f"/templates/{template.public_id}/content/subscribers/longest"
    assert owner_client.get(path).json["id"]  # type: ignore[index]


def test_images_are_blocked_on_request(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    answer = owner_client.get(_path(campaign, "/preview?images=off&framed=1"))
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src 'none'" in policy
    assert "sandbox allow-same-origin;" in policy
    assert "allow-scripts" not in policy


def test_only_emails_with_images_offer_to_block_them(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list()
        campaigns = [a_campaign(news, content_kind=kind) for kind in ("html", "text")]
    pages = [owner_client.get(f"/campaigns/{one.public_id}/content").text for one in campaigns]
    assert ["Block images" in page for page in pages] == [True, False]


def test_dark_mode_is_shown_on_request(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<html><body>No dark styles</body></html>")
    assert "invert(1)" in owner_client.get(_path(campaign, "/preview?dark=1")).text
    assert "invert(1)" not in owner_client.get(_path(campaign, "/preview?dark=0")).text


def test_a_large_email_shows_where_it_is_clipped(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<p>words</p>\n" * 10_000)
    assert "Gmail clips the email here" in owner_client.get(_path(campaign, "/preview")).text
    assert "Gmail shows only the first" in owner_client.get(_path(campaign, "/facts")).text


def test_inboxes_show_sender_subject_and_the_beginning_of_the_text(
    owner_client: FlaskClient,
) -> None:
    facts = owner_client.get(_path(_a_draft(), "/facts")).text
    assert "<b>News</b><i data-verbatim>Hi friend" in facts
    with transaction():
        broken = a_campaign(source="{% if %}", subject="Kept", preheader="Read on")
    facts = owner_client.get(_path(broken, "/facts")).text
    assert "<b>Kept</b><i data-verbatim>Read on" in facts
