"""The audience of a campaign: the same subscribers are counted, shown and frozen."""

from datetime import UTC, datetime

from flask import Flask

from campaigns.audience.models import MailDomain, Suppression
from campaigns.campaign import audience as audience_query
from campaigns.campaign.audience import Scope
from campaigns.campaign.drafts import Arithmetic, audience_arithmetic
from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_subscriber

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _a_mixed_audience() -> Campaign:
    news, offers, staff = a_list("News"), a_list("Offers"), a_list("Staff")
    a_subscriber("both@example.org", news, offers)
    a_subscriber("news@example.org", news)
    a_subscriber("offers@mail.example", offers)
    a_subscriber("suppressed@example.org", news, offers)
    a_subscriber("staff@example.org", news, staff)
    a_subscriber("suppressed-staff@example.org", news, staff)
    a_subscriber("gone@example.org", news, state="unsubscribed")
    a_subscriber("waiting@example.org", news, state="pending")
    a_subscriber("only-staff@example.org", staff)
    for name in ("suppressed", "suppressed-staff", "nobody"):
        db.session.add(Suppression(address_normal=f"{name}@example.org"))
    db.session.add(MailDomain(domain="mail.example", mailbox_group="google"))
    return a_campaign(offers, news, excluded=(staff,))


def _scope(campaign: Campaign) -> Scope:
    return audience_query.scope_of(campaign.id, now=NOW)


def test_the_audience_contains_each_subscriber_once_with_the_lowest_list(app: Flask) -> None:
    with transaction():
        campaign = _a_mixed_audience()
    rows = db.session.execute(audience_query.audience(_scope(campaign))).all()
    found = {row.address: (row.list_id, row.mailbox_group, bool(row.is_suppressed)) for row in rows}
    assert len(rows) == len(found)
    assert found == {
        "both@example.org": (1, "other", False),
        "news@example.org": (1, "other", False),
        "offers@mail.example": (2, "google", False),
        "suppressed@example.org": (1, "other", True),
    }


def test_the_breakdown_adds_up(app: Flask) -> None:
    with transaction():
        campaign = _a_mixed_audience()
    figures = audience_arithmetic(campaign.id, now=NOW)
    assert figures == Arithmetic(matched=8, duplicates=2, excluded=2, suppressed=1, recipients=3)
    audience = db.session.execute(audience_query.audience(_scope(campaign))).all()
    assert figures.matched - figures.duplicates - figures.excluded == len(audience)
    assert figures.recipients == sum(not row.is_suppressed for row in audience)


def test_a_campaign_without_lists_has_no_audience(app: Flask) -> None:
    with transaction():
        a_subscriber("alice@example.org", a_list())
        campaign = a_campaign()
    assert audience_arithmetic(campaign.id, now=NOW) == Arithmetic()
    assert db.session.execute(audience_query.audience(_scope(campaign))).all() == []


def test_the_sample_contains_each_subscriber_once_without_the_excluded(app: Flask) -> None:
    with transaction():
        campaign = _a_mixed_audience()
    found = db.session.scalars(audience_query.sample(_scope(campaign), limit=10)).all()
    names = [person.address.partition("@")[0] for person in found]
    assert names == ["both", "news", "offers", "suppressed"]
    assert len(db.session.scalars(audience_query.sample(_scope(campaign), limit=2)).all()) == 2
