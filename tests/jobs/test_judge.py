"""What a worker remembers of the last results of its campaigns."""

from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.db import db, transaction
from campaigns.jobs import judge
from campaigns.jobs.judge import Judge
from campaigns.sending.models import Campaign
from campaigns.sending.outcomes import Recorded
from tests.factories import a_campaign, a_provider

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SENT = Recorded(sent=Counter({"google": 3, "other": 2}))


def heed(one: Judge, campaign: Campaign) -> None:
    with transaction():
        provider = campaign.provider_id or 0
        one.heed(provider, campaign.id, SENT, now=NOW)


def remembered(one: Judge) -> set[int]:
    """The campaigns of which anything is kept."""
    of_groups = {campaign_id for campaign_id, _ in one._recent}
    assert one._last.keys() == one._count.keys() == of_groups
    return of_groups


def test_what_is_over_is_forgotten_and_nothing_else(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        account = a_provider()
        named = {
            status: a_campaign(status=status, provider_id=account.id)
            for status in ("sending", "paused", "sent", "cancelled")
        }
    one = Judge()
    for campaign in named.values():
        heed(one, campaign)
    assert remembered(one) == {campaign.id for campaign in named.values()}, "not at every result"
    monkeypatch.setattr(judge, "LOOK_SECONDS", 0.0)
    heed(one, named["sending"])
    assert remembered(one) == {named["sending"].id, named["paused"].id}


def test_a_deleted_campaign_is_forgotten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction():
        account = a_provider()
        first, second = (a_campaign(status="sending", provider_id=account.id) for _ in "12")
    one = Judge()
    heed(one, first)
    with transaction():
        db.session.execute(sa.delete(Campaign).where(Campaign.id == first.id))
    monkeypatch.setattr(judge, "LOOK_SECONDS", 0.0)
    heed(one, second)
    assert remembered(one) == {second.id}
