"""A campaign of 10,000 emails: what a simulated world does is exactly what the report shows.

The engine sends to it over SMTP. It refuses, accepts late, bounces, complains and answers; much is
reported twice, in a random order, before the engine knows that the email was accepted, or after the
campaign has ended; and some of it is forged.
"""

import random
import re
import time
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import AudienceList, Subscriber, Subscription, Suppression
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.cli.benchmarks import audience
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import incoming, rates
from campaigns.events.models import Event, FeedbackCount, Incoming
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.endpoints import EndpointInput
from campaigns.jobs import send
from campaigns.jobs.incoming import read
from campaigns.mailbox.session import LmtpSession
from campaigns.providers.models import ProviderAccount
from campaigns.reports import bounces, delivery_log
from campaigns.reports.delivery_log import Filter, View
from campaigns.reports.engagement import campaign_engagement
from campaigns.throttling.models import GroupState
from tests.events.simulated_world import EVENTS_IN_POST, FATES, FORGED_EMAILS, Fate, World, serving
from tests.events.webhooks.posts import sendgrid_credentials
from tests.factories import a_campaign, a_provider, a_sender
from tests.intake.listening import listening
from tests.product import free_port
from tests.readback import campaign_balance, campaign_status

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("worker")]

EMAILS = sum(fate.count for fate in FATES.values())


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def test_the_report_shows_exactly_what_the_simulated_world_did(
    app: Flask, owner_client: FlaskClient
) -> None:
    assert EMAILS == 10_000
    port = free_port()
    campaign_id, hook = _launched(port)
    with listening(app, LmtpSession) as lmtp_port:
        world = World(app, _fates(), app.test_client(), hook, lmtp_port)
        with serving(world, port):
            _send_everything(campaign_id, world)
        _send_the_rest_back(world)
    with transaction():
        rates.check(campaign_id, now=utcnow())
    db.session.rollback()

    assert _outcomes(campaign_id) == {
        address: _expected(FATES[fate]) for address, fate in world.fates.items()
    }
    assert world.early == ["sending"] * FATES["hard before the reply"].count
    _check_report(campaign_id, owner_client)
    _check_delivery_log(campaign_id, world)
    assert _suppressed() == {
        (address, FATES[fate].suppressed)
        for address, fate in world.fates.items()
        if FATES[fate].suppressed
    }
    assert _unsubscribed() == {a for a, fate in world.fates.items() if fate == "unsubscribed"}
    assert _states() == {"done", "refused"}
    assert _without_token() == FORGED_EMAILS


# --- sending --------------------------------------------------------------------------------------


def _launched(port: int) -> tuple[int, str]:
    """Launch a campaign to everyone through the world; returns its id, and where events go."""
    people = audience.make(EMAILS)
    with transaction():
        news = db.session.get_one(AudienceList, people.list_id)
        account = a_provider("SendGrid", port=port, preset="sendgrid")
        typed = EndpointInput("sendgrid", credentials=sendgrid_credentials().model_dump())
        endpoint = endpoints.save(account, typed, services().vault, now=utcnow())
        campaign = a_campaign(news, sender=a_sender(provider=account))
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
        return campaign.id, f"/hooks/{endpoint.public_id}"


def _fates() -> dict[str, str]:
    fates = [name for name, fate in FATES.items() for _ in range(fate.count)]
    random.Random(20_261).shuffle(fates)  # noqa: S311
    addresses = db.session.scalars(sa.select(Subscriber.address).order_by(Subscriber.id))
    return dict(zip(addresses, fates, strict=True))


def _send_everything(campaign_id: int, world: World) -> None:
    """Send; half of what happens to an email is reported while others are sent."""
    send.expand(campaign_id)
    until = time.monotonic() + 300
    while (status := campaign_status(campaign_id)) != "sent":
        assert status == "sending", db.session.get_one(Campaign, campaign_id).status_reason
        assert time.monotonic() < until, campaign_balance(campaign_id)
        send.send()
        world.happen(share=0.5)
        world.send_back(at_least=4 * EVENTS_IN_POST)
        read()
        _skip_waits()


def _skip_waits() -> None:
    """Make every postponed delivery due, as if its time had come."""
    late = utcnow() - timedelta(seconds=1)
    with transaction() as session:
        session.execute(
            sa.update(Delivery).where(Delivery.not_before > late).values(not_before=late)
        )
        session.execute(sa.update(ProviderAccount).values(retry_at=None))
        session.execute(sa.delete(GroupState))


def _send_the_rest_back(world: World) -> None:
    world.happen()
    world.repeat()
    world.forge()
    world.send_back()
    while incoming.waiting(1):
        read()
        db.session.rollback()


# --- what is known in the end ---------------------------------------------------------------------

Outcome = tuple[str, bool, str, bool, bool]
"""Status; is it delivered; class of its bounce; is it complained about; is it unsubscribed."""


def _expected(fate: Fate) -> Outcome:
    came = fate.reports
    return (
        fate.status,
        "delivered" in came,
        fate.bounce,
        "complained" in came,
        "unsubscribed" in came,
    )


def _outcomes(campaign_id: int) -> dict[str, Outcome]:
    bounce = (
        sa.select(sa.func.min(Event.reply_class))
        .where(Event.delivery_id == Delivery.id, Event.kind == "bounced")
        .where(Delivery.bounced_at.is_not(None))
        .correlate(Delivery)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(
            Delivery.address,
            Delivery.status,
            Delivery.delivered_at.is_not(None),
            sa.func.coalesce(bounce, ""),
            Delivery.complained_at.is_not(None),
            Delivery.unsubscribed_at.is_not(None),
        ).where(Delivery.campaign_id == campaign_id)
    )
    return {address: tuple(outcome) for address, *outcome in rows}


def _count(what: str) -> int:
    return sum(fate.count for fate in FATES.values() if what in fate.reports)


def _check_report(campaign_id: int, client: FlaskClient) -> None:
    figures = campaign_engagement(campaign_id)
    assert figures.bounced == _count("bounced")
    assert figures.complained == _count("complained")
    assert figures.unsubscribed == _count("unsubscribed")
    assert bounces.delivered(campaign_id) == _count("delivered")
    classes: Counter[str] = Counter()
    for fate in FATES.values():
        classes[fate.bounce] += fate.count if fate.bounce else 0
    by_class = {one.reply_class: one.count for one in bounces.campaign_bounces(campaign_id)}
    assert by_class == +classes
    failed = sum(fate.count for fate in FATES.values() if fate.status == "failed")
    balance = campaign_balance(campaign_id)
    assert (balance.audience, balance.sent, balance.failed) == (EMAILS, EMAILS - failed, failed)
    assert _rates() == (
        EMAILS - failed,
        _count("delivered"),
        classes["hard"],
        classes["mailbox_full"],
        classes["policy"],
        _count("complained"),
    )
    public_id = db.session.get_one(Campaign, campaign_id).public_id
    page = client.get(f"/campaigns/{public_id}/report").text
    shown = re.sub(r"<[^>]+>|\s+", " ", page)
    for number in (_count("delivered"), _count("bounced"), classes["hard"], EMAILS - failed):
        assert f" {number:,} " in shown


def _check_delivery_log(campaign_id: int, world: World) -> None:
    views: dict[View, str] = {
        "delivered": "delivered",
        "bounced": "bounced",
        "complained": "complained",
        "unsubscribed": "unsubscribed",
    }
    for view, report in views.items():
        lines = [one for part in delivery_log.export(campaign_id, Filter(view)) for one in part]
        assert {line.address for line in lines} == {
            address for address, fate in world.fates.items() if report in FATES[fate].reports
        }


def _suppressed() -> set[tuple[str, str]]:
    rows = db.session.execute(sa.select(Suppression.address_normal, Suppression.reason))
    return {(address, reason) for address, reason in rows}


def _unsubscribed() -> set[str]:
    left = (
        sa.select(Subscriber.address).join(Subscription).where(Subscription.state != "subscribed")
    )
    return set(db.session.scalars(left))


def _states() -> set[str]:
    return set(db.session.scalars(sa.select(Incoming.state).distinct()))


def _without_token() -> int:
    """Return how many emails carried no token of ours."""
    emails = Incoming.channel == "email", Incoming.verdict.contains("incoming.no_token")
    return db.session.scalar(sa.select(sa.func.count()).where(*emails)) or 0


def _rates() -> tuple[int, ...]:
    names = ("sent", "delivered", "hard", "soft", "blocked", "complaints")
    sums = [sa.func.sum(getattr(FeedbackCount, name)) for name in names]
    return tuple(int(one) for one in db.session.execute(sa.select(*sums)).one())
