"""B4: very many hard bounces at one mailbox provider within minutes suppress nobody."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from campaigns.audience import suppressions
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Delivery, HeldGroup
from campaigns.db import db, transaction
from campaigns.delivery import resend
from campaigns.events import quarantine
from tests.events.test_consequences import NOW, SENT, a_sent, about, applied, delivery, suppressed

pytestmark = pytest.mark.usefixtures("app")
GOOGLE = {**SENT, "mailbox_group": "google"}


def a_spike(bounces: int, sent: int = 0, group: str = "google") -> list[int]:
    """Emails of which `bounces` come back, one by one."""
    ids = a_sent(*[{**SENT, "mailbox_group": group}] * (bounces + sent))
    for number in ids[:bounces]:
        applied(about(number, reply="550 user unknown"))
    return ids


def campaign_of(ids: list[int]) -> int:
    return delivery(ids[0]).campaign_id


def test_a_spike_is_held_and_its_suppressions_are_lifted() -> None:
    ids = a_spike(25, sent=10)
    assert suppressed() == []
    held = db.session.scalars(sa.select(HeldGroup)).one()
    assert (held.mailbox_group, held.kind, held.words) == ("google", "bounces", "550 user unknown")
    assert quarantine.waiting(held.campaign_id, "google") == 25
    assert resend.held_groups(held.campaign_id) == {"google"}
    assert delivery(ids[0]).bounced_at == NOW, "the report still shows the bounces"


def test_as_many_bounces_in_one_post_are_held() -> None:
    ids = a_sent(*[GOOGLE] * 30)
    applied(*[about(number) for number in ids])
    assert suppressed() == []


def test_a_spike_that_is_reported_hours_later_is_held_as_well() -> None:
    ids = a_sent(*[GOOGLE] * 25)
    applied(*[about(number, at=NOW - timedelta(hours=3)) for number in ids])
    assert suppressed() == []


def test_few_bounces_of_many_emails_are_true() -> None:
    a_spike(25, sent=80)
    assert len(suppressed()) == 25


def test_bounces_spread_over_hours_are_true() -> None:
    for position, number in enumerate(a_sent(*[GOOGLE] * 25)):
        at = NOW + position * timedelta(minutes=2)
        applied(about(number, at=at), now=at)
    assert len(suppressed()) == 25


def test_small_providers_are_told_apart_by_their_domain() -> None:
    ids = a_spike(25, group="other")
    others = a_sent(*[{**SENT, "mailbox_group": "other"}] * 5, name="Other")
    with transaction():
        db.session.execute(
            sa.update(Delivery).where(Delivery.id.in_(others)).values(campaign_id=campaign_of(ids))
        )
    for number in others:
        applied(about(number))
    assert suppressed() == [f"p{number}@other.example" for number in range(5)]
    assert resend.held_groups(campaign_of(ids)) == {"news.example"}


def test_believing_the_bounces_suppresses_the_addresses_and_is_remembered() -> None:
    ids = a_spike(25, sent=5)
    with transaction():
        assert quarantine.believe(campaign_of(ids), "google", now=NOW) == 25
        assert quarantine.believe(campaign_of(ids), "google", now=NOW) is None
    assert len(suppressed()) == 25
    applied(about(ids[25]))
    assert len(suppressed()) == 26, "later bounces count at once"
    assert resend.held_groups(campaign_of(ids)) == frozenset()


def test_believing_the_bounces_spares_the_address_that_a_person_has_since() -> None:
    ids = a_sent(*[GOOGLE] * 20)
    applied(*[about(number) for number in ids])
    person = db.session.get_one(Subscriber, delivery(ids[0]).subscriber_id)
    with transaction():
        person.address = person.address_normal = "new@other.example"
    with transaction():
        assert quarantine.believe(campaign_of(ids), "google", now=NOW) == 20
    assert "p0@news.example" in suppressed()
    assert "new@other.example" not in suppressed()


def test_believing_the_bounces_spares_an_address_whose_suppression_was_removed() -> None:
    ids = a_sent(*[GOOGLE] * 21)
    applied(about(ids[0]))
    with transaction():
        suppressions.lift("p0@news.example", by="owner@example.org", now=NOW)
    applied(*[about(number) for number in ids[1:]])
    with transaction():
        assert quarantine.believe(campaign_of(ids), "google", now=NOW) == 20
    assert "p0@news.example" not in suppressed()


def test_dismissing_the_bounces_keeps_the_addresses() -> None:
    ids = a_spike(25)
    with transaction():
        assert quarantine.dismiss(campaign_of(ids), "google")
        assert not quarantine.dismiss(campaign_of(ids), "google")
    assert suppressed() == []
    assert resend.held_groups(campaign_of(ids)) == frozenset()
