"""Variants of a campaign in other languages: everyone gets theirs."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign import content_uses, drafts, language_variants
from campaigns.campaign.drafts import Arithmetic
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.language_variants import VariantConflictError, VariantError
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import preflight
from campaigns.clock import utcnow
from campaigns.content.mime.compile import Compiled, compile_content
from campaigns.content.templating.problems import TemplateProblemError
from campaigns.db import db, transaction
from campaigns.messages import Recipient
from campaigns.tokens import Signer
from campaigns.transactional.models import TransactionalEmail
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_segment, a_sender
from tests.readback import fresh_campaign

NOW = utcnow()
SIGNER = Signer(["a key for tests only, long enough"])
URL = "https://news.example.org"


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    with transaction():
        source = '<p>Read <a href="https://shop.example/en">on</a></p>'
        return a_campaign(a_list(), sender=a_sender(), subject="Good news", source=source)


def _add(campaign: Campaign, language: str = "de", **changes: str) -> None:
    with transaction():
        language_variants.add(campaign.id, language, main_language="en", editor_id=None, now=NOW)
        language_variants.save(campaign.id, language, 1, changes, editor_id=None, now=NOW)


def _compiled(campaign: Campaign) -> Compiled:
    return compile_content(content_of(fresh_campaign(campaign), base_url=URL), SIGNER)


def _person(language: str = "", segments: int = 0) -> Recipient:
    attributes = {"language": language} if language else {}
    return Recipient(7, 5, 1, "ann@example.org", attributes=attributes, segments=segments)


def test_each_recipient_gets_the_variant_in_their_language(campaign: Campaign) -> None:
    _add(campaign, subject="Gute Nachrichten", source="<p>Weiter</p>")
    compiled = _compiled(campaign)
    german, french = compiled.preview(_person("de_AT")), compiled.preview(_person("fr"))
    assert (german.subject, french.subject) == ("Gute Nachrichten", "Good news")
    assert "Weiter" in german.html
    assert "Abmelden" in german.html or 'lang="de"' in german.html
    assert "Gute Nachrichten" in compiled.preview(_person("German")).subject
    assert b"Weiter" in compiled.render(_person("de"), now=NOW).data
    assert "Weiter" in compiled.render_web(_person("de"))


def test_links_of_all_variants_are_numbered_in_one_row(campaign: Campaign) -> None:
    _add(campaign, source='<p><a href="https://shop.example/de">hier</a></p>')
    compiled = _compiled(campaign)
    assert compiled.links == ("https://shop.example/en", "https://shop.example/de")
    assert b"shop.example/de" not in compiled.render(_person("de"), now=NOW).data


def test_the_segments_of_all_variants_share_the_bits_of_a_recipient(campaign: Campaign) -> None:
    with transaction():
        first, second = a_segment("A").public_id, a_segment("B").public_id
        asking = '{%% if in_segment["%s"] %%}yes{%% endif %%}'
        drafts.save(campaign.id, 1, {"source": f"<p>{asking % first}</p>"}, editor_id=None, now=NOW)
    _add(campaign, source=f"<p>-{asking % second}-</p>")
    compiled = _compiled(campaign)
    assert compiled.segments == (first, second)
    assert "-yes-" in compiled.preview(_person("de", segments=0b10)).html
    assert "-yes-" not in compiled.preview(_person("de", segments=0b01)).html
    named = content_uses.segments_named(Campaign.id == campaign.id)
    assert len(named[campaign.id]) == 2


def test_a_problem_names_the_variant(campaign: Campaign) -> None:
    _add(campaign, source="<p>\n{{ nonsense }}</p>")
    with pytest.raises(TemplateProblemError) as error:
        _compiled(campaign)
    (problem,) = error.value.problems
    assert in_english(problem.located).startswith("Deutsch: Line 2: Unknown merge tag")


def test_the_review_wants_a_subject_in_every_language(campaign: Campaign) -> None:
    _add(campaign, subject="")
    found = preflight(fresh_campaign(campaign), Arithmetic(), base_url=URL, signer=SIGNER, now=NOW)
    assert "The subject is missing in Deutsch." in [in_english(c.reason) for c in found if c.reason]


def test_a_save_over_a_newer_version_is_a_conflict(campaign: Campaign) -> None:
    _add(campaign, subject="Eins")
    with pytest.raises(VariantConflictError), transaction():
        language_variants.save(campaign.id, "de", 1, {"subject": "Zwei"}, editor_id=None, now=NOW)
    assert fresh_campaign(campaign).version == 3


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("en", "variants.main_language"),
        ("", "variants.unknown_language"),
        ("klingon", "variants.unknown_language"),
    ],
)
def test_a_language_that_makes_no_sense_is_refused(
    campaign: Campaign, language: str, code: str
) -> None:
    with pytest.raises(VariantError) as error, transaction():
        language_variants.add(campaign.id, language, main_language="en", editor_id=None, now=NOW)
    assert error.value.reason.code == code


def test_variants_are_copied_and_a_started_campaign_keeps_its_own(campaign: Campaign) -> None:
    _add(campaign, subject="Gute Nachrichten")
    with transaction():
        copy = drafts.duplicate(campaign.id, editor_id=None, now=NOW)
        assert [one.subject for one in language_variants.of_campaign(copy.id)] == [
            "Gute Nachrichten"
        ]
        copy.status = "sending"
    with pytest.raises(VariantError) as error, transaction():
        language_variants.remove(copy.id, "de", editor_id=None, now=NOW)
    assert error.value.reason.code == "variants.locked"


def test_a_variant_is_added_edited_and_removed_on_the_content_page(
    campaign: Campaign, owner_client: FlaskClient
) -> None:
    path = f"/campaigns/{campaign.public_id}/content"
    added = owner_client.post(f"{path}/languages", data={"language": "de"})
    assert added.location == f"{path}?language=de"
    page = owner_client.get(f"{path}?language=de").text
    assert 'name="subject" value="Good news"' in page.replace("\n", " ")
    form = {"version": "1", "content_kind": "html", "source": "<p>Neu</p>", "subject": "Neues"}
    saved = owner_client.post(f"{path}/save?language=de", data=form)
    assert saved.json is not None
    assert saved.json["version"] == 2
    assert "Neu" in owner_client.get(f"{path}/preview?language=de").text
    assert owner_client.post(f"{path}/save?language=de", data=form).status_code == 409
    owner_client.post(f"{path}/test?language=de", data={"address": "ann@example.org"})
    assert db.session.scalars(sa.select(TransactionalEmail.payload)).one()["language"] == "de"
    owner_client.post(f"{path}/languages/remove", data={"language": "de"})
    assert owner_client.get(f"{path}?language=de").status_code == 404
    assert fresh_campaign(campaign).source.startswith("<p>Read")
