"""IDs are part of links that work forever, so none is used twice."""

import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import AudienceList, Subscriber
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber


def test_the_id_of_a_deleted_row_is_never_reused(app: Flask) -> None:
    def some() -> list[int]:
        with transaction():
            news = a_list()
            alice = a_subscriber("alice@example.org", news)
            campaign = a_campaign(news)
            delivery = a_delivery(campaign, alice)
        return [news.id, alice.id, campaign.id, delivery.id]

    before = some()
    with transaction():
        for table in (Delivery, Campaign, Subscriber, AudienceList):
            db.session.execute(sa.delete(table))
    assert all(new > old for new, old in zip(some(), before, strict=True))
