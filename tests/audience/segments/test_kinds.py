"""Each kind of rule is parsed, kept as it was and refused clearly."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.audience.segments import members, tree
from campaigns.audience.segments.leaves import REGISTRY
from campaigns.audience.segments.tree import RulesError
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_subscriber

ONE_OF_EACH: list[dict[str, Any]] = [
    {"kind": "field", "key": "city", "op": "is", "values": ["Berlin"]},
    {"kind": "name", "part": "first", "op": "starts_with", "value": "A"},
    {"kind": "address", "op": "contains", "value": "shop"},
    {"kind": "domain", "op": "is_one_of", "values": ["example.org"]},
    {"kind": "mailbox_provider", "op": "is_none_of", "values": ["google", "other"]},
    {"kind": "list", "op": "is", "list": 1, "state": "any", "since": "any", "days": 30},
    {"kind": "tag", "op": "has_any", "tags": [1]},
    {"kind": "added", "op": "in_last_days", "values": [30]},
    {"kind": "changed", "op": "before", "values": ["2026-05-31"]},
    {"kind": "import", "op": "is", "import": 1},
    {"kind": "consent", "op": "has", "channel": "form", "list": None},
    {"kind": "suppressed", "op": "is_not"},
    {"kind": "random", "percent": 12.5, "seed": 7},
    {"kind": "segment", "op": "in", "segment": 1},
    {"kind": "sent", "count": "at_least", "n": 1, "campaigns": [], "days": None},
    {"kind": "opened", "count": "exactly", "n": 0, "campaigns": [1], "days": 30},
    {"kind": "clicked", "count": "at_most", "n": 2, "campaigns": [], "days": 3, "link": "https://a.b"},
    {"kind": "bounced", "count": "at_least", "n": 1, "campaigns": [], "days": None},
]  # fmt: skip


def rules(leaf: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "root": {"kind": "all", "rules": [leaf]}}


@pytest.mark.parametrize("leaf", ONE_OF_EACH, ids=lambda leaf: leaf["kind"])
def test_a_rule_of_each_kind_is_stored_as_it_was_read(leaf: dict[str, Any]) -> None:
    assert tree.stored(tree.parse(rules(leaf))) == rules(leaf)


def test_every_kind_has_an_example() -> None:
    assert {leaf["kind"] for leaf in ONE_OF_EACH} == set(REGISTRY.names())


@pytest.mark.parametrize(
    ("leaf", "code"),
    [
        ({"kind": "field", "key": "city", "op": "is", "values": []}, "segments.blank_value"),
        ({"kind": "field", "key": "city", "op": "is", "values": [" \x00"]}, "segments.blank_value"),
        (
            {"kind": "field", "key": "city", "op": "is", "values": ["x"] * 10_000},
            "segments.too_many_values",
        ),
        (
            {"kind": "field", "key": "city", "op": "contains", "values": ["x"] * 101},
            "segments.too_many_values",
        ),
        (
            {"kind": "field", "key": "city", "op": "is", "values": ["x" * 2_001]},
            "segments.value_too_long",
        ),
        ({"kind": "field", "key": 'a"b', "op": "has_value"}, "segments.bad_value"),
        ({"kind": "field", "key": "n", "op": "less", "values": [1e16]}, "segments.not_a_number"),
        ({"kind": "name", "op": "is", "value": " "}, "segments.blank_value"),
        ({"kind": "domain", "values": ["a"] * 1_001}, "segments.too_many_values"),
        ({"kind": "added", "op": "on", "values": ["31.05.1980"]}, "segments.not_a_date"),
        ({"kind": "added", "op": "on", "values": ["20260531"]}, "segments.not_a_date"),
        ({"kind": "added", "op": "in_last_days", "values": [36_501]}, "segments.bad_days"),
        ({"kind": "random", "percent": 0}, "segments.bad_value"),
        ({"kind": "sent", "n": -1}, "segments.bad_value"),
        ({"kind": "clicked", "link": "x" * 2_001}, "segments.bad_value"),
    ],
)
def test_values_that_cannot_be_used_are_refused(leaf: dict[str, Any], code: str) -> None:
    with pytest.raises(RulesError) as refusal:
        tree.parse(rules(leaf))
    assert (refusal.value.reason.code, refusal.value.field) == (code, "0")


def test_every_kind_can_be_counted(app: Flask) -> None:
    with transaction():
        a_subscriber(attributes={"city": "berlin"})
    context = members.context_at(utcnow())
    for leaf in ONE_OF_EACH:
        if leaf["kind"] != "segment":
            members.count(tree.parse(rules(leaf)), context)
    assert db.session.scalar(sa.select(Subscriber.id)) is not None
    assert members.count(tree.parse(rules(ONE_OF_EACH[0])), context).people == 1
