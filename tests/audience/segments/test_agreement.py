"""SQL on both databases and plain Python agree about random rules and random people.

`SEGMENT_EXAMPLES=5000 pytest tests/audience/segments/test_agreement.py` runs many more.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.audience.fields.models import Field
from campaigns.audience.models import (
    ConsentEvent,
    ImportRun,
    MailDomain,
    Subscriber,
    SubscriberTag,
    Suppression,
    Tag,
)
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.segments.comparing import DATE_OPS, MOMENT_OPS, TEXT_OPS
from campaigns.audience.segments.explain import explain
from campaigns.audience.segments.kinds.fields import OPERATORS
from campaigns.audience.segments.leaves import Context, Ids
from campaigns.campaign.models import CampaignLink
from campaigns.db import db, transaction
from campaigns.events.models import BANDS, EngagementScore, Event
from tests.factories import a_campaign, a_delivery, a_list, subscribers

EXAMPLES = int(os.environ.get("SEGMENT_EXAMPLES", "60"))
PEOPLE = 36
NOW = datetime(2026, 2, 27, 22, 30, tzinfo=UTC)

TEXTS = [
    "Berlin", "BERLIN", "berlin", "New Berlin", "Zürich", "ZÜRICH", "zürich", "straße", "STRASSE",
    "a%b", "axb", "a_b", "%", "_", 'say "hi"', "back\\slash", "\\", '"', "'", "/", "a/b",
    "'; DROP TABLE subscriber; --", '"city":"Berlin"', '","city":"Berlin', 'x"city":"Berlin',
    "\u200fשלום\u200e", "İstanbul", "Σίσυφος", "日本", "😀", "null", "true", "12", "{}", "[]",
    "x" * 2_000, ".*", "(a+)+$", "=cmd()", "<script>",
]  # fmt: skip
STORED = [*TEXTS, "", "\n", "two\nlines", "tab\there", "  ", "\x7f", 12, True, ["Berlin"], None]
NUMBERS = [0, 1, -1, 1.5, 0.1, 0.30000000000000004, 12, 1e-7, -273.15, 10**15, 4.0]
DATES = [
    "1980-05-31", "2024-02-29", "2023-02-28", "2000-03-01", "1999-12-31", "2026-02-27",
    "2026-02-28", "2026-03-06", "2026-02-20", "0001-01-01", "9999-12-31",
]  # fmt: skip
CODES = ["DE", "de", "FR", "pt_BR", "Europe/Berlin", "pro", 'qu"ote', "back\\slash", "ü"]
TYPES = {
    "city": "text", "site": "url", "amount": "number", "born": "date", "vip": "boolean",
    "plan": "choice", "topics": "choices", "country": "country", "zone": "time_zone",
    "lang": "language",
}  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "city": STORED,
    "site": ["https://a.example/%20_x", "HTTPS://A.example", 7, "x"],
    "amount": [*NUMBERS, "12", True, "", [1]],
    "born": [*DATES, "31.05.1980", "2024-2-9", "n/a", "2024-02-29x", 20240229, True],
    "vip": [True, False, "true", 1, 0],
    "plan": [*CODES, 1, ["pro"]],
    "topics": [
        ["DE"], ["DE", "FR"], [], ['qu"ote', "ü"], "DE", ["back\\slash", "FR", "DE"], [1, "1"]
    ],
    "country": CODES,
    "zone": CODES,
    "lang": CODES,
    "free": STORED,
    "city_2": STORED,
}  # fmt: skip


@dataclass(frozen=True)
class World:
    people: tuple[int, ...]
    lists: tuple[int, ...]
    tags: tuple[int, ...]
    segments: tuple[int, ...]
    imports: tuple[int, ...]
    campaigns: tuple[int, ...]


def a_world() -> World:
    """Everything that rules can be about; who has what repeats with different periods."""
    lists = [a_list("News"), a_list("Offers")]
    people = subscribers(
        [f"{'ANN' if n % 3 else 'bob'}+{n}@{_domain(n)}" for n in range(PEOPLE)], lists[0]
    )
    subscribers([f"other{n}@example.net" for n in range(3)], lists[1], state="pending")
    tags = [Tag(name=name, name_normal=name) for name in ("vip", "blog", "old")]
    imports = [ImportRun(list_id=lists[0].id, file_name=name, path="") for name in ("a", "b")]
    campaigns = [a_campaign(lists[0], subject=str(n)) for n in range(3)]
    db.session.add_all([*tags, *imports])
    db.session.add(MailDomain(domain="gmail.example", mailbox_group="google"))
    db.session.add(MailDomain(domain="web.example", mailbox_group="gmx"))
    db.session.add_all(
        Field(key=key, label=key, type=type_, position=n)
        for n, (key, type_) in enumerate(TYPES.items())
    )
    for campaign in campaigns:
        for number, target in enumerate(("https://a.example/", "https://b.example/?x=1&y='")):
            db.session.add(CampaignLink(campaign_id=campaign.id, number=number, target=target))
    db.session.flush()
    for n, person in enumerate(people):
        person.created_at = NOW - timedelta(hours=7 * n - 20)
        person.updated_at = NOW - timedelta(days=n * n)
        person.name = str(TEXTS[n % len(TEXTS)]) if n % 5 else ""
        person.first_name = ("Ann", "ÄNN", "")[n % 3]
        person.attributes = {
            key: values[(n * step) % len(values)]
            for step, (key, values) in enumerate(VALUES.items(), start=1)
            if (n + step) % 4
        }
        db.session.add_all(
            SubscriberTag(tag_id=tag.id, subscriber_id=person.id)
            for bit, tag in enumerate(tags)
            if n >> bit & 1
        )
        db.session.add_all(_proofs(n, person.id, lists[0].id, imports))
        if n % 4:
            band = BANDS[n % len(BANDS)]
            db.session.add(EngagementScore(subscriber_id=person.id, band=band, computed_at=NOW))
        if n % 9 == 0:
            db.session.add(Suppression(address_normal=person.address_normal))
        _deeds(n, person, campaigns)
    db.session.add(ConsentEvent(kind="subscribed", channel="form", import_id=imports[0].id))
    gone = a_delivery(campaigns[0], people[0], sent_at=NOW, first_opened_at=NOW, status="sent")
    gone.subscriber_id = None
    db.session.flush()
    return World(
        people=tuple(person.id for person in people),
        lists=tuple(one.id for one in lists),
        tags=tuple(one.id for one in tags),
        segments=tuple(_segments(tags[0].id)),
        imports=tuple(one.id for one in imports),
        campaigns=tuple(one.id for one in campaigns),
    )


def _domain(n: int) -> str:
    return ("gmail.example", "web.example", "example.org", "xn--mnchen-3ya.example")[n % 4]


def _proofs(n: int, person: int, list_id: int, imports: list[ImportRun]) -> list[ConsentEvent]:
    kind, channel = (("subscribed", "import"), ("confirmed", "form"), ("requested", "form"))[n % 3]
    import_id = imports[n % 2].id if channel == "import" else None
    values = {"subscriber_id": person, "list_id": list_id, "import_id": import_id}
    return [ConsentEvent(kind=kind, channel=channel, **values)] if n % 7 else []


def _deeds(n: int, person: Subscriber, campaigns: list[Any]) -> None:
    for number, campaign in enumerate(campaigns[: n % 4]):
        at = NOW - timedelta(days=5 * n + number)
        delivery = a_delivery(campaign, person, status="sent", sent_at=at)
        if n % 5 == 0:
            delivery.status, delivery.reason, delivery.sent_at = "failed", "no_mailbox", None
            delivery.updated_at = at
        if n % 2 and delivery.sent_at:
            delivery.first_opened_at = at
        if n % 6 == 1 and delivery.sent_at:
            delivery.first_clicked_at = at
            db.session.add_all(
                Event(delivery_id=delivery.id, campaign_id=campaign.id, kind="clicked", at=at,
                      dedupe=f"{delivery.id}-{link}-{twice}", link_number=link)
                for link in range(1 + number % 2) for twice in range(2)
            )  # fmt: skip
        if n % 11 == 1:
            delivery.bounced_at = at


def _segments(tag: int) -> Iterator[int]:
    inner = {"kind": "any", "rules": [{"kind": "tag", "tags": [tag]}]}
    first = _saved("First", inner)
    yield first
    yield _saved("Second", {"kind": "none", "rules": [{"kind": "segment", "segment": first}]})
    yield _saved("Everyone", {"kind": "all", "rules": []})


def _saved(name: str, root: dict[str, Any]) -> int:
    return saved.create(name, tree.parse({"version": 1, "root": root}), now=NOW).id


# --- Random rules


def some(*values: Any, least: int = 1, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=most)


def dates(ops: tuple[str, ...]) -> st.SearchStrategy[tuple[str, list[Any]]]:
    """An operator about dates with values that fit."""

    def fitting(op: str) -> st.SearchStrategy[tuple[str, list[Any]]]:
        if op in {"has_value", "no_value"}:
            return st.just((op, []))
        if op.endswith("_days"):
            days = some(0, 1, 7, 30, 366, most=1)
            return days.map(lambda values: (op, values))
        moments = [one for one in DATES if "1900" < one < "2999"] if ops == MOMENT_OPS else DATES
        size = 2 if op == "between" else 1
        return some(*moments, least=size, most=size).map(lambda values: (op, values))

    return st.sampled_from(ops).flatmap(fitting)


TYPED = [*TEXTS, "erl", "lin", "ber", "Ü", "ü", "ss"]
OPERANDS: dict[str, st.SearchStrategy[list[Any]]] = {
    "text": some(*TYPED),
    "url": some("https://a", "https://a.example/%20_x", "_", "%20"),
    "number": some(*NUMBERS, 2),
    **dict.fromkeys(("choice", "country", "time_zone", "language", "choices"), some(*CODES, "XX")),
    "boolean": st.just([]),
}


def field_rule(key: str) -> st.SearchStrategy[dict[str, Any]]:
    type_ = TYPES.get(key, "text")
    if type_ == "date":
        return dates(DATE_OPS).map(lambda one: _field(key, *one))

    def fitting(op: str) -> st.SearchStrategy[dict[str, Any]]:
        if op in {"has_value", "no_value"}:
            return st.just(_field(key, op, []))
        operands = OPERANDS[type_]
        if type_ == "number" and op not in {"is", "is_not"}:
            size = 2 if op == "between" else 1
            operands = some(*NUMBERS, least=size, most=size)
        return operands.map(lambda values: _field(key, op, values))

    return st.sampled_from(OPERATORS[type_]).flatmap(fitting)


def _field(key: str, op: str, values: list[Any]) -> dict[str, Any]:
    return {"kind": "field", "key": key, "op": op, "values": values}


def text_rule(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    typed = ("ann", "ANN+1", "bob", "_", "%", "Än", "ä", "example.org", *TEXTS)
    return st.fixed_dictionaries(
        {**fixed, "op": st.sampled_from(TEXT_OPS), "value": st.sampled_from(typed)}
    )


def rule_of(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(values)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def leaves(world: World) -> st.SearchStrategy[dict[str, Any]]:
    behaviour: dict[str, st.SearchStrategy[Any]] = {
        "count": one_of("at_least", "at_most", "exactly"),
        "n": one_of(0, 1, 2, 3),
        "campaigns": some(*world.campaigns, least=0),
        "days": one_of(None, 1, 30, 100),
    }
    return st.one_of(
        *map(field_rule, VALUES),
        text_rule(kind=st.just("name"), part=one_of("full", "first", "last")),
        text_rule(kind=st.just("address")),
        rule_of(
            kind=st.just("domain"),
            op=one_of("is_one_of", "is_none_of"),
            values=some("gmail.example", "@Web.example", "münchen.example", "x"),
        ),
        rule_of(
            kind=st.just("mailbox_provider"),
            op=one_of("is_one_of", "is_none_of"),
            values=some("google", "gmx", "other", "yahoo"),
        ),
        rule_of(
            kind=st.just("list"),
            op=one_of("is", "is_not"),
            list=one_of(*world.lists),
            state=one_of("subscribed", "pending", "any"),
            since=one_of("any", "in_last_days", "before_last_days"),
        ),
        rule_of(
            kind=st.just("tag"),
            op=one_of("has_any", "has_all", "has_none"),
            tags=some(*world.tags),
        ),
        dates(MOMENT_OPS).map(lambda one: {"kind": "added", "op": one[0], "values": one[1]}),
        dates(MOMENT_OPS).map(lambda one: {"kind": "changed", "op": one[0], "values": one[1]}),
        rule_of(
            **{"kind": st.just("import"), "import": one_of(*world.imports)},
            op=one_of("is", "is_not"),
        ),
        rule_of(
            kind=st.just("consent"),
            op=one_of("has", "has_not"),
            channel=one_of("any", "form", "import"),
            list=one_of(None, *world.lists),
        ),
        rule_of(
            kind=st.just("engagement"),
            op=one_of("is_one_of", "is_none_of"),
            bands=some("new", "engaged", "cooling", "inactive"),
        ),
        rule_of(kind=st.just("suppressed"), op=one_of("is", "is_not")),
        rule_of(kind=st.just("random"), percent=one_of(0.1, 33.3, 50, 100), seed=one_of(0, 7)),
        rule_of(
            kind=st.just("segment"), op=one_of("in", "not_in"), segment=one_of(*world.segments)
        ),
        rule_of(kind=one_of("sent", "opened", "bounced"), **behaviour),
        rule_of(
            kind=st.just("clicked"),
            **behaviour,
            link=one_of(None, "https://a.example/", "https://b.example/?x=1&y='", "%"),
        ),
    )


def trees(world: World) -> st.SearchStrategy[dict[str, Any]]:
    def group(rules: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[dict[str, Any]]:
        return rule_of(kind=one_of("all", "any", "none"), rules=st.lists(rules, max_size=most))

    leaf = leaves(world)
    inner = group(leaf, 3)
    return st.one_of(
        group(leaf, 1), group(st.one_of(leaf, inner), 3), group(st.one_of(leaf, group(inner, 2)), 2)
    )


def test_sql_and_python_agree_about_random_rules_and_people(app: Flask) -> None:
    with transaction():
        world = a_world()
    base = members.context_at(NOW)
    pairs = 0

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        root=trees(world),
        now=one_of(NOW, datetime(2028, 2, 25, 3, tzinfo=UTC), datetime(2026, 12, 30, tzinfo=UTC)),
        zone=one_of("UTC", "America/New_York", "Pacific/Kiritimati"),
        start=st.integers(0, PEOPLE - 12),
    )
    def agree(root: dict[str, Any], now: datetime, zone: str, start: int) -> None:
        nonlocal pairs
        rules = tree.parse({"version": 1, "root": root})
        context = replace(base, now=now, zone=ZoneInfo(zone))
        asked = world.people[start : start + 12]
        found = _found(rules, context)
        assert found == _found(rules, replace(context, reads_everyone=True))
        assert {one for one in found if one in asked} == {
            one for one in asked if explain(rules, one, context).holds
        }
        ids = Ids(asked[0], asked[-1])
        narrowed = _found(rules, replace(context, ids=ids))
        assert narrowed == found & set(asked)
        pairs += len(asked)

    agree()
    assert pairs >= min(EXAMPLES, 100) * 12


def _found(rules: tree.Group, context: Context) -> set[int]:
    statement = members.selected(rules, context).with_only_columns(Subscriber.id)
    found = set(db.session.scalars(statement))
    total = db.session.scalar(
        sa.select(sa.func.count(Subscriber.id)).where(context.within(Subscriber.id))
    )
    opposite = tree.Group(kind="none", rules=(rules,))
    left = db.session.scalar(
        members.selected(opposite, context).with_only_columns(sa.func.count(Subscriber.id))
    )
    assert len(found) + (left or 0) == total, "a condition was NULL"
    return found
