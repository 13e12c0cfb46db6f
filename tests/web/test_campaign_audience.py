"""The audience of a campaign on its pages: lists and segments to include and exclude."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.models import AudienceList
from campaigns.audience.segments import saved
from campaigns.audience.segments.models import Segment
from campaigns.campaign import drafts
from campaigns.campaign.drafts import ChosenAudience
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery.expand import expand
from tests.factories import a_campaign, a_list, a_segment, a_sender, a_subscriber
from tests.web.test_reports import text_of


def _on(name: str, entry: AudienceList) -> Segment:
    return a_segment(name, {"kind": "list", "op": "is", "list": entry.id})


def _path(campaign: Campaign, rest: str = "") -> str:
    return f"/campaigns/{campaign.public_id}{rest}"


def _save(client: FlaskClient, campaign: Campaign, **values: Any) -> int:
    version = drafts.find(campaign.public_id).version  # type: ignore[union-attr]
    form = {"version": version, "source": "<p>Hi</p>", **values}
    return client.post(_path(campaign, "/save"), data=form).status_code


def test_the_editor_saves_segments_to_include_and_exclude(owner_client: FlaskClient) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        vip, out = _on("VIP", staff), _on("Out", staff)
        campaign = a_campaign()
    page = owner_client.get(_path(campaign)).text
    for name, value in (("include_segment", vip.public_id), ("exclude_segment", out.public_id)):
        assert f'name="{name}" value="{value}"' in page
    chosen = {
        "include": news.public_id,
        "exclude": staff.public_id,
        "include_segment": vip.public_id,
        "exclude_segment": [out.public_id],
    }
    assert _save(owner_client, campaign, **chosen) == 200
    assert drafts.chosen_audience(campaign.id) == ChosenAudience(
        lists=frozenset({news.id}),
        excluded_lists=frozenset({staff.id}),
        segments=frozenset({vip.id}),
        excluded_segments=frozenset({out.id}),
    )


def test_a_segment_deleted_while_the_editor_is_open_is_not_dropped(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("alice@example.org", news)
        vip = _on("VIP", news)
        campaign = a_campaign(news, segments=(vip,))
    chosen = {"include": news.public_id, "include_segment": vip.public_id}
    with transaction():
        saved.delete(vip.id)
    assert _save(owner_client, campaign, **chosen) == 422, "the page must be read again"
    page = owner_client.get(_path(campaign)).text
    assert "Deleted segment" in page
    value = f"deleted-{vip.id}"
    assert f'value="{value}" checked' in page
    assert _save(owner_client, campaign, **{**chosen, "include_segment": value}) == 200
    assert drafts.chosen_audience(campaign.id).segments == {vip.id}
    assert (
        "A segment of this campaign was deleted."
        in owner_client.get(_path(campaign, "/audience")).text
    )
    review = owner_client.get(_path(campaign, "/review"))
    assert "A segment of this campaign was deleted." in review.text
    assert 'class="check check-problem"' in review.text
    assert owner_client.get(_path(campaign, "/content/subscribers")).status_code == 200
    assert _save(owner_client, campaign, include=news.public_id) == 200
    assert drafts.chosen_audience(campaign.id).segments == frozenset()


@pytest.mark.parametrize("value", ["deleted-" + "9" * 40, "deleted-x", "deleted-0", "deleted--1"])
def test_malformed_deleted_segments_are_ignored(owner_client: FlaskClient, value: str) -> None:
    with transaction():
        campaign = a_campaign()
    assert _save(owner_client, campaign, include_segment=value) == 200
    assert drafts.chosen_audience(campaign.id) == ChosenAudience()


def test_the_review_explains_the_arithmetic(owner_client: FlaskClient) -> None:
    with transaction():
        news, offers, staff = a_list("News"), a_list("Offers"), a_list("Staff")
        a_subscriber("ann@example.org", news, offers)
        a_subscriber("ben@example.org", offers)
        a_subscriber("boss@example.org", news, offers, staff)
        campaign = a_campaign(
            news,
            segments=(_on("Buyers", offers), _on("Team", staff)),
            excluded_segments=(_on("Staff segment", staff),),
            sender=a_sender(),
        )
    text = text_of(owner_client.get(_path(campaign, "/review")).text)
    assert (
        "In the segments 4 In several segments − 1 Not subscribed to the lists − 1"
        " Excluded by a segment − 1 Recipients 1" in text
    )
    assert "Counted again when sending starts." in text
    assert "Limited to Buyers Subscribers who" in text
    assert "Excluding Staff segment Subscribers who" in text


def test_the_report_shows_the_same_sum_and_the_segments(owner_client: FlaskClient) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        a_subscriber("ann@example.org", news, offers)
        a_subscriber("ben@example.org", offers)
        gone = _on("Gone", offers)
        campaign = a_campaign(
            news, segments=(_on("Buyers", offers), gone), status="preparing", started_at=utcnow()
        )
        expand(campaign.id, links=(), now=utcnow())
        saved.delete(gone.id)
    text = text_of(owner_client.get(_path(campaign, "/report")).text)
    assert "To News , limited to a deleted segment, Buyers" in text
    assert (
        "In the segments 4 In several segments − 2 Not subscribed to the lists − 1 Audience 1"
        in text
    )


def test_thousands_of_lists_and_segments_are_found_by_a_search(owner_client: FlaskClient) -> None:
    with transaction():
        db.session.execute(
            sa.insert(AudienceList), [{"name": f"List {number:04}"} for number in range(1_000)]
        )
        last = db.session.scalars(
            sa.select(AudienceList).where(AudienceList.name == "List 0999")
        ).one()
        for number in range(60):
            a_segment(f"Segment {number:02}")
        campaign = a_campaign(last)
    page = owner_client.get(_path(campaign)).text
    assert page.count('name="include"') == 31, "the chosen one and the first others"
    assert page.count('name="include_segment"') == 30
    found = owner_client.get(_path(campaign, "/audience/choices?audience=0998")).text
    assert re.findall(r"<span>(\w+ \d+)", found) == ["List 0998"]
    assert 'name="include"' in found
    excluded = owner_client.get(_path(campaign, "/audience/choices?audience=59&exclude=1")).text
    assert 'name="exclude_segment"' in excluded
    assert "Segment 59" in excluded


@pytest.mark.parametrize("start", ["html", "copy"])
def test_a_campaign_is_created_from_a_segment(owner_client: FlaskClient, start: str) -> None:
    with transaction():
        news = a_list("News")
        vip = _on("VIP", news)
        old = a_campaign(news, segments=(_on("Other", news),))
    page = owner_client.get(f"/campaigns/new?segment={vip.public_id}").text
    assert "Limited to the segment “VIP”" in page
    owner_client.post(
        "/campaigns/new",
        data={"start": start, "segment": vip.public_id, "copy_of": old.public_id},
    )
    new = db.session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
    assert new is not None
    assert new.id != old.id
    assert drafts.chosen_audience(new.id).segments == {vip.id}


def test_a_campaign_from_a_deleted_segment_is_not_created(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/campaigns/new", data={"start": "html", "segment": "gone"})
    assert answer.status_code == 422
    assert "This segment was deleted." in answer.text
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 0


def test_a_list_that_a_scheduled_campaign_needs_through_a_segment_is_kept(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        a_campaign(news, segments=(_on("Buyers", offers),), name="May", status="scheduled")
    path = f"/lists/{offers.public_id}/delete"
    assert owner_client.post(path, data={"confirm": "Offers"}).status_code == 422
    assert "“May”" in owner_client.get(path).text
    assert db.session.get(AudienceList, offers.id) is not None


def test_a_list_that_a_segment_uses_is_kept_until_the_segment_is_changed(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        offers = a_list("Offers")
        buyers = _on("Buyers", offers)
    path = f"/lists/{offers.public_id}/delete"
    assert "These segments use it: “Buyers”." in owner_client.get(path).text
    assert owner_client.post(path, data={"confirm": "Offers"}).status_code == 422
    with transaction():
        saved.delete(buyers.id)
    assert owner_client.post(path, data={"confirm": "Offers"}).status_code == 302
    assert db.session.get(AudienceList, offers.id, populate_existing=True) is None


def test_an_archived_list_is_offered_only_where_it_is_chosen(owner_client: FlaskClient) -> None:
    with transaction():
        old = a_list("Old", archived_at=utcnow())
        chosen, other = a_campaign(old), a_campaign(a_list("News"))
    assert f'name="include" value="{old.public_id}" checked' in owner_client.get(_path(chosen)).text
    assert old.public_id not in owner_client.get(_path(other)).text
    found = owner_client.get(_path(other, "/audience/choices?audience=Old")).text
    assert old.public_id not in found


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize("text", ["%", "'; DROP TABLE list; --", "\u202e", "x" * 10_000])
def test_hostile_searches_and_values_choose_nothing(owner_client: FlaskClient, text: str) -> None:
    with transaction():
        a_list("News")
        campaign = a_campaign()
    found = owner_client.get(_path(campaign, "/audience/choices"), query_string={"audience": text})
    assert found.status_code == 200
    assert "News" not in found.text
    assert _save(owner_client, campaign, include=text) == 200
    assert _save(owner_client, campaign, include_segment=text) == 422
    assert drafts.chosen_audience(campaign.id) == ChosenAudience()
