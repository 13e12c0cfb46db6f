"""Every save of a campaign's content is a version; what else is saved is none."""

from datetime import UTC, datetime, timedelta

from flask import Flask

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.content.library import versions
from campaigns.content.library.versions import VersionOwner
from campaigns.db import transaction
from tests.factories import a_campaign
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
        changes = versions.content_in(first)
        drafts.save(campaign.id, 2, changes, is_separate=True, editor_id=None, now=NOW)
    found = fresh_campaign(campaign)
    assert (found.content_kind, found.source, found.version) == ("blocks", '{"version": 1}', 3)
    assert recorded(campaign) == ['{"version": 1}', "<p>code</p>", '{"version": 1}']
