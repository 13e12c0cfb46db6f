"""Fill an empty database with the demo organization."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts import users
from campaigns.accounts.workspace import save_workspace
from campaigns.audience import tags
from campaigns.audience.fields import definitions
from campaigns.audience.fields.definitions import FieldInput
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    MailDomain,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.segments import saved, tree
from campaigns.audience.subscribers import joined_name
from campaigns.campaign.models import Campaign, CampaignLink, CampaignList, Delivery, Reply
from campaigns.cli.demo.bounces import fill_feedback
from campaigns.cli.demo.library import fill_library
from campaigns.cli.demo.people import MAILBOX_GROUPS, people
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.core import create_core
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.paths import resource_root
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.smtp.kind import SmtpSettings

LOGIN = "demo@harbour-coffee.example"
PASSWORD = "harbour-coffee"  # noqa: S105  (printed at every start; the demo sends nowhere)
PEOPLE = 1000
LISTS = (
    ("Weekly letter", "What is fresh from the roaster, every Thursday.", 1.0),
    ("Events & tastings", "Open evenings in the roastery, and who pours.", 0.46),
    ("Wholesale", "Prices and harvest news for cafés and shops.", 0.14),
)


def ensure_demo(settings: Settings) -> Sequence[str]:
    """Create the demo organization unless it exists; returns lines to show with the URL."""
    app = create_core(settings)
    with app.app_context():
        if not users.has_users():
            with transaction():
                _build(settings, utcnow())
        else:
            with transaction():
                _follow_the_mailbox(settings)
        db.session.remove()
        db.engine.dispose()
    return (
        f"Log in as    {LOGIN}",
        f"Password     {PASSWORD}",
        "No email leaves this machine: everything goes to the built-in mailbox.",
    )


def _follow_the_mailbox(settings: Settings) -> None:
    """Update the port of the built-in mailbox, which may have changed."""
    account = db.session.scalar(
        sa.select(ProviderAccount).where(ProviderAccount.name == "Built-in mailbox")
    )
    if account is not None and account.settings["port"] != settings.mailbox_port:
        account.settings = _mailbox_settings(settings)
        account.version += 1


def _mailbox_settings(settings: Settings) -> dict[str, Any]:
    found = SmtpSettings(host="127.0.0.1", port=settings.mailbox_port, security="none")
    return found.model_dump()


def _build(settings: Settings, now: datetime) -> None:
    chance = random.Random(11)  # noqa: S311  (sample data, not secrets)
    users.create_user(LOGIN, PASSWORD, name="Demo", now=now)
    save_workspace(
        name="Harbour Coffee Roasters",
        postal_address="Pier 7\n20457 Sample City",
        time_zone="Europe/Berlin",
        undo_seconds=10,
        demo=True,
    )
    sender = _sender(settings)
    lists = _lists(now)
    _fields(lists[0], now)
    _audience(lists, chance, now)
    past = []
    for days, subject, preheader, design in (
        (
            23,
            "A new harvest, and why it tastes of peach",
            "Straight from the drying beds",
            "harvest",
        ),
        (9, "Thursday: open roastery from six", "Bring a friend, the first cup is ours", "evening"),
    ):
        sent_at = (now - timedelta(days=days)).replace(hour=8, minute=0, second=0, microsecond=0)
        campaign = _campaign(sender, lists[:1], subject, preheader, design, sent_at)
        _results(campaign, lists[0], chance, sent_at)
        past.append(campaign)
    fill_feedback(past, services().signer, services().vault)
    _campaign(
        sender,
        lists[:2],
        "{{ subscriber.name or 'Hello' }}, your winter coffee is here",
        "Three roasts for long evenings, and a small gift inside",
        "winter",
        None,
    )
    _tags(chance, now)
    _segments(lists[0], now)
    fill_library(settings, [lists[0].id], now)


def _added(thing: Any) -> Any:
    db.session.add(thing)
    db.session.flush()
    return thing


def _sender(settings: Settings) -> SenderAddress:
    account = _added(ProviderAccount(name="Built-in mailbox", settings=_mailbox_settings(settings)))
    sender: SenderAddress = _added(
        SenderAddress(
            name="Harbour Coffee",
            address="letter@harbour-coffee.example",
            reply_to="hello@harbour-coffee.example",
            provider_id=account.id,
            is_default=True,
        )
    )
    return sender


FIELDS = (
    FieldInput("City", fallback="your town"),
    FieldInput("Birthday", "date", help="We send a small gift every year."),
    FieldInput("Orders", "number", least="0"),
)
"""Custom fields. The other attributes of people have none, and are offered as fields."""


def _fields(news: AudienceList, now: datetime) -> None:
    _, birthday, _ = [definitions.create(field, now=now) for field in FIELDS]
    definitions.set_fields_of_form(news.id, [birthday.public_id])


def _lists(now: datetime) -> list[AudienceList]:
    created_at = now - timedelta(days=730)
    return [
        _added(
            AudienceList(name=name, description=text, is_public=index < 2, created_at=created_at)
        )
        for index, (name, text, _) in enumerate(LISTS)
    ]


def _audience(lists: list[AudienceList], chance: random.Random, now: datetime) -> None:
    db.session.execute(
        sa.insert(MailDomain),
        [{"domain": domain, "mailbox_group": group} for domain, group in MAILBOX_GROUPS.items()],
    )
    persons = sorted(people(PEOPLE, now=now), key=lambda person: person.joined_at)
    ids = db.session.scalars(
        sa.insert(Subscriber).returning(Subscriber.id, sort_by_parameter_order=True),
        [
            {
                "address": person.address,
                "address_normal": person.address,
                "domain": person.domain,
                "name": joined_name(person.first_name, person.last_name),
                "first_name": person.first_name,
                "last_name": person.last_name,
                "attributes": person.attributes,
                "created_at": person.joined_at,
                "updated_at": person.joined_at,
            }
            for person in persons
        ],
    ).all()
    subscriptions: list[dict[str, Any]] = []
    proofs: list[dict[str, Any]] = []
    for subscriber_id, person in zip(ids, persons, strict=True):
        for entry, (_, _, share) in zip(lists, LISTS, strict=True):
            if chance.random() >= share:
                continue
            state = chance.choices(("subscribed", "unsubscribed", "pending"), (93, 5, 2))[0]
            place = {"list_id": entry.id, "subscriber_id": subscriber_id}
            subscriptions.append(
                {**place, "state": state, "state_at": person.joined_at, "source": "form"}
            )
            proofs.append({**place, "kind": "requested", "channel": "form", "at": person.joined_at})
            if state != "pending":
                at = person.joined_at + timedelta(minutes=chance.uniform(1, 90))
                proofs.append({**place, "kind": "confirmed", "channel": "form", "at": at})
            if state == "unsubscribed":
                at = person.joined_at + (now - person.joined_at) * chance.uniform(0.1, 0.9)
                proofs.append({**place, "kind": "unsubscribed", "channel": "page", "at": at})
    db.session.execute(sa.insert(Subscription), subscriptions)
    db.session.execute(sa.insert(ConsentEvent), proofs)
    db.session.execute(
        sa.insert(Suppression),
        [
            {"address_normal": person.address, "reason": reason, "source": "campaign"}
            for person, reason in zip(
                chance.sample(persons, 9), ["hard_bounce"] * 7 + ["complaint"] * 2, strict=True
            )
        ],
    )


def _tags(chance: random.Random, now: datetime) -> None:
    """Tag a few people, as after an evening at the roastery."""
    (guest,) = tags.created(["Tasting guest"], now=now)
    ids = db.session.scalars(sa.select(Subscriber.id).order_by(Subscriber.id)).all()
    some = chance.sample(ids, len(ids) // 12)
    tags.add_many([(one, guest.id) for one in some], now=now)


def _segments(news: AudienceList, now: datetime) -> None:
    """Save the segments that most newsletters begin with."""
    on_news = {"kind": "list", "list": news.id}
    opened = {"kind": "opened", "count": "at_least", "n": 1, "days": 30}
    for name, rules in (
        ("Active subscribers", [on_news, opened]),
        ("Birthday this week", [{"kind": "field", "key": "birthday", "op": "anniversary_in_days",
                                 "values": [7]}]),
        ("Never opened", [on_news, {"kind": "sent", "n": 2}, {**opened, "count": "exactly", "n": 0,
                                                              "days": None}]),
    ):  # fmt: skip
        root = {"kind": "all", "rules": rules}
        saved.create(name, tree.parse({"version": tree.VERSION, "root": root}), now=now)


def _campaign(
    sender: SenderAddress,
    lists: list[AudienceList],
    subject: str,
    preheader: str,
    design: str,
    sent_at: datetime | None,
) -> Campaign:
    path = resource_root() / "templates" / "newsletter" / "demo" / f"{design}.html"
    campaign = Campaign(
        name="" if sent_at else "Winter letter",
        subject=subject,
        preheader=preheader,
        source=path.read_text(encoding="utf-8"),
        sender_id=sender.id,
    )
    if sent_at is not None:
        campaign.created_at = sent_at - timedelta(days=1)
        campaign.updated_at = campaign.finished_at = sent_at + timedelta(minutes=2)
        campaign.started_at = sent_at
        campaign.provider_id = sender.provider_id
        campaign.status = "sent"
    _added(campaign)
    for entry in lists:
        _added(CampaignList(campaign_id=campaign.id, list_id=entry.id))
    return campaign


LINKS = (
    "https://harbour-coffee.example/coffees/new-harvest",
    "https://harbour-coffee.example/visit",
    "https://harbour-coffee.example/journal",
)


def _results(
    campaign: Campaign, audience: AudienceList, chance: random.Random, sent_at: datetime
) -> None:
    """Create plausible results: who received, opened or clicked the email, and who did not."""
    accepted = _added(
        Reply(digest=f"demo-ok-{campaign.id}", code=250, text="250 2.0.0 Ok: queued as {ref}")
    )
    refused = _added(
        Reply(digest=f"demo-no-{campaign.id}", code=550, text="554 5.0.0 Transaction failed")
    )
    db.session.execute(
        sa.insert(CampaignLink),
        [
            {"campaign_id": campaign.id, "number": number, "target": target}
            for number, target in enumerate(LINKS, start=1)
        ],
    )
    suppressed = set(db.session.scalars(sa.select(Suppression.address_normal)))
    reached = db.session.execute(
        sa.select(Subscriber.id, Subscriber.address, MailDomain.mailbox_group)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .outerjoin(MailDomain, MailDomain.domain == Subscriber.domain)
        .where(
            Subscription.list_id == audience.id,
            Subscription.state == "subscribed",
            Subscriber.created_at < sent_at,
        )
        .order_by(Subscriber.id)
    ).all()
    rows = [
        _past_delivery(campaign, audience, person, chance, sent_at, suppressed, accepted, refused)
        for person in reached
    ]
    ids = db.session.scalars(
        sa.insert(Delivery).returning(Delivery.id, sort_by_parameter_order=True), rows
    ).all()
    events = [
        event
        for delivery_id, row in zip(ids, rows, strict=True)
        for event in _past_events(campaign, delivery_id, row, chance)
    ]
    db.session.execute(sa.insert(Event), events)
    campaign.matched = campaign.audience = len(rows)


def _past_delivery(
    campaign: Campaign,
    audience: AudienceList,
    person: sa.Row[int, str, str],
    chance: random.Random,
    sent_at: datetime,
    suppressed: set[str],
    accepted: Reply,
    refused: Reply,
) -> dict[str, Any]:
    at = sent_at + timedelta(seconds=chance.uniform(1, 100))
    row: dict[str, Any] = {
        "campaign_id": campaign.id,
        "subscriber_id": person.id,
        "list_id": audience.id,
        "address": person.address,
        "mailbox_group": person.mailbox_group or "other",
        "status": "sent",
        "reason": "",
        "attempts": 1,
        "reply_id": accepted.id,
        "reply_ref": f"{chance.getrandbits(44):011X}",
        "updated_at": at,
        "sent_at": at,
        "first_opened_at": None,
        "first_clicked_at": None,
        "unsubscribed_at": None,
    }
    if person.address in suppressed:
        nothing = {"reply_id": None, "reply_ref": "", "sent_at": None, "attempts": 0}
        return {**row, **nothing, "status": "skipped", "reason": "suppressed"}
    if chance.random() < 0.012:
        words = {"reply_id": refused.id, "reply_ref": "", "sent_at": None}
        return {**row, **words, "status": "failed", "reason": "refused"}
    if chance.random() < 0.44:
        opened = at + timedelta(hours=min(chance.expovariate(1 / 6), 60))
        row["first_opened_at"] = opened
        if chance.random() < 0.24:
            row["first_clicked_at"] = opened + timedelta(seconds=chance.uniform(4, 200))
        if chance.random() < 0.008:
            row["unsubscribed_at"] = opened + timedelta(seconds=chance.uniform(10, 90))
    return row


def _past_events(
    campaign: Campaign, delivery_id: int, row: dict[str, Any], chance: random.Random
) -> list[dict[str, Any]]:
    shared = {"delivery_id": delivery_id, "campaign_id": campaign.id, "user_agent": ""}
    events = []
    for kind, column in (
        ("opened", "first_opened_at"),
        ("clicked", "first_clicked_at"),
        ("unsubscribed", "unsubscribed_at"),
    ):
        if row[column] is not None:
            number = chance.choices((1, 2, 3), (6, 3, 2))[0] if kind == "clicked" else None
            events.append(
                {
                    **shared,
                    "kind": kind,
                    "at": row[column],
                    "dedupe": f"demo:{kind}:{delivery_id}",
                    "link_number": number,
                }
            )
    return events
