"""Drafts: created, saved over the version that was read, copied, deleted."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts import users
from campaigns.campaign import drafts, listing
from campaigns.campaign.drafts import ChosenAudience, EditConflictError, NotEditableError
from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.reason import Reason
from tests.factories import (
    a_brand,
    a_campaign,
    a_delivery,
    a_list,
    a_provider,
    a_sender,
    a_subscriber,
)
from tests.readback import fresh_campaign

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def test_a_new_campaign_is_a_draft_from_the_default_sender(app: Flask) -> None:
    with transaction():
        sender = a_sender()
        campaign = drafts.create(name="Spring", now=NOW)
    found = fresh_campaign(campaign)
    assert (found.status, found.version, found.sender_id) == ("draft", 1, sender.id)


def test_a_new_campaign_has_the_default_brand_and_its_sender(app: Flask) -> None:
    with transaction():
        usual = a_sender("usual@example.org")
        sender = a_sender("brand@example.org", a_provider("Other"), is_default=False)
        brand = a_brand(is_default=True, sender_id=sender.id)
        campaign = drafts.create(now=NOW)
    assert (campaign.brand_id, campaign.sender_id) == (brand.id, sender.id)
    with transaction():
        brand.sender_id = None
        campaign = drafts.create(now=NOW)
    assert (campaign.brand_id, campaign.sender_id) == (brand.id, usual.id)


def test_saving_changes_the_fields_and_increments_the_version(app: Flask) -> None:
    with transaction():
        editor = users.create_user("maria@example.org", "correct horse battery", now=NOW)
        campaign = a_campaign()
    with transaction():
        version = drafts.save(
            campaign.id,
            1,
            {"subject": "News", "source": "<p>Hi</p>"},
            editor_id=editor.id,
            now=LATER,
        )
    found = fresh_campaign(campaign)
    assert version == found.version == 2
    assert (found.subject, found.source) == ("News", "<p>Hi</p>")
    assert (found.edited_by_id, found.updated_at) == (editor.id, LATER)


def test_saving_over_a_newer_version_is_refused_and_loses_nothing(app: Flask) -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign()
    with transaction():
        drafts.save(campaign.id, 1, {"subject": "Theirs"}, editor_id=None, now=NOW)
    chosen = ChosenAudience(lists=frozenset({news.id}))
    with pytest.raises(EditConflictError) as refused, transaction():
        drafts.save(campaign.id, 1, {"subject": "Mine"}, chosen=chosen, editor_id=None, now=LATER)
    assert refused.value.current.version == 2
    assert fresh_campaign(campaign).subject == "Theirs"
    assert drafts.chosen_audience(campaign.id) == ChosenAudience()
    with transaction():
        drafts.save(campaign.id, 2, {"subject": "Mine"}, editor_id=None, now=LATER)
    assert fresh_campaign(campaign).subject == "Mine"


@pytest.mark.parametrize("status", ["scheduled", "preparing", "sending", "paused", "sent"])
def test_only_a_draft_can_be_edited(app: Flask, status: str) -> None:
    with transaction():
        campaign = a_campaign(status=status)
    with pytest.raises(NotEditableError) as refused, transaction():
        drafts.save(campaign.id, 1, {"subject": "New"}, editor_id=None, now=NOW)
    assert refused.value.reason == Reason("draft.locked", {"status": status})


def test_an_unknown_field_is_refused(app: Flask) -> None:
    with transaction():
        campaign = a_campaign()
    with pytest.raises(ValueError, match="status"), transaction():
        drafts.save(campaign.id, 1, {"status": "sent"}, editor_id=None, now=NOW)


def test_a_list_that_is_both_included_and_excluded_is_excluded(app: Flask) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        campaign = a_campaign()
    chosen = ChosenAudience(
        lists=frozenset({news.id, staff.id}), excluded_lists=frozenset({staff.id})
    )
    with transaction():
        version = drafts.save(campaign.id, 1, {}, chosen=chosen, editor_id=None, now=NOW)
    assert version == 2
    assert drafts.chosen_audience(campaign.id) == ChosenAudience(
        lists=frozenset({news.id}), excluded_lists=frozenset({staff.id})
    )


def test_a_copy_is_a_draft_with_the_same_content_and_lists(app: Flask) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        old = a_campaign(
            news, excluded=(staff,), sender=a_sender(), status="sent", audience=9, track_opens=False
        )
    with transaction():
        copy = drafts.duplicate(old.id, name="Copy", editor_id=None, now=NOW)
    found = fresh_campaign(copy)
    assert (found.status, found.version, found.audience) == ("draft", 1, 0)
    assert (found.subject, found.source, found.track_opens) == (old.subject, old.source, False)
    assert found.public_id != old.public_id
    assert found.name == "Copy"
    assert drafts.chosen_audience(copy.id) == drafts.chosen_audience(old.id)


def test_only_a_draft_sent_to_nobody_can_be_deleted(app: Flask) -> None:
    with transaction():
        draft, sent = a_campaign(), a_campaign(status="sent")
        touched = a_campaign()
        a_delivery(touched, a_subscriber())
    draft_id, sent_id, touched_id = draft.id, sent.id, touched.id
    with transaction():
        assert drafts.delete(draft_id)
        assert not drafts.delete(draft_id)
        assert not drafts.delete(sent_id)
        assert not drafts.delete(touched_id)
    left = db.session.scalars(sa.select(Campaign.id).order_by(Campaign.id)).all()
    assert left == [sent_id, touched_id]


def test_paging_visits_each_campaign_once_newest_first_and_back_again(app: Flask) -> None:
    with transaction():
        ids = [a_campaign(subject=f"Issue {number}").id for number in range(60)]
    page, seen, pages = listing.page(), [], 1
    seen += [row.id for row in page.rows]
    while page.after is not None:
        page = listing.page(after=str(page.after))
        seen += [row.id for row in page.rows]
        pages += 1
    assert seen == ids[::-1]
    assert pages == 3
    back = listing.page(before=str(page.before))
    assert [row.id for row in back.rows] == ids[::-1][25:50]


def test_campaigns_are_found_by_status_and_text(app: Flask) -> None:
    with transaction():
        a_campaign(name="Spring", subject="What the tide brought", status="sent")
        a_campaign(subject="Autumn 100% off", status="paused")
        a_campaign(subject="Über uns")

    def found(**values: str) -> list[str]:
        return [row.subject for row in listing.page(**values).rows]

    assert found(shown="sending") == ["Autumn 100% off"]
    assert found(text="SPRING") == ["What the tide brought"]
    assert found(text="tide", shown="sent") == ["What the tide brought"]
    assert found(text="tide", shown="draft") == []
    assert found(text="0%") == ["Autumn 100% off"]
    assert found(text="%") == ["Autumn 100% off"]
    assert found(text="über") == ["Über uns"]
