"""Deliveries and bounces that were reported later: each counts once, with its evidence."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign.models import Campaign, Delivery
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import consequences, incoming
from campaigns.events.feedback import Feedback, FeedbackKind
from campaigns.events.models import Incoming
from campaigns.providers.classify import ReplyClass
from campaigns.reports import bounces, delivery_log
from campaigns.reports.bounces import BounceFigures
from campaigns.reports.delivery_log import Filter
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_delivery, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    with transaction():
        return a_campaign(status="sent")


def a_sent_one(campaign: Campaign, name: str) -> Delivery:
    with transaction():
        person = a_subscriber(f"{name}@example.org")
        return a_delivery(campaign, person, status="sent", sent_at=NOW - timedelta(hours=1))


def comes_back(
    delivery: Delivery, kind: FeedbackKind, reply_class: ReplyClass | str = "", words: str = ""
) -> str:
    """Receive one event of this delivery; return the public id of what reported it."""
    signer = services().signer
    said = Feedback(
        kind,
        NOW,
        token=delivery_token(signer, delivery.id),
        reply_class=reply_class,  # type: ignore[arg-type]
        reply=words,
    )
    with transaction():
        number = incoming.receive(
            channel="webhook",
            source="postmark",
            body=b"{}",
            dedupe=f"{kind}:{delivery.id}:{reply_class}",
            now=NOW,
        )
        row = db.session.get_one(Incoming, number)
        consequences.apply([said], incoming=row, signer=signer, now=NOW)
        return row.public_id


def addresses(campaign: Campaign, chosen: Filter) -> list[str]:
    return [line.address for line in delivery_log.log_page(campaign.id, chosen).lines]


def test_a_delivery_counts_as_delivered_only_once_it_was_reported(campaign: Campaign) -> None:
    ada, _ = a_sent_one(campaign, "ada"), a_sent_one(campaign, "bob")
    comes_back(ada, "delivered")
    assert bounces.delivered(campaign.id) == 1
    assert addresses(campaign, Filter(view="delivered")) == ["ada@example.org"]


def test_a_delivery_counts_once_in_the_class_of_its_first_bounce(campaign: Campaign) -> None:
    ada, bob, eve = (a_sent_one(campaign, name) for name in ("ada", "bob", "eve"))
    comes_back(ada, "bounced", "mailbox_full")
    comes_back(ada, "bounced", "hard")
    comes_back(bob, "bounced", "mailbox_full")
    comes_back(eve, "bounced", "hard")
    assert bounces.campaign_bounces(campaign.id) == [
        BounceFigures("hard", 1),
        BounceFigures("mailbox_full", 2),
    ]
    assert [one.is_hard for one in bounces.campaign_bounces(campaign.id)] == [True, False]


def test_the_delivery_log_lists_exactly_what_a_class_counts(campaign: Campaign) -> None:
    ada, bob = a_sent_one(campaign, "ada"), a_sent_one(campaign, "bob")
    comes_back(ada, "bounced", "hard")
    comes_back(bob, "bounced")
    assert addresses(campaign, Filter(view="bounced", bounce="hard")) == ["ada@example.org"]
    assert addresses(campaign, Filter(view="bounced", bounce="unknown")) == ["bob@example.org"]
    assert addresses(campaign, Filter(view="bounced", bounce="gone")) == []
    for chosen, found in (
        (Filter(view="bounced", bounce="hard", search="@example.org"), ["ada@example.org"]),
        (Filter(view="bounced", search="bob"), ["bob@example.org"]),
        (Filter(view="bounced", bounce="hard", reason="deferred"), []),
    ):
        assert addresses(campaign, chosen) == found


def test_a_bounce_leads_to_what_reported_it(campaign: Campaign) -> None:
    ada = a_sent_one(campaign, "ada")
    source = comes_back(ada, "bounced", "hard", "550 5.1.1 No such user")
    (line,) = bounces.evidence_of([ada.id])[ada.id]
    assert (line.kind, line.words, line.incoming) == ("bounced", "550 5.1.1 No such user", source)


def test_the_evidence_stays_when_what_reported_it_is_deleted(campaign: Campaign) -> None:
    ada = a_sent_one(campaign, "ada")
    comes_back(ada, "bounced", "hard", "550 5.1.1 No such user")
    with transaction():
        db.session.execute(sa.delete(Incoming))
    (line,) = bounces.evidence_of([ada.id])[ada.id]
    assert (line.words, line.incoming) == ("550 5.1.1 No such user", "")
