"""A selection is the same set for the table, a count, an export, and as the rules of a segment."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import search, tags
from campaigns.audience import selection as selections
from campaigns.audience.export import export_rows
from campaigns.audience.models import Subscriber
from campaigns.audience.search import Search
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.selection import Selection
from campaigns.db import db, transaction
from tests.factories import a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
TEXTS = ["", "ann", "ANN", "@shop.example", "ann@shop", "ann@shop.example", "ä", "Ä", "%", "_", "@",
         "x' OR 1=1 --", "@exämple.example", "\u202eann", "nobody"]  # fmt: skip


def people() -> tuple[int, int, int]:
    """Add some people; return the ids of a list, a tag and a segment."""
    with transaction():
        news = a_list()
        first = a_subscriber("ann@shop.example", news, name="Ann Lee")
        a_subscriber("joanna@shop.example", news, state="unsubscribed")
        a_subscriber("bob@xn--exmple-cua.example", news, name="Bob Ännchen")
        second = a_subscriber("zoe@other.example", name="100%_x' OR 1=1 --")
        (vip,) = tags.created(["VIP"], now=NOW)
        tags.add_many([(first.id, vip.id), (second.id, vip.id)], now=NOW)
        rules = {"kind": "any", "rules": [{"kind": "tag", "tags": [vip.id]}]}
        segment = saved.create("VIPs", tree.parse({"version": 1, "root": rules}), now=NOW)
        return news.id, vip.id, segment.id


def selected(selection: Selection) -> list[int]:
    context = members.context_at(NOW)
    chosen = sa.select(Subscriber.id).where(selections.condition(selection, context))
    return list(db.session.scalars(chosen.order_by(Subscriber.id)))


@pytest.mark.parametrize("text", TEXTS)
def test_table_count_export_and_rules_agree(app: Flask, text: str) -> None:
    list_id, tag_id, segment_id = people()
    context = members.context_at(NOW)
    for found in (
        Selection(search=Search(text)),
        Selection(search=Search(text, list_id)),
        Selection(search=Search(text, list_id, "unsubscribed")),
        Selection(search=Search(text, tag_id=tag_id)),
        Selection(search=Search(text, list_id, tag_id=tag_id), segment_id=segment_id),
        Selection(segment_id=segment_id),
    ):
        ids = selected(found)
        also = selections.narrowing(found, context)
        shown = [one.id for one in search.page(found.search, also).rows]
        if found.search.may_be_a_name:
            shown += [one.id for one in search.search_newest(found.search, also)]
        assert sorted(shown) == ids
        assert selections.count(found, context) == len(ids)
        rows = list(csv.reader(io.StringIO("".join(export_rows(found, context))[1:])))
        addresses = sa.select(Subscriber.address).where(Subscriber.id.in_(ids))
        expected = db.session.scalars(addresses.order_by(Subscriber.id)).all()
        assert [row[0] for row in rows[1:]] == expected
        frozen = selections.frozen(found, context)
        assert selected(frozen) == ids
        assert selections.from_json(json.loads(json.dumps(selections.to_json(frozen)))) == frozen
        root = tree.parse(selections.rules_of(found))
        by_rules = sa.select(Subscriber.id).where(compiler.condition(root, context))
        assert db.session.scalars(by_rules.order_by(Subscriber.id)).all() == ids, found


def test_a_frozen_selection_keeps_the_segments_that_its_rules_refer_to(app: Flask) -> None:
    with transaction():
        news = a_list()
        person, _ = a_subscriber("in@example.org", news), a_subscriber("out@example.org")
        on_list = {"kind": "all", "rules": [{"kind": "list", "list": news.id}]}
        inner = saved.create("Inner", tree.parse({"version": 1, "root": on_list}), now=NOW)
        uses_it = {"kind": "all", "rules": [{"kind": "segment", "segment": inner.id}]}
        outer = saved.create("Outer", tree.parse({"version": 1, "root": uses_it}), now=NOW)
    frozen = selections.frozen(Selection(segment_id=outer.id), members.context_at(NOW))
    with transaction():
        saved.change(inner.id, 1, name="Inner", root=tree.Group(), now=NOW)
    stored = selections.from_json(json.loads(json.dumps(selections.to_json(frozen))))
    found = sa.select(Subscriber.id).where(selections.condition(stored, members.context_at(NOW)))
    assert db.session.scalars(found).all() == [person.id]


def test_ranges_cover_everyone_once_whatever_was_deleted(app: Flask) -> None:
    people()
    with transaction():
        for number in range(7):
            a_subscriber(f"p{number}@example.org")
        db.session.execute(sa.delete(Subscriber).where(Subscriber.id.in_([2, 6])))
    found = [(ids.first, ids.last) for ids in selections.ranges(Selection(), size=4)]
    assert found == [(1, 5), (7, 10), (11, 11)]
    assert [(ids.first, ids.last) for ids in selections.ranges(Selection((3, 9)), size=4)] == [
        (3, 9)
    ]
    assert list(selections.ranges(Selection(()), size=4)) == []
