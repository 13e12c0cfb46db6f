"""Measure segments: counting the people of a rule, and freezing an audience limited to one.

The database resembles that of a busy sender: fields, tags, two lists, and campaigns over half a
year, a third of whose deliveries were opened. Counting is timed as the builder does it. Freezing is
compared with a list that contains exactly the people of the segment.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.fields.models import Field
from campaigns.audience.models import AudienceList, Subscriber, SubscriberTag, Subscription, Tag
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.segments.members import Count
from campaigns.campaign.models import (
    Campaign,
    CampaignLink,
    CampaignList,
    CampaignSegment,
    Delivery,
)
from campaigns.cli.benchmarks.environment import Environment
from campaigns.cli.benchmarks.sending import Figures, Say
from campaigns.clock import utcnow
from campaigns.db import db, is_postgresql, rows_given, transaction
from campaigns.delivery import expand
from campaigns.events.models import Event

CAMPAIGNS = 20
DAYS_APART = 9
BATCH_SIZE = 20_000
ROUNDS = 5
FREEZES = 3
LINK = "https://shop.example/winter"
COUNTRIES = ("DE", "FR", "US", "GB", "IT", "ES", "NL", "PL")
CITIES = ("Berlin", "Paris", "London", "Rome", "New York", "Amsterdam")
DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "orange.fr")
Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Sample:
    """The ids that rules refer to."""

    now: datetime
    everyone: int
    """A list with all subscribers."""
    some: int
    """A list with a third of them."""
    vip: int
    campaigns: Sequence[int]
    """Oldest first."""


def measure(place: Environment, say: Say, *, subscribers: int, deliveries: int) -> Figures:
    """Create the database, then time counts and freezes in this process."""
    sample = _create(subscribers, deliveries, say)
    fields = _counts(_field_rules(sample), say)
    behaviour = _counts(_behaviour_rules(sample), say)
    freezes = {
        name: _freeze_ratio(name, rules, sample, say)
        for name, rules in _frozen_rules(sample).items()
    }
    return {
        "field_count_p95_ms": _p95(fields),
        "behaviour_count_p95_ms": _p95(behaviour),
        "freeze_ratio": max(freezes.values()),
        "freeze_ratios": freezes,
        "slowest_counts_ms": _slowest({**fields, **behaviour}),
        "subscribers": subscribers,
        "deliveries": deliveries,
        "database": place.database,
    }


# --- the rules --------------------------------------------------------------------------------


def _all(*rules: Stored, kind: str = "all") -> Stored:
    return {"kind": kind, "rules": list(rules)}


def _field(key: str, op: str, *values: object) -> Stored:
    return {"kind": "field", "key": key, "op": op, "values": list(values)}


def _field_rules(sample: _Sample) -> Mapping[str, Stored]:
    """Return rules about fields, lists, tags and dates, alone and joined."""
    on_some = {"kind": "list", "list": sample.some}
    is_vip = {"kind": "tag", "op": "has_any", "tags": [sample.vip]}
    in_germany = _field("country", "is_one_of", "DE")
    return {
        "country is Germany": _all(in_germany),
        "country is not Germany": _all(_field("country", "is_none_of", "DE")),
        "city is Berlin": _all(_field("city", "is", "berlin")),
        "city contains er": _all(_field("city", "contains", "er")),
        "amount above 500": _all(_field("amount", "more", 500)),
        "birthday within 7 days": _all(_field("birthday", "anniversary_in_days", 7)),
        "Gmail": _all({"kind": "domain", "op": "is_one_of", "values": ["gmail.com"]}),
        "address contains 77": _all({"kind": "address", "op": "contains", "value": "77"}),
        "on the list": _all(on_some),
        "not on the list": _all({**on_some, "op": "is_not"}),
        "tagged": _all(is_vip),
        "not tagged": _all({**is_vip, "op": "has_none"}),
        "added in 30 days": _all({"kind": "added", "op": "in_last_days", "values": [30]}),
        "list, country and amount": _all(on_some, in_germany, _field("amount", "at_least", 250)),
        "VIPs or Berlin, not Gmail": _all(
            _all(is_vip, _field("city", "is", "Berlin"), kind="any"),
            _all({"kind": "domain", "op": "is_one_of", "values": ["gmail.com"]}, kind="none"),
        ),
    }


def _behaviour_rules(sample: _Sample) -> Mapping[str, Stored]:
    """Return rules about what was sent, opened and clicked, alone and joined."""
    last = sample.campaigns[-1]
    opened = {"kind": "opened", "count": "at_least", "n": 1, "campaigns": [], "days": 30}
    return {
        "opened in 30 days": _all(opened),
        "opened nothing in 90 days": _all({**opened, "count": "exactly", "n": 0, "days": 90}),
        "opened at least 3 ever": _all({**opened, "n": 3, "days": None}),
        "opened the last campaign": _all({**opened, "campaigns": [last], "days": None}),
        "clicked in 90 days": _all({**opened, "kind": "clicked", "days": 90}),
        "clicked this link": _all({**opened, "kind": "clicked", "days": None, "link": LINK}),
        "was sent the last campaign": _all(
            {**opened, "kind": "sent", "campaigns": [last], "days": None}
        ),
        "was sent at least 5 in 90 days": _all({**opened, "kind": "sent", "n": 5, "days": 90}),
        "bounced": _all({**opened, "kind": "bounced", "days": None}),
        "VIPs in Germany who opened": _all(
            {"kind": "tag", "op": "has_any", "tags": [sample.vip]},
            _field("country", "is_one_of", "DE"),
            opened,
        ),
    }


def _frozen_rules(sample: _Sample) -> Mapping[str, Stored]:
    """Return the segments that are frozen, of about a third to a half of everyone."""
    return {
        "fields": _all(_field("amount", "more", 500)),
        "behaviour": _all(_behaviour_rules(sample)["opened in 30 days"]["rules"][0]),
    }


# --- the measures -----------------------------------------------------------------------------


def _counts(rules: Mapping[str, Stored], say: Say) -> dict[str, list[float]]:
    """Count each several times; returns the milliseconds."""
    found: dict[str, list[float]] = {}
    for name, stored in rules.items():
        root = _parsed(stored)
        took = found.setdefault(name, [])
        for _ in range(ROUNDS):
            db.session.rollback()
            begun = time.perf_counter()
            count = members.count(root, members.context_at(utcnow()))
            took.append((time.perf_counter() - begun) * 1000)
        say(f"{name}: {_shown(count)} in {median(took):,.0f} ms")
    return found


def _parsed(stored: Stored) -> tree.Group:
    return tree.parse({"version": tree.VERSION, "root": stored})


def _shown(count: Count) -> str:
    return f"{count.people:,}" + ("" if count.margin is None else f" (± {count.margin:,})")


def _p95(found: Mapping[str, Sequence[float]]) -> float:
    every = sorted(one for took in found.values() for one in took)
    return round(every[min(len(every) - 1, int(len(every) * 0.95))], 1)


def _slowest(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    medians = {name: round(median(took), 1) for name, took in found.items()}
    return dict(sorted(medians.items(), key=lambda item: -item[1])[:5])


def _freeze_ratio(name: str, stored: Stored, sample: _Sample, say: Say) -> float:
    """Return the time to freeze a segment, relative to a list of the same people."""
    with transaction():
        segment = saved.create(f"Bench {name}", _parsed(stored), now=utcnow())
        same_people = _list(f"Everyone in {name}")
        is_in = compiler.condition(_parsed(stored), members.context_at(utcnow()))
        _subscribe(same_people, sa.select(Subscriber.id).where(is_in))
    _analyze()
    ratios = []
    for _ in range(FREEZES):
        plain, size = _freeze(same_people, None)
        limited, limited_size = _freeze(sample.everyone, segment.id)
        if size != limited_size:
            raise RuntimeError(f"{size:,} people on the list, {limited_size:,} in the segment")
        ratios.append(limited / plain)
        say(f"freezing {size:,} people by {name}: {limited:.2f} s, as a list {plain:.2f} s")
    return round(median(ratios), 2)


def _freeze(list_id: int, segment_id: int | None) -> tuple[float, int]:
    """Freeze the audience of a new campaign; returns the seconds and its size."""
    with transaction() as session:
        campaign = Campaign(subject="Freeze", status="preparing")
        session.add(campaign)
        session.flush()
        session.add(CampaignList(campaign_id=campaign.id, list_id=list_id))
        if segment_id is not None:
            session.add(CampaignSegment(campaign_id=campaign.id, segment_id=segment_id))
    begun = time.perf_counter()
    with transaction():
        expand.expand(campaign.id, links=(), now=utcnow())
    seconds = time.perf_counter() - begun
    db.session.refresh(campaign)
    return seconds, campaign.audience


# --- the database -----------------------------------------------------------------------------


def _create(subscribers: int, deliveries: int, say: Say) -> _Sample:
    now = utcnow()
    say(f"creating {subscribers:,} subscribers")
    with transaction() as session:
        save_workspace(name="Bench", postal_address="1 Example Street")
        everyone, some = _list("Everyone"), _list("Some")
        vip = Tag(name="VIP", name_normal="vip")
        session.add(vip)
        session.add_all(_fields())
        session.flush()
        tag_id = vip.id
    for start in range(1, subscribers + 1, BATCH_SIZE):
        with transaction():
            _add_people(range(start, min(start + BATCH_SIZE, subscribers + 1)), now)
    with transaction() as session:
        _subscribe(everyone, sa.select(Subscriber.id))
        _subscribe(some, sa.select(Subscriber.id).where(_share(Subscriber.id, 11, 333)))
        tagged = sa.select(
            sa.literal(tag_id), Subscriber.id, sa.literal(now, Tag.created_at.type)
        ).where(_share(Subscriber.id, 12, 100))
        session.execute(
            sa.insert(SubscriberTag).from_select(["tag_id", "subscriber_id", "tagged_at"], tagged)
        )
    say(f"creating {deliveries:,} deliveries with their events")
    campaigns = [_add_campaign(number, subscribers, deliveries, now) for number in range(CAMPAIGNS)]
    _analyze()
    return _Sample(now, everyone, some, tag_id, campaigns)


def _fields() -> Iterable[Field]:
    types = {"country": "country", "city": "text", "amount": "number", "birthday": "date"}
    for position, (key, type_) in enumerate(types.items()):
        yield Field(key=key, label=key.title(), type=type_, position=position)


def _list(name: str) -> int:
    entry = AudienceList(name=name)
    db.session.add(entry)
    db.session.flush()
    return entry.id


def _subscribe(list_id: int, ids: sa.Select[Any]) -> None:
    person = ids.subquery()
    rows = sa.select(
        sa.literal(list_id),
        person.c.id,
        sa.literal("subscribed"),
        sa.literal(utcnow(), Subscription.state_at.type),
        sa.literal("import"),
    ).order_by(person.c.id)
    columns = ["list_id", "subscriber_id", "state", "state_at", "source"]
    db.session.execute(sa.insert(Subscription).from_select(columns, rows))


def _share(number: sa.ColumnElement[int] | Any, salt: int, per_thousand: int) -> Any:
    """Return a condition that holds for a share of the ids, always the same ones."""
    mixed = (number * 7_919 + salt * 104_729) % 1_000_003
    return (mixed * 31) % 1000 < per_thousand


_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "public_id": sa.Text(),
    "address": sa.Text(),
    "address_normal": sa.Text(),
    "domain": sa.Text(),
    "name": sa.Text(),
    "attributes": sa.JSON(),
    "created_at": Subscriber.created_at.type,
    "updated_at": Subscriber.created_at.type,
}


def _add_people(numbers: range, now: datetime) -> None:
    given = rows_given([_person(number, now) for number in numbers], _COLUMNS)
    people = sa.select(*(given.c[name] for name in _COLUMNS)).order_by(given.c.public_id)
    db.session.execute(sa.insert(Subscriber).from_select(list(_COLUMNS), people))


def _person(number: int, now: datetime) -> Mapping[str, Any]:
    mixed = number * 7_919 % 1_000_003
    domain = DOMAINS[mixed % 5] if mixed % 3 else f"company{mixed % 5000}.example"
    added = now - timedelta(minutes=mixed % 1_000_000)
    return {
        "public_id": f"{number:012d}",
        "address": f"reader{number}@{domain}",
        "address_normal": f"reader{number}@{domain}",
        "domain": domain,
        "name": f"Reader {number}",
        "attributes": {
            "amount": mixed % 100_000 / 100,
            "birthday": f"{1950 + mixed % 55}-{mixed % 12 + 1:02d}-{mixed % 28 + 1:02d}",
            "city": CITIES[mixed % 6],
            "country": COUNTRIES[mixed % 8],
        },
        "created_at": added,
        "updated_at": added,
    }


def _add_campaign(number: int, subscribers: int, deliveries: int, now: datetime) -> int:
    """Add a campaign that was sent to its share of everyone, with what came back."""
    sent_at = now - timedelta(days=(CAMPAIGNS - number) * DAYS_APART - DAYS_APART // 2)
    share = min(1000, round(deliveries / CAMPAIGNS / subscribers * 1000))
    with transaction() as session:
        campaign = Campaign(
            subject=f"Issue {number}", status="sent", started_at=sent_at, finished_at=sent_at
        )
        session.add(campaign)
        session.flush()
        session.add(CampaignLink(campaign_id=campaign.id, number=1, target=LINK))
        session.flush()
        _add_deliveries(campaign.id, number, share, sent_at)
        _add_events(campaign.id)
    return campaign.id


def _add_deliveries(campaign_id: int, number: int, share: int, sent_at: datetime) -> None:
    moment = Delivery.sent_at.type
    opened_at, clicked_at = sent_at + timedelta(hours=2), sent_at + timedelta(hours=3)

    def at(time_: datetime, salt: int, per_thousand: int) -> sa.ColumnElement[Any]:
        holds = _share(Subscriber.id, number * 100 + salt, per_thousand)
        return sa.case((holds, sa.literal(time_, moment)), else_=sa.null())

    values = {
        "campaign_id": sa.literal(campaign_id),
        "subscriber_id": Subscriber.id,
        "address": Subscriber.address,
        "mailbox_group": sa.literal("other"),
        "status": sa.literal("sent"),
        "reason": sa.literal(""),
        "attempts": sa.literal(1),
        "reply_ref": sa.literal(""),
        "updated_at": sa.literal(sent_at, moment),
        "sent_at": sa.literal(sent_at, moment),
        "first_opened_at": at(opened_at, 1, 330),
        "first_clicked_at": at(clicked_at, 1, 50),
        "bounced_at": at(opened_at, 3, 8),
    }
    rows = sa.select(*values.values()).where(_share(Subscriber.id, number, share))
    rows = rows.order_by(Subscriber.id)
    db.session.execute(sa.insert(Delivery).from_select(list(values), rows))


def _add_events(campaign_id: int) -> None:
    for kind, column, link in (
        ("opened", Delivery.first_opened_at, None),
        ("clicked", Delivery.first_clicked_at, 1),
        ("bounced", Delivery.bounced_at, None),
    ):
        values = {
            "delivery_id": Delivery.id,
            "campaign_id": Delivery.campaign_id,
            "kind": sa.literal(kind),
            "at": column,
            "dedupe": sa.literal(f"{kind}:").concat(sa.cast(Delivery.id, sa.Text())),
            "link_number": sa.literal(link, sa.Integer()),
            "user_agent": sa.literal(""),
        }
        found = sa.select(*values.values()).where(
            Delivery.campaign_id == campaign_id, column.is_not(None)
        )
        db.session.execute(sa.insert(Event).from_select(list(values), found))


def _analyze() -> None:
    """Collect statistics, as a database that has had these rows for a day has them."""
    if is_postgresql():
        with transaction() as session:
            session.execute(sa.text("ANALYZE"))
