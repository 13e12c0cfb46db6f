"""The page of a new campaign: what it can start from."""

import json

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.content.library import starters
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_subscriber, a_template


def _created() -> Campaign:
    return db.session.scalars(sa.select(Campaign)).one()


def test_viewing_the_page_creates_nothing(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template()
    page = owner_client.get("/campaigns/new").text
    assert template.name in page
    assert f"/templates/{template.public_id}/thumbnail" in page
    assert 'value="starter:letter"' in page
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 0


def test_blocks_are_the_default_for_everybody(owner_client: FlaskClient) -> None:
    assert 'value="blocks" required checked' in owner_client.get("/campaigns/new").text


def test_designs_come_before_the_formats_for_code(owner_client: FlaskClient) -> None:
    page = owner_client.get("/campaigns/new").text
    first = [page.index(f'value="{start}"') for start in ("blocks", "starter:newsletter", "html")]
    assert first == sorted(first)
    assert page.index("Write code or plain text instead") < page.index('value="mjml"')


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize("kind", ["blocks", "markdown", "html", "mjml", "text"])
def test_a_campaign_of_each_kind_starts_empty_on_its_content_page(
    owner_client: FlaskClient, kind: str
) -> None:
    data = {"name": "May letter", "subject": " What \r\n is new ", "start": kind}
    answer = owner_client.post("/campaigns/new", data=data)
    campaign = _created()
    assert answer.location == f"/campaigns/{campaign.public_id}/content"
    assert (campaign.name, campaign.subject) == ("May letter", "What is new")
    assert campaign.content_kind == kind
    assert owner_client.get(answer.location).status_code == 200
    problems = owner_client.get(f"{answer.location}/problems").text
    assert "problem-red" not in problems


@pytest.mark.parametrize("starter", starters.all(), ids=lambda starter: starter.name)
def test_the_designs_have_no_problems_and_show_the_address(
    owner_client: FlaskClient, starter: starters.StarterDesign
) -> None:
    with transaction():
        subscriber = a_subscriber("alice@example.org", name="Alice", first_name="Alice")
    start = f"starter:{starter.name}"
    answer = owner_client.post("/campaigns/new", data={"start": start})
    assert _created().content_kind == "blocks"
    assert "problem-red" not in owner_client.get(f"{answer.location}/problems").text
    preview = owner_client.get(f"{answer.location}/preview?as={subscriber.public_id}").text
    assert "/u/" in preview


def test_a_campaign_starts_from_an_own_template(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template(name="Monthly", source="<p>Hi</p>", content_kind="html")
    owner_client.post("/campaigns/new", data={"start": f"template:{template.public_id}"})
    campaign = _created()
    assert (campaign.name, campaign.source) == ("Monthly", "<p>Hi</p>")


def test_a_campaign_can_start_as_a_copy(owner_client: FlaskClient) -> None:
    with transaction():
        old = a_campaign(a_list(), subject="May")
    data = {"start": "copy", "copy_of": old.public_id, "name": "Again", "subject": ""}
    answer = owner_client.post("/campaigns/new", data=data)
    copy = db.session.scalars(sa.select(Campaign).where(Campaign.id != old.id)).one()
    assert answer.location == f"/campaigns/{copy.public_id}"
    assert (copy.name, copy.subject, copy.source) == ("Again", "May", old.source)
    assert drafts.chosen_audience(copy.id) == drafts.chosen_audience(old.id)


@pytest.mark.parametrize(
    "start",
    ["copy", "../../etc/passwd", "", "starter:../x", "template:gone", "template:\x00", "pdf"],
)
def test_an_unknown_start_is_refused_and_what_was_typed_is_kept(
    owner_client: FlaskClient, start: str
) -> None:
    answer = owner_client.post("/campaigns/new", data={"start": start, "name": "Kept"})
    assert answer.status_code in {400, 422}
    assert answer.status_code == 400 or "Kept" in answer.text
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 0


def test_an_empty_document_of_blocks_ends_with_the_footer(owner_client: FlaskClient) -> None:
    owner_client.post("/campaigns/new", data={"start": "blocks"})
    rows = json.loads(_created().source)["rows"]
    assert [row["type"] for row in rows] == ["section", "footer"]


def test_the_only_list_is_chosen_already(owner_client: FlaskClient) -> None:
    with transaction():
        only = a_list()
    owner_client.post("/campaigns/new", data={"start": "blocks"})
    assert drafts.chosen_audience(_created().id).lists == {only.id}


def test_of_several_lists_none_is_chosen(owner_client: FlaskClient) -> None:
    with transaction():
        a_list(name="News")
        a_list(name="Offers")
    owner_client.post("/campaigns/new", data={"start": "blocks"})
    assert drafts.chosen_audience(_created().id) == drafts.ChosenAudience()
