"""Tags: their names, and what renaming, merging and deleting them changes."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import tags
from campaigns.audience.models import Tag
from campaigns.audience.segments import saved, tree
from campaigns.audience.segments.models import Segment
from campaigns.db import db, transaction
from tests.english import refused
from tests.factories import a_subscriber, subscribers

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def a_tag(name: str) -> Tag:
    (tag,) = tags.created([name], now=NOW)
    return tag


def tag_names(subscriber_id: int) -> list[str]:
    return [tag.name for tag in tags.of([subscriber_id])[subscriber_id]]


def segment_on(*rules: dict[str, Any]) -> Segment:
    root = tree.parse({"version": 1, "root": {"kind": "all", "rules": list(rules)}})
    return saved.create("VIPs", root, now=NOW)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("VIP, Blog", ["VIP", "Blog"]),
        (" VIP;blog , Vip ,, ", ["VIP", "blog"]),
        ("", []),
        ("\u202eVIP\u200f", ["VIP"]),
        ("a\x00b\nc", ["a b c"]),
        ("=cmd()", ["=cmd()"]),
        ("Cafe\u0301", ["Caf\u00e9"]),
    ],
)
def test_a_text_names_each_tag_once(text: str, names: list[str]) -> None:
    assert tags.names_in(text) == names


def test_names_that_are_too_long_or_too_many_are_refused() -> None:
    with refused(tags.TagError, "at most 100 characters"):
        tags.names_in("x" * 10_000)
    with refused(tags.TagError, "at most 100 tags"):
        tags.names_in(",".join(map(str, range(101))))


def test_a_tag_is_created_once_whatever_its_case(app: Flask) -> None:
    with transaction():
        ann = a_subscriber()
        assert tags.add(ann.id, ["VIP", "Blog"], now=NOW) == 2
        assert tags.add(ann.id, ["vip", "Äpfel"], now=NOW) == 1
        assert a_tag("äpfel").name == "Äpfel"
        assert tags.add(ann.id, [], now=NOW) == 0
    assert tag_names(ann.id) == ["Blog", "VIP", "Äpfel"]
    assert tags.named(" viP ") is not None


def test_a_tag_is_renamed_unless_another_has_the_name(app: Flask) -> None:
    with transaction():
        vip, blog = a_tag("VIP"), a_tag("Blog")
        tags.rename(vip.id, "vip ")
        with refused(tags.TagError, "Merge the two"):
            tags.rename(vip.id, "BLOG")
        with refused(tags.TagError, "comma"):
            tags.rename(vip.id, "a, b")
        with refused(tags.TagError, "Give the tag a name"):
            tags.rename(vip.id, " \u200f ")
        tags.delete(blog.id)
        with refused(tags.TagError, "was deleted"):
            tags.rename(blog.id, "New")
    assert db.session.scalars(sa.select(Tag.name)).all() == ["vip"]


def test_merging_gives_everyone_the_other_tag_and_changes_the_segments(app: Flask) -> None:
    with transaction():
        ann, bob, eve = subscribers(f"{name}@example.org" for name in ("ann", "bob", "eve"))
        old, kept = a_tag("Customer"), a_tag("Customers")
        tags.add_many([(ann.id, old.id), (bob.id, old.id), (bob.id, kept.id)], now=NOW)
        nested = {"kind": "none", "rules": [{"kind": "tag", "tags": [old.id]}]}
        both = {"kind": "tag", "op": "has_all", "tags": [old.id, kept.id]}
        segment = segment_on(both, nested)
        assert [one.id for one in tags.segments_using(old.id)] == [segment.id]
        tags.merge(old.id, kept.id, now=NOW)
    assert tag_names(ann.id) == tag_names(bob.id) == ["Customers"]
    assert tag_names(eve.id) == []
    found = db.session.get_one(Segment, segment.id, populate_existing=True)
    assert found.version == 2
    assert [rule["tags"] for rule in _tag_rules(found.rules["root"])] == [[kept.id], [kept.id]]
    assert tags.segments_using(old.id) == []


def _tag_rules(rule: dict[str, Any]) -> list[dict[str, Any]]:
    if rule["kind"] == "tag":
        return [rule]
    return [found for one in rule["rules"] for found in _tag_rules(one)]


def test_tags_are_paged_by_name_searched_and_counted(app: Flask) -> None:
    with transaction():
        ann, bob = subscribers(["ann@example.org", "bob@example.org"])
        made = tags.created([f"Tag {number:03}" for number in range(60)], now=NOW)
        tags.add_many([(ann.id, made[0].id), (bob.id, made[0].id)], now=NOW)
    first = tags.page()
    assert [tag.name for tag in first.rows][:2] == ["Tag 000", "Tag 001"]
    second = tags.page(after=first.after)
    assert len(first.rows) + len(second.rows) == 60
    assert [tag.name for tag in tags.page("TAG 05").rows][-1] == "Tag 059"
    assert tags.page("%").rows == []
    assert tags.counts([made[0].id, made[1].id]) == {made[0].id: 2, made[1].id: 0}
