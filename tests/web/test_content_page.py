"""The content page: what it shows, and saving beside the campaign's own page."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.accounts import users
from campaigns.campaign import drafts, language_variants, lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library.models import Brand
from campaigns.db import db, transaction
from campaigns.web.content import brand_choice
from tests.factories import a_brand, a_campaign, a_list, a_sender
from tests.readback import fresh_campaign


def _a_draft(**values: Any) -> Campaign:
    with transaction():
        return a_campaign(a_list(), sender=a_sender(), **{"subject": "What is new", **values})


def _path(campaign: Campaign, page: str = "") -> str:
    return f"/campaigns/{campaign.public_id}/content{page}"


def _save(client: FlaskClient, campaign: Campaign, **values: Any) -> TestResponse:
    """Save as the page does that was opened when the campaign was as given."""
    form = {
        "version": campaign.version,
        "seen": drafts.fingerprint(campaign, "content"),
        "content_kind": "html",
        "source": "<p>Mine</p>",
        **values,
    }
    return client.post(_path(campaign, "/save"), data=form)


def test_the_page_shows_the_source_whatever_is_in_it(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<p>\n</textarea><b>hm</b></p>")
    page = owner_client.get(_path(campaign)).text
    assert "&lt;/textarea&gt;" in page
    assert f'data-version="{campaign.version}"' in page


@pytest.mark.runs_on("sqlite", "postgresql")
def test_saving_stores_the_the_source_as_text(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    answer = _save(owner_client, campaign, source="<p>one\r\ntwo</p>", inline_css="on")
    assert answer.status_code == 200
    assert answer.json is not None
    found = fresh_campaign(campaign)
    assert (found.source, found.inline_css) == ("<p>one\ntwo</p>", True)
    assert answer.json["version"] == found.version == 2
    assert answer.json["seen"] == drafts.fingerprint(found, "content")


def test_half_a_surrogate_pair_does_no_harm(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    form = f"version=1&seen={drafts.fingerprint(campaign, 'content')}&content_kind=html&source="
    answer = owner_client.post(
        _path(campaign, "/save"),
        data=form.encode() + b"a%ED%A0%80b",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200
    assert fresh_campaign(campaign).source.encode()


@pytest.mark.runs_on("sqlite", "postgresql")
def test_settings_saved_in_another_window_are_kept(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    seen = drafts.fingerprint(campaign, "content")
    with transaction():
        drafts.save(campaign.id, 1, {"subject": "Newer"}, editor_id=None, now=utcnow())
    answer = _save(owner_client, campaign, version=1, seen=seen)
    assert answer.status_code == 200
    found = fresh_campaign(campaign)
    assert (found.subject, found.source, found.version) == ("Newer", "<p>Mine</p>", 3)


@pytest.mark.runs_on("sqlite", "postgresql")
def test_content_saved_in_another_window_is_kept_by_the_settings(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    seen = drafts.fingerprint(campaign, "settings")
    with transaction():
        drafts.save(campaign.id, 1, {"source": "<p>New</p>"}, editor_id=None, now=utcnow())
    form = {"version": 1, "seen": seen, "subject": "Mine"}
    answer = owner_client.post(f"/campaigns/{campaign.public_id}/save", data=form)
    assert answer.status_code == 200
    found = fresh_campaign(campaign)
    assert (found.subject, found.source, found.version) == ("Mine", "<p>New</p>", 3)


def test_lists_chosen_in_another_window_are_a_conflict_for_the_settings(
    owner_client: FlaskClient,
) -> None:
    campaign = _a_draft()
    seen = drafts.fingerprint(campaign, "settings")
    with transaction():
        chosen = drafts.ChosenAudience(lists=frozenset({a_list("Staff").id}))
        drafts.save(campaign.id, 1, {}, chosen=chosen, editor_id=None, now=utcnow())
    form = {"version": 1, "seen": seen, "subject": "Mine"}
    answer = owner_client.post(f"/campaigns/{campaign.public_id}/save", data=form)
    assert answer.status_code == 409


def test_content_saved_by_someone_else_is_a_conflict_that_names_them(
    owner_client: FlaskClient,
) -> None:
    campaign = _a_draft()
    seen = drafts.fingerprint(campaign, "content")
    with transaction():
        maria = users.create_user(
            "m@example.org", "correct horse battery", name="Maria", now=utcnow()
        )
        drafts.save(campaign.id, 1, {"source": "Hers"}, editor_id=maria.id, now=utcnow())
    answer = _save(owner_client, campaign, version=1, seen=seen)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["message"].startswith("Maria saved a newer version just now")
    assert fresh_campaign(campaign).source == "Hers"
    keep_mine = _save(owner_client, campaign, version=answer.json["version"], seen=seen)
    assert keep_mine.status_code == 200
    assert fresh_campaign(campaign).source == "<p>Mine</p>"


def test_a_campaign_that_is_no_draft_is_locked(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    with transaction():
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    answer = _save(owner_client, campaign)
    assert answer.status_code == 423
    assert answer.json == {
        "message": "This campaign is no longer a draft, so it cannot be changed."
    }
    page = owner_client.get(_path(campaign))
    assert page.status_code == 302


def test_saving_deleted_content_says_so(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/campaigns/gone/content/save", data={"version": 1})
    assert answer.status_code == 423
    assert answer.json == {"message": "This content has been deleted."}
    assert owner_client.get("/campaigns/gone/content").status_code == 404


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"source": "h" * 530_000}, 422, "512 KB"),
        ({"content_kind": "pdf"}, 422, "Reload the page"),
        ({"version": "abc"}, 400, ""),
        ({"version": ""}, 400, ""),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_reason(
    owner_client: FlaskClient, values: dict[str, str], status: int, words: str
) -> None:
    campaign = _a_draft()
    answer = _save(owner_client, campaign, **values)
    assert answer.status_code == status
    assert words in answer.text
    assert fresh_campaign(campaign).version == 1


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_format_is_changed_to_another_kind(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<h1>News</h1><p>Hi {{ subscriber.name }}</p>", inline_css=True)
    answer = owner_client.post(_path(campaign, "/format"), data={"kind": "text"})
    assert answer.headers["Location"] == _path(campaign)
    found = fresh_campaign(campaign)
    assert (found.content_kind, found.inline_css) == ("text", False)
    assert found.source == "News\n\nHi {{ subscriber.name }}"


def test_an_unknown_format_and_a_locked_campaign_are_left_alone(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<p>Hi</p>")
    page = owner_client.post(
        _path(campaign, "/format"), data={"kind": "pdf"}, follow_redirects=True
    )
    assert "Choose a format." in page.text
    with transaction():
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    page = owner_client.post(
        _path(campaign, "/format"), data={"kind": "text"}, follow_redirects=True
    )
    assert "This campaign is no longer a draft" in page.text
    assert fresh_campaign(campaign).content_kind == "html"


def test_a_change_of_format_says_what_is_lost_unless_there_is_nothing(
    owner_client: FlaskClient,
) -> None:
    loss = "Only the text is kept."
    assert loss in owner_client.get(_path(_a_draft(source="<p>Hi</p>"))).text
    with transaction():
        blank = a_campaign(source="")
    assert loss not in owner_client.get(_path(blank)).text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_brand_is_chosen_once_there_are_several(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="# Hi", content_kind="markdown")
    with transaction():
        first = Brand(name="Harbour", is_default=True)
        db.session.add(first)
    assert 'name="brand"' not in owner_client.get(_path(campaign)).text
    with transaction():
        second = Brand(name="Pier", style={"footer": "See you on the pier."})
        db.session.add(second)
    page = owner_client.get(_path(campaign)).text
    assert f'<option value="{first.public_id}" selected>Harbour</option>' in page
    values = {"content_kind": "markdown", "source": "# Hi", "brand": second.public_id}
    assert _save(owner_client, campaign, **values).status_code == 200
    assert fresh_campaign(campaign).brand_id == second.id
    assert "See you on the pier." in owner_client.get(_path(campaign, "/preview")).text


def test_a_deleted_brand_is_refused(owner_client: FlaskClient) -> None:
    answer = _save(owner_client, _a_draft(), brand="gone")
    assert answer.status_code == 422
    assert answer.json == {"message": "This brand was deleted. Choose another one."}


def test_the_format_of_a_language_variant_is_its_own(owner_client: FlaskClient) -> None:
    campaign = _a_draft(source="<p>Hi</p>")
    with transaction():
        language_variants.add(campaign.id, "de", main_language="en", editor_id=None, now=utcnow())
    german = {"language": "de"}
    answer = owner_client.post(
        _path(campaign, "/format"), query_string=german, data={"kind": "text"}
    )
    assert answer.headers["Location"] == f"{_path(campaign)}?language=de"
    variant = language_variants.find(campaign.id, "de")
    assert variant is not None
    assert (variant.content_kind, variant.source) == ("text", "Hi")
    assert fresh_campaign(campaign).content_kind == "html"
    with transaction():
        db.session.add_all([Brand(name="Harbour", is_default=True), Brand(name="Pier")])
    page = owner_client.get(_path(campaign), query_string=german).text
    assert 'name="brand"' not in page, "variants have the brand of their campaign"


def test_the_brand_of_the_content_is_offered_among_many(owner_client: FlaskClient) -> None:
    with transaction():
        for number in range(brand_choice.MOST + 1):
            a_brand(f"Brand {number:03}")
        chosen = a_brand("Zenith")
        campaign = a_campaign(brand_id=chosen.id)
    page = owner_client.get(f"/campaigns/{campaign.public_id}/content").text
    assert f'value="{chosen.public_id}" selected' in page
