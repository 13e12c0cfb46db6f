"""The pages of lists."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import lists, subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList
from campaigns.audience.segments import tree
from campaigns.campaign import series
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import EngagementScore
from campaigns.jobs import counts
from campaigns.tokens import DeliveryRef
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_series, a_subscriber
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_without_lists_the_page_says_what_to_do(owner_client: FlaskClient) -> None:
    page = owner_client.get("/lists")
    assert page.status_code == 200
    assert "No lists yet" in page.text


def test_a_list_is_created_and_shown(owner_client: FlaskClient) -> None:
    answer = owner_client.post(
        "/lists/new", data={"name": "News <1>", "description": "Weekly", "is_public": "1"}
    )
    assert answer.status_code == 302
    page = owner_client.get(answer.location)
    assert "News &lt;1&gt;" in page.text
    entry = db.session.scalars(sa.select(AudienceList)).one()
    assert f"https://news.example.org/s/{entry.public_id}" in page.text
    assert "News &lt;1&gt;" in owner_client.get("/lists").text


def test_a_private_list_shows_no_link(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
    assert "/s/" not in owner_client.get(f"/lists/{entry.public_id}").text


@pytest.mark.parametrize("name", ["", "news"])
def test_an_invalid_name_keeps_the_form_as_typed(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        a_list("News")
    page = owner_client.post("/lists/new", data={"name": name, "description": "Typed text"})
    assert page.status_code == 422
    assert "Typed text" in page.text
    assert "invalid-feedback" in page.text


def test_a_list_is_edited(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News", is_public=True)
    path = f"/lists/{entry.public_id}/edit"
    assert 'value="News"' in owner_client.get(path).text
    owner_client.post(path, data={"name": "Tips", "description": ""})
    db.session.expire_all()
    found = lists.find(entry.public_id)
    assert found is not None
    assert (found.name, found.is_public) == ("Tips", False)


def test_a_list_is_deleted_only_by_typing_its_name(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
        a_subscriber("alice@example.org", entry)
    path = f"/lists/{entry.public_id}/delete"
    assert "1 subscriber is removed from this list" in owner_client.get(path).text
    wrong = owner_client.post(path, data={"confirm": "Newz"})
    assert wrong.status_code == 422
    assert "The name does not match." in wrong.text
    assert lists.find(entry.public_id) is not None
    assert owner_client.post(path, data={"confirm": "News"}).status_code == 302
    assert lists.find(entry.public_id) is None
    assert "alice@example.org" in owner_client.get("/subscribers").text


def test_a_list_of_a_campaign_in_progress_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
        a_campaign(entry, subject="May issue", status="scheduled")
    path = f"/lists/{entry.public_id}/delete"
    assert "May issue" in owner_client.get(path).text
    answer = owner_client.post(path, data={"confirm": "News"})
    assert answer.status_code == 422
    assert "May issue" in answer.text
    assert lists.find(entry.public_id) is not None


def test_a_list_of_a_series_cannot_be_deleted_until_it_ends(owner_client: FlaskClient) -> None:
    with transaction():
        entry, left_out = a_list("News"), a_list("Staff")
        found = a_series(entry, excluded=(left_out,), sender=a_sender())
    for name, wanted in (("News", entry), ("Staff", left_out)):
        answer = owner_client.post(f"/lists/{wanted.public_id}/delete", data={"confirm": name})
        assert answer.status_code == 422
        assert "Scheduled, recurring or sending campaigns use it: “Morning letter”" in answer.text
    with transaction():
        series.end(found.id, now=utcnow())
    answer = owner_client.post(f"/lists/{entry.public_id}/delete", data={"confirm": "News"})
    assert answer.location == "/lists"


@pytest.mark.parametrize("path", ["", "/edit", "/delete"])
def test_a_deleted_list_is_not_found(owner_client: FlaskClient, path: str) -> None:
    assert owner_client.get(f"/lists/abcdefghijkl{path}").status_code == 404


def test_the_page_needs_no_more_statements_for_many_lists(
    app: Flask, owner_client: FlaskClient
) -> None:
    with transaction():
        a_subscriber("alice@example.org", a_list("List 0"))
    owner_client.get("/lists")  # from here on, objects are cached in the test's app context
    with counted() as few:
        owner_client.get("/lists")
    with transaction():
        for number in range(1, 30):
            a_subscriber(f"s{number}@example.org", a_list(f"List {number}"))
    with counted() as many:
        assert "List 29" in owner_client.get("/lists").text
    assert len(many) == len(few)


# --- Archiving


def test_an_archived_list_is_offered_nowhere_and_keeps_its_people(
    owner_client: FlaskClient, client: FlaskClient
) -> None:
    with transaction():
        news, other = a_list("Old news", is_public=True), a_list("Other")
        ann = a_subscriber("ann@example.org", news)
        bob = a_subscriber("bob@example.org", other)
    path = f"/lists/{news.public_id}"
    assert client.get(f"/s/{news.public_id}").status_code == 200
    owner_client.post(f"{path}/archive")
    page = owner_client.get(path).text
    assert "Archived on" in page
    assert "Add subscriber" not in page
    assert "get its campaigns" not in page
    assert client.get(f"/s/{news.public_id}").status_code == 404
    assert "Old news" not in owner_client.get("/lists").text
    assert "Old news" in owner_client.get("/lists?show=archived").text
    with transaction():
        draft, new = a_campaign(news), a_campaign(other)
    assert "Old news" in owner_client.get(f"/campaigns/{draft.public_id}").text
    assert "Old news" not in owner_client.get(f"/campaigns/{new.public_id}").text
    for offering in ("/subscribers", "/subscribers/new", f"/subscribers/{bob.public_id}"):
        assert f'value="{news.public_id}"' not in owner_client.get(offering).text
    filtered = owner_client.get(f"/subscribers?list={news.public_id}").text
    assert "ann@example.org" in filtered
    subscribing = {"list": news.public_id}
    owner_client.post(f"/subscribers/{bob.public_id}/subscribe", data=subscribing)
    assert "This list is archived." in owner_client.get(f"/subscribers/{bob.public_id}").text
    assert subscriptions.state(news.id, bob.id) is None
    assert subscriptions.state(news.id, ann.id) == "subscribed"
    with transaction():
        subscriptions.unsubscribe([news.id], ann.id, ConsentEvidence("manual", utcnow()))
    former = owner_client.get(f"/subscribers/{ann.public_id}").text
    assert "Archived list" in former
    assert "Subscribe: Old news" not in former
    owner_client.post(f"{path}/unarchive")
    assert "Old news" in owner_client.get("/subscribers/new").text
    assert client.get(f"/s/{news.public_id}").status_code == 200


def test_unsubscribing_from_an_archived_list_keeps_working(app: Flask, client: FlaskClient) -> None:
    with transaction():
        news = a_list("Old news", archived_at=utcnow())
        ann = a_subscriber("ann@example.org", news)
    token = services().signer.sign("unsubscribe", DeliveryRef(ann.id, news.id, 0).pack())
    assert "Old news" in client.get(f"/u/{token}").text
    client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
    assert subscriptions.state(news.id, ann.id) == "unsubscribed"


def test_a_scheduled_campaign_keeps_its_list_from_being_archived(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        a_campaign(news, status="scheduled", name="Spring")
    path = f"/lists/{news.public_id}"
    owner_client.post(f"{path}/archive")
    page = owner_client.get(path).text
    assert "“Spring”" in page
    assert "Archived on" not in page


# --- Figures


def test_the_page_shows_growth_sources_and_health(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("<b>News</b>")
        people = [a_subscriber(f"p{n}@example.org", news) for n in range(50)]
        campaign = a_campaign(news, subject="May issue", status="sent", started_at=utcnow())
        for number, person in enumerate(people):
            a_delivery(
                campaign,
                person,
                status="sent",
                bounced_at=utcnow() if number < 2 else None,
                complained_at=utcnow() if number == 9 else None,
            )
    page = owner_client.get(f"/lists/{news.public_id}").text
    for text in ("Subscribed, by week", "Added manually", "May issue", "4%", "Watch", "Too high"):
        assert text in page
    assert "<b>News</b>" not in page


def test_the_sunset_segment_is_ready_rules(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", news)
        db.session.add(EngagementScore(subscriber_id=ann.id, band="inactive", computed_at=utcnow()))
    page = owner_client.get(f"/lists/{news.public_id}").text
    (link,) = re.findall(r'href="(/segments/new\?[^"]+)"', page)
    (rules,) = parse_qs(urlsplit(link.replace("&amp;", "&")).query)["rules"]
    assert [leaf.kind for leaf in tree.leaves(tree.parse(json.loads(rules)))] == [
        "engagement",
        "list",
    ]


def test_the_figures_of_a_large_list_are_counted_in_the_background(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.reports.figures.LARGE", 1)
    with transaction():
        news = a_list("News")
        a_subscriber("ann@example.org", news)
    path = f"/lists/{news.public_id}"
    assert "are being counted" in owner_client.get(path).text
    counts.count("list_history", news.id)
    assert "Subscribed, by week" in owner_client.get(path).text
