"""Subscribers as CSV: harmless in spreadsheets, and readable by our own import."""

import csv
import io
from datetime import UTC, datetime

from flask import Flask

from campaigns.audience.export import export_rows
from campaigns.db import transaction
from tests.factories import a_list, a_subscriber

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def table(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_attributes_become_columns(app: Flask) -> None:
    with transaction():
        a_subscriber("ann@shop.example", name="=cmd()", attributes={"city": "Köln"}, created_at=AT)
        a_subscriber("bob@shop.example", name="Lee, Bob", attributes={"age": 7}, created_at=AT)
    assert table("".join(export_rows())) == [
        ["address", "name", "created_at", "age", "city"],
        ["ann@shop.example", "'=cmd()", "2026-01-02T03:04:05+00:00", "", "Köln"],
        ["bob@shop.example", "Lee, Bob", "2026-01-02T03:04:05+00:00", "7", ""],
    ]


def test_list_state_and_search_narrow_it_down(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        a_subscriber("ann@shop.example", news, name="Ann")
        a_subscriber("bob@shop.example", news, state="unsubscribed")
        a_subscriber("carl@shop.example", other)
        list_id = news.id

    def found(**filters: object) -> list[str]:
        return [row[0] for row in table("".join(export_rows(**filters)))[1:]]  # type: ignore[arg-type]

    assert found() == ["ann@shop.example", "bob@shop.example", "carl@shop.example"]
    assert found(list_id=list_id) == ["ann@shop.example", "bob@shop.example"]
    assert found(list_id=list_id, state="unsubscribed") == ["bob@shop.example"]
    assert found(state="subscribed") == ["ann@shop.example", "carl@shop.example"]
    assert found(query="AN") == ["ann@shop.example"]
    assert found(query="%") == []


def test_pages_join_without_gap(app: Flask) -> None:
    with transaction():
        for number in range(1005):
            a_subscriber(f"p{number}@shop.example")
    assert len(table("".join(export_rows()))) == 1006
