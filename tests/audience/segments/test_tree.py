"""Rules of segments: parsed with clear refusals, and the same in SQL as in Python."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, SubscriberTag, Subscription, Tag
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.segments.explain import explain
from campaigns.audience.segments.tree import RulesError
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_list, subscribers

TAG = {"kind": "tag", "op": "has_any", "tags": [1]}


def rules(*parts: dict[str, Any], kind: str = "all") -> dict[str, Any]:
    return {"version": 1, "root": {"kind": kind, "rules": list(parts)}}


def nested(depth: int) -> dict[str, Any]:
    root: dict[str, Any] = {"kind": "all", "rules": []}
    for _ in range(depth - 1):
        root = {"kind": "any", "rules": [root]}
    return {"version": 1, "root": root}


@pytest.mark.parametrize(
    ("stored", "code", "path"),
    [
        ({"version": 2, "root": {}}, "segments.newer_version", ""),
        (rules(TAG, {"kind": "moon_phase"}), "segments.unknown_rule", "1"),
        (rules({"kind": "any", "rules": [{**TAG, "tags": []}]}), "segments.bad_value", "0-0"),
        (rules({**TAG, "also": "'; DROP TABLE tag"}), "segments.bad_value", "0"),
        (rules({**TAG, "tags": [2**63]}), "segments.bad_value", "0"),
        (rules({"kind": "list", "list": 2**63}), "segments.bad_value", "0"),
        (rules({"kind": "segment", "segment": 2**63}), "segments.bad_value", "0"),
        (rules({"kind": "import", "import": 10**30}), "segments.bad_value", "0"),
        (rules({"kind": "consent", "list": -1}), "segments.bad_value", "0"),
        (rules({"kind": "sent", "campaigns": [2**63]}), "segments.bad_value", "0"),
        (rules(*[TAG] * 101), "segments.too_many_rules", "100"),
        (nested(5), "segments.too_deep", "0-0-0-0"),
        (nested(50), "segments.too_deep", "0-0-0-0"),
        ({"version": 1, "root": [1]}, "segments.malformed", ""),
        ({"version": 1, "root": TAG}, "segments.malformed", ""),
    ],
)
def test_rules_that_cannot_be_used_name_the_rule_at_fault(
    app: Flask, stored: dict[str, Any], code: str, path: str
) -> None:
    with pytest.raises(RulesError) as refusal:
        tree.parse(stored)
    assert (refusal.value.reason.code, refusal.value.field) == (code, path)


def test_rules_are_stored_as_they_were_read(app: Flask) -> None:
    root = tree.parse(rules(TAG, {"kind": "none", "rules": [TAG]}))
    assert tree.parse(tree.stored(root)) == root


def test_sql_and_explanation_agree_about_lists_and_tags(app: Flask) -> None:
    now = utcnow()
    with transaction():
        news, other = a_list("News"), a_list("Other")
        people = subscribers([f"p{n}@example.org" for n in range(8)], news)
        subscribers(["only@example.net"], other, state="pending")
        tags = [Tag(name=name, name_normal=name) for name in ("vip", "blog")]
        db.session.add_all(tags)
        db.session.flush()
        for index, person in enumerate(people):
            db.session.add_all(
                SubscriberTag(tag_id=tag.id, subscriber_id=person.id)
                for bit, tag in enumerate(tags)
                if index >> bit & 1
            )
        db.session.execute(
            sa.update(Subscription)
            .where(Subscription.subscriber_id == people[0].id)
            .values(state_at=now - timedelta(days=90))
        )
    vip, blog = (tag.id for tag in tags)
    on_news = {"kind": "list", "list": news.id}
    cases = [
        rules({**TAG, "tags": [vip]}),
        rules({**TAG, "tags": [vip, blog], "op": "has_all"}),
        rules({**TAG, "tags": [vip, blog], "op": "has_none"}),
        rules({**on_news, "since": "in_last_days"}),
        rules({**on_news, "since": "before_last_days"}),
        rules({**on_news, "op": "is_not"}),
        rules(on_news, {"kind": "none", "rules": [{**TAG, "tags": [vip]}]}),
        rules({**TAG, "tags": [blog]}, {"kind": "list", "list": other.id, "state": "pending"},
              kind="any"),
        rules(kind="any"),
        rules(),
    ]  # fmt: skip
    with transaction():
        segments = [saved.create(f"Segment {n}", tree.parse(one), now=now) for n, one in
                    enumerate(cases)]  # fmt: skip
    context = members.context_at(now)
    everyone = [*db.session.scalars(sa.select(Subscriber.id))]
    sizes = []
    for segment in segments:
        root = tree.parse(segment.rules)
        found = set(db.session.scalars(members.selected(root, context).with_only_columns(
            Subscriber.id)))  # fmt: skip
        assert found == {one for one in everyone if explain(root, one, context).holds}
        assert members.count(root, context).people == len(found)
        sizes.append(len(found))
    assert sizes == [4, 2, 3, 7, 1, 1, 4, 5, 0, 9]
