"""Every save of a campaign's content is a version; what else is saved is none."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from campaigns.accounts import users
from campaigns.campaign import drafts, language_variants
from campaigns.campaign.language_variants import VariantConflictError
from campaigns.campaign.models import Campaign
from campaigns.content.library import versions
from campaigns.content.library.models import ContentVersion
from campaigns.content.library.versions import VersionOwner
from campaigns.db import db, transaction
from tests.factories import a_brand, a_campaign
from tests.readback import fresh_campaign

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def recorded(campaign: Campaign) -> list[str]:
    owner = VersionOwner(campaign_id=campaign.id)
    found = [versions.find(owner, one.version) for one in versions.listed(owner)]
    return [one.source for one in found if one is not None]


def save(campaign: Campaign, minutes: int, **changes: object) -> None:
    with transaction():
        drafts.save(
            campaign.id,
            fresh_campaign(campaign).version,
            changes,
            editor_id=None,
            now=NOW + timedelta(minutes=minutes),
        )


def test_saves_of_content_are_recorded_and_others_are_not(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one")
    save(campaign, 0, name="Spring", track_opens=False)
    assert recorded(campaign) == []
    save(campaign, 1, source="two")
    save(campaign, 2, subject="Other subject")
    assert recorded(campaign) == ["two", "two", "one"]


def test_turning_blocks_into_code_is_undone_by_restoring(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(content_kind="blocks", source='{"version": 1}')
    save(campaign, 0, content_kind="html", source="<p>code</p>")
    owner = VersionOwner(campaign_id=campaign.id)
    first = versions.find(owner, 1)
    assert first is not None
    with transaction():
        drafts.restore(campaign.id, 2, versions.to_restore(first), editor_id=None, now=NOW)
    found = fresh_campaign(campaign)
    assert (found.content_kind, found.source, found.version) == ("blocks", '{"version": 1}', 3)
    assert recorded(campaign) == ['{"version": 1}', "<p>code</p>", '{"version": 1}']


def the_version(campaign: Campaign, number: int) -> ContentVersion:
    found = versions.find(VersionOwner(campaign_id=campaign.id), number)
    assert found is not None
    return found


def in_language(campaign: Campaign, language: str, **changes: str) -> None:
    with transaction():
        known = language_variants.find(campaign.id, language)
        version = known.version if known else 0
        language_variants.save(
            campaign.id, language, version, changes, editor_id=None, now=NOW + timedelta(minutes=2)
        )


def add_language(campaign: Campaign, language: str) -> None:
    with transaction():
        language_variants.add(campaign.id, language, main_language="en", editor_id=None, now=NOW)


def restore(campaign: Campaign, number: int) -> None:
    with transaction():
        content = versions.to_restore(the_version(campaign, number))
        version = fresh_campaign(campaign).version
        drafts.restore(campaign.id, version, content, editor_id=None, now=NOW + timedelta(hours=1))


def test_a_version_holds_brand_variables_and_languages_and_restores_them(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one")
        old, new = a_brand("Old"), a_brand("New")
    save(campaign, 0, brand_id=old.id, variables={"month": "May"})
    add_language(campaign, "de")
    in_language(campaign, "de", subject="Neues", source="eins")
    before = fresh_campaign(campaign).version
    in_language(campaign, "de", source="zwei")
    add_language(campaign, "fr")
    save(campaign, 3, brand_id=new.id, variables={}, source="two")
    with transaction():
        language_variants.remove(campaign.id, "de", editor_id=None, now=NOW)

    restore(campaign, before)
    found = fresh_campaign(campaign)
    assert (found.source, found.brand_id, found.variables) == ("one", old.id, {"month": "May"})
    [german] = language_variants.of_campaign(campaign.id)
    assert (german.language, german.subject, german.source) == ("de", "Neues", "eins")


def test_a_removed_language_comes_back_even_if_it_was_removed_at_once(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one")
        maria = users.create_user("maria@example.org", "correct horse battery", now=NOW).id
        language_variants.add(campaign.id, "de", main_language="en", editor_id=maria, now=NOW)
    with_german = fresh_campaign(campaign).version
    with transaction():
        language_variants.remove(campaign.id, "de", editor_id=maria, now=NOW)
    restore(campaign, with_german)
    assert [one.language for one in language_variants.of_campaign(campaign.id)] == ["de"]


def test_a_page_that_shows_a_language_before_a_restore_cannot_save_over_it(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one")
    add_language(campaign, "de")
    open_page = language_variants.find(campaign.id, "de")
    assert open_page is not None
    shown = open_page.version
    restore(campaign, fresh_campaign(campaign).version)
    with transaction(), pytest.raises(VariantConflictError):
        language_variants.save(
            campaign.id, "de", shown, {"source": "late"}, editor_id=None, now=NOW
        )


def test_a_deleted_brand_is_restored_as_the_default_one(app: Flask) -> None:
    with transaction():
        campaign, brand = a_campaign(source="one"), a_brand("Old")
    save(campaign, 0, brand_id=brand.id)
    save(campaign, 1, brand_id=None)
    with transaction():
        db.session.delete(brand)
    restore(campaign, 2)
    assert fresh_campaign(campaign).brand_id is None


def test_a_version_of_an_earlier_release_leaves_what_it_does_not_hold(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="two", variables={"month": "May"}, version=2)
        db.session.add(
            ContentVersion(
                campaign_id=campaign.id, version=1, content_kind="html", source="one", saved_at=NOW
            )
        )
    add_language(campaign, "de")
    assert not versions.is_whole(versions.content_in(the_version(campaign, 1)))
    assert versions.content_in(the_version(campaign, 2))["variables"] == {"month": "May"}
    restore(campaign, 1)
    found = fresh_campaign(campaign)
    assert (found.source, found.variables) == ("one", {"month": "May"})
    assert [one.language for one in language_variants.of_campaign(campaign.id)] == ["de"]


def test_what_an_earlier_release_recorded_last_is_completed_before_a_change(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one", variables={"month": "May"})
        db.session.add(
            ContentVersion(
                campaign_id=campaign.id, version=1, content_kind="html", source="one", saved_at=NOW
            )
        )
    save(campaign, 1, variables={})
    assert versions.content_in(the_version(campaign, 1))["variables"] == {"month": "May"}


def test_languages_that_another_release_recorded_are_restored(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(source="one")
        values = {"subject": "Neues", "content_kind": "html", "source": "eins", "mood": "calm"}
        db.session.add(
            ContentVersion(
                campaign_id=campaign.id, version=0, content_kind="html", source="zero",
                saved_at=NOW, variables={}, variants={"de": values},
            )
        )  # fmt: skip
    restore(campaign, 0)
    [german] = language_variants.of_campaign(campaign.id)
    assert (german.subject, german.preheader, german.source) == ("Neues", "", "eins")
