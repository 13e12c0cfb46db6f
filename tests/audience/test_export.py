"""Subscribers as CSV: harmless in spreadsheets and readable by our import."""

import csv
import io
from datetime import UTC, datetime

from flask import Flask

from campaigns.audience import tags
from campaigns.audience.export import export_rows
from campaigns.audience.imports.mapping import OWN_SUBSCRIBERS
from campaigns.audience.models import Subscription, Suppression
from campaigns.audience.search import Search
from campaigns.audience.segments import members
from campaigns.audience.selection import Selection
from campaigns.db import db, transaction
from tests.factories import a_list, a_subscriber, subscribers

EVERYONE = Selection()
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WRITTEN = "2026-01-02T03:04:05+00:00"


def exported(selection: Selection = EVERYONE) -> str:
    return "".join(export_rows(selection, members.context_at(AT)))


def table(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_attributes_become_columns(app: Flask) -> None:
    with transaction():
        a_subscriber("ann@shop.example", name="=cmd()", attributes={"city": "Köln"}, created_at=AT)
        known = {"name": "Lee, Bob", "first_name": "Bob", "last_name": "Lee"}
        bob = a_subscriber("bob@shop.example", **known, attributes={"age": 7}, created_at=AT)
        tags.add(bob.id, ["Äpfel", "VIP"], now=AT)
    assert table(exported()) == [
        [*OWN_SUBSCRIBERS, "age", "city"],
        ["ann@shop.example", "'=cmd()", "", "", "none", "", WRITTEN, "", "", "Köln"],
        ["bob@shop.example", "Lee, Bob", "Bob", "Lee", "none", "", WRITTEN, "VIP, Äpfel", "7", ""],
    ]


def test_an_export_can_be_limited_by_list_status_and_search(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        a_subscriber("ann@shop.example", news, name="Ann")
        a_subscriber("bob@shop.example", news, state="unsubscribed")
        a_subscriber("carl@shop.example", other)
        list_id = news.id

    def found(search: Search) -> list[str]:
        return [row[0] for row in table(exported(Selection(search=search)))[1:]]

    assert found(Search()) == ["ann@shop.example", "bob@shop.example", "carl@shop.example"]
    assert found(Search(list_id=list_id)) == ["ann@shop.example", "bob@shop.example"]
    assert found(Search("", list_id, "unsubscribed")) == ["bob@shop.example"]
    assert found(Search("AN")) == ["ann@shop.example"]
    assert found(Search("%")) == []


def test_pages_join_without_gaps(app: Flask) -> None:
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(1005))
    assert len(table(exported())) == 1006


def test_without_a_list_the_status_is_the_strictest_of_all_lists(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        ann = a_subscriber("ann@shop.example", news)
        db.session.add(Subscription(list_id=other.id, subscriber_id=ann.id, state="unsubscribed"))
        a_subscriber("bob@shop.example", news, state="pending")
        a_subscriber("carl@shop.example", news, other)
        db.session.add(Suppression(address_normal="carl@shop.example", reason="hard_bounce"))
    rows = table(exported())
    assert [row[4:6] for row in rows[1:]] == [
        ["unsubscribed", ""],
        ["pending", ""],
        ["subscribed", "hard_bounce"],
    ]
