"""Each kind of rule is parsed, kept as it was and refused clearly."""

from typing import Any

import pytest
from flask import Flask

from campaigns.audience.models import ImportRun, Tag
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.segments.leaves import REGISTRY
from campaigns.audience.segments.tree import RulesError
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_subscriber

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
    {"kind": "engagement", "op": "is_none_of", "bands": ["engaged", "new"]},
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


def test_every_kind_is_counted_in_a_database_with_one_person(app: Flask) -> None:
    with transaction():
        a_subscriber("shop@example.org", attributes={"city": "BERLIN"}, first_name="ann")
        news = a_list()
        campaign = a_campaign(news)
        tag = Tag(name="vip", name_normal="vip")
        run = ImportRun(list_id=news.id, file_name="a.csv", path="")
        db.session.add_all([tag, run])
        db.session.flush()
        everyone = saved.create("Everyone", tree.Group(), now=utcnow())
    ids = {"list": news.id, "tags": [tag.id], "import": run.id, "segment": everyone.id}
    context = members.context_at(utcnow())
    for leaf in ONE_OF_EACH:
        real = {key: ids.get(key, value) if value is not None else None
                for key, value in leaf.items()}  # fmt: skip
        if real.get("campaigns"):
            real["campaigns"] = [campaign.id]
        assert members.count(tree.parse(rules(real)), context).people == (
            leaf["kind"] in HOLD_FOR_A_NEW_PERSON
        ), leaf


HOLD_FOR_A_NEW_PERSON = {
    "field", "name", "address", "domain", "added", "suppressed", "segment", "opened", "clicked"
}  # fmt: skip
