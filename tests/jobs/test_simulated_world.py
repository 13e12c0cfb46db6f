"""A campaign of 10,000 emails: what a simulated world sends back is exactly what the report shows.

Bounces, complaints and deliveries come late, by webhook and by email; some twice, all in a random
order, and forged ones among them. Everything takes the real way: stored first, then read by the
job.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression
from campaigns.campaign.models import Delivery
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import incoming, rates
from campaigns.events.models import Event, FeedbackCount, Incoming
from campaigns.jobs import runtime
from campaigns.jobs.incoming import read
from campaigns.reports.engagement import campaign_engagement
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_list, a_provider

pytestmark = pytest.mark.process

EMAILS = 10_000
POST = 500
SHARES = {
    "delivered": 9_300,
    "hard": 240,
    "mailbox_full": 160,
    "policy": 60,
    "complained": 40,
    "delayed": 100,
    "silent": 100,
}
"""What happens to how many emails. Complaints are about delivered emails, and come on top."""
REPLIES = {
    "hard": "550 5.1.1 <{address}>: Recipient address rejected: User unknown",
    "mailbox_full": "552 5.2.2 Mailbox is over its quota",
    "policy": "550 5.7.26 Unauthenticated email is not accepted due to the sender's DMARC policy",
}
GROUPS = ("google", "outlook", "yahoo", "other")


@dataclass
class World:
    """What happens to each email, by its number, and what is sent back about it."""

    fates: list[str]
    by_email: set[int]
    chance: random.Random
    events: list[dict[str, Any]] = field(default_factory=list)
    emails: list[bytes] = field(default_factory=list)


def a_world(tokens: list[str]) -> World:
    chance = random.Random(20_261)  # noqa: S311
    fates = [fate for fate, count in SHARES.items() for _ in range(count)]
    chance.shuffle(fates)
    world = World(fates, {number for number in range(EMAILS) if number % 3 == 0}, chance)
    for number, (fate, token) in enumerate(zip(fates, tokens, strict=True)):
        _happen(world, number, fate, token)
    return world


def _happen(world: World, number: int, fate: str, token: str) -> None:
    address = f"p{number}@example.net"
    if fate in ("delivered", "complained"):
        world.events.append(_event(token, number, "delivered"))
    if fate == "complained":
        if number in world.by_email:
            world.emails.append(_complaint(token))
        else:
            world.events.append(_event(token, number, "spamreport"))
    elif fate in REPLIES:
        reply = REPLIES[fate].format(address=address)
        if number in world.by_email:
            world.emails.append(_report(token, address, reply, "failed"))
        else:
            said = {"reason": reply, "type": "bounce", "status": reply.split()[1]}
            world.events.append(_event(token, number, "bounce", **said))
    elif fate == "delayed":
        world.emails.append(_report(token, address, "450 4.7.1 try again later", "delayed"))


def _event(token: str, number: int, name: str, **fields: str) -> dict[str, Any]:
    return {
        "event": name,
        "campaigns": token,
        "email": f"p{number}@example.net",
        "sg_event_id": f"{name}-{number}",
        **fields,
    }


def _report(token: str, address: str, reply: str, action: str) -> bytes:
    status = reply.split()[1]
    return f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: b+{token}@news.example
Subject: Delivery status
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="frontier"

--frontier
Content-Type: text/plain

<{address}>: {reply}

--frontier
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {reply}

--frontier
Content-Type: text/rfc822-headers

Message-ID: <{token}@news.example>
Subject: June offers

--frontier--
""".encode()


def _complaint(token: str) -> bytes:
    return f"""From: feedback@mailbox.example
To: complaints@news.example
Subject: Abuse report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="frontier"

--frontier
Content-Type: text/plain

This is an abuse report.

--frontier
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: ExampleLoop/1.0
Version: 1
Original-Rcpt-To: <redacted>

--frontier
Content-Type: message/rfc822

Message-ID: <{token}@news.example>
From: news@news.example
To: redacted@example.net
Subject: June offers

Hello!
--frontier--
""".encode()


def _forged(world: World) -> None:
    """Claim hard bounces and complaints for everybody, without our signature."""
    for number in range(1_000):
        token = "".join(world.chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=39))
        name = "bounce" if number % 2 else "spamreport"
        event = _event(token, number, name, reason=REPLIES["hard"], status="5.1.1")
        world.events.append({**event, "sg_event_id": f"forged-{number}"})
        if number % 10 == 0:
            address = f"p{number}@example.net"
            reply = REPLIES["hard"].format(address=address)
            world.emails.append(_report(token, address, reply, "failed"))


def _told_twice(world: World) -> None:
    world.events += world.chance.sample(world.events, 600)
    world.emails += [one + b"\n" for one in world.chance.sample(world.emails, 60)]


def _received(world: World) -> list[int]:
    """Store all of it as it comes in, in a random order."""
    world.chance.shuffle(world.events)
    bodies = [
        ("webhook", "sendgrid", json.dumps(world.events[start : start + POST]).encode())
        for start in range(0, len(world.events), POST)
    ]
    bodies += [("email", "lmtp", one) for one in world.emails]
    world.chance.shuffle(bodies)
    ids = []
    with transaction():
        for number, (channel, source, body) in enumerate(bodies):
            added = incoming.receive(
                channel="email" if channel == "email" else "webhook",
                source=source,
                body=body,
                dedupe=str(number),
                now=utcnow(),
            )
            assert added is not None
            ids.append(added)
    return ids


def _sent_campaign() -> tuple[int, list[str]]:
    """A campaign that was sent three days ago: its id, and the tokens of its deliveries."""
    with transaction():
        news = a_list()
        campaign = a_campaign(news, status="sent", provider_id=a_provider().id)
        db.session.execute(
            sa.insert(Subscriber),
            [
                {
                    "address": f"p{number}@example.net",
                    "address_normal": f"p{number}@example.net",
                    "domain": "example.net",
                }
                for number in range(EMAILS)
            ],
        )
        people = db.session.scalars(sa.select(Subscriber.id).order_by(Subscriber.id)).all()
        at = utcnow() - timedelta(days=3)
        db.session.execute(
            sa.insert(Delivery),
            [
                {
                    "campaign_id": campaign.id,
                    "subscriber_id": person,
                    "address": f"p{number}@example.net",
                    "mailbox_group": GROUPS[number % 4],
                    "status": "sent",
                    "sent_at": at,
                }
                for number, person in enumerate(people)
            ],
        )
        ids = db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)).all()
    return campaign.id, [delivery_token(services().signer, number) for number in ids]


def test_the_report_shows_exactly_what_the_simulated_world_did(app: Flask) -> None:
    runtime.use(app)
    campaign_id, tokens = _sent_campaign()
    world = a_world(tokens)
    _forged(world)
    _told_twice(world)
    for number in _received(world):
        read(number)
    with transaction():
        rates.check(campaign_id, now=utcnow())

    bounced = SHARES["hard"] + SHARES["mailbox_full"] + SHARES["policy"]
    figures = campaign_engagement(campaign_id)
    assert (figures.bounced, figures.complained) == (bounced, SHARES["complained"])
    assert Counter(dict(iter(_kinds()))) == {
        ("delivered", ""): SHARES["delivered"] + SHARES["complained"],
        ("bounced", "hard"): SHARES["hard"],
        ("bounced", "mailbox_full"): SHARES["mailbox_full"],
        ("bounced", "policy"): SHARES["policy"],
        ("complained", ""): SHARES["complained"],
        ("deferred", "transient"): SHARES["delayed"],
    }
    assert _suppressed() == {
        *((f"p{n}@example.net", "hard_bounce") for n, fate in _fates(world) if fate == "hard"),
        *((f"p{n}@example.net", "complaint") for n, fate in _fates(world) if fate == "complained"),
    }
    assert _rates() == (
        EMAILS,
        SHARES["delivered"] + SHARES["complained"],
        SHARES["hard"],
        SHARES["mailbox_full"],
        SHARES["policy"],
        SHARES["complained"],
    )
    states = db.session.scalars(sa.select(Incoming.state).distinct()).all()
    assert states == ["done"]


def _fates(world: World) -> list[tuple[int, str]]:
    return list(enumerate(world.fates))


def _kinds() -> list[tuple[tuple[str, str], int]]:
    rows = db.session.execute(
        sa.select(Event.kind, Event.reply_class, sa.func.count()).group_by(
            Event.kind, Event.reply_class
        )
    )
    return [((kind, reply_class), count) for kind, reply_class, count in rows]


def _suppressed() -> set[tuple[str, str]]:
    rows = db.session.execute(sa.select(Suppression.address_normal, Suppression.reason))
    return {(address, reason) for address, reason in rows}


def _rates() -> tuple[int, ...]:
    names = ("sent", "delivered", "hard", "soft", "blocked", "complaints")
    sums = [sa.func.sum(getattr(FeedbackCount, name)) for name in names]
    return tuple(int(one) for one in db.session.execute(sa.select(*sums)).one())
