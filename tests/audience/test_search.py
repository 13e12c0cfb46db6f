"""Search and paging: each row once, by index, whatever is typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import search
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audience.search import Search
from campaigns.db import db, is_postgresql, transaction
from tests.factories import a_list, a_subscriber


def add(*people: str) -> None:
    """Add subscribers given as "address" or "address Name of Person"."""
    with transaction():
        for person in people:
            address, _, name = person.partition(" ")
            a_subscriber(address, name=name)


def add_many(count: int, pattern: str, list_id: int) -> None:
    """Add many subscribers to a list. Call inside a transaction."""
    normals = [pattern.format(number) for number in range(count)]
    ids = db.session.scalars(
        sa.insert(Subscriber).returning(Subscriber.id),
        [
            {"address": one, "address_normal": one, "domain": one.partition("@")[2]}
            for one in normals
        ],
    ).all()
    db.session.execute(
        sa.insert(Subscription),
        [{"list_id": list_id, "subscriber_id": one, "state": "subscribed"} for one in ids],
    )


def addresses_of(query: Search) -> list[str]:
    return [one.address for one in search.page(query).rows]


def walk(query: Search, *, size: int) -> tuple[list[str], list[str]]:
    """All addresses in the order of paging forward, and of paging back from the last page."""
    forth, key = [], None
    while True:
        page = search.page(query, after=key, size=size)
        forth.append([one.address for one in page.rows])
        if page.after is None:
            break
        key = str(page.after)
    back = [forth[-1]]
    while page.before is not None:
        page = search.page(query, before=str(page.before), size=size)
        back.append([one.address for one in page.rows])
    assert list(reversed(back)) == forth
    return list(chain(*forth)), list(chain(*reversed(back)))


@pytest.mark.parametrize("text", ["", "person", "@example.org"])
@pytest.mark.parametrize("in_list", [False, True])
def test_paging_forward_and_back_visits_each_once(app: Flask, text: str, in_list: bool) -> None:
    with transaction():
        news = a_list("News")
        add_many(250, "person{}@example.org", news.id)
        if in_list:
            add_many(9, "person-elsewhere{}@example.org", a_list("Other").id)
    query = Search(text, news.id if in_list else None)
    forth, back = walk(query, size=40)
    assert forth == back
    assert len(forth) == 250
    assert set(forth) == {f"person{number}@example.org" for number in range(250)}
    assert search.count(query, most=1_000) == 250
    assert search.count(query, most=100) == 101


def test_the_newest_come_first(app: Flask) -> None:
    add("b@example.org", "a@example.org", "c@example.org")
    assert addresses_of(Search()) == ["c@example.org", "a@example.org", "b@example.org"]


def test_an_address_is_found_by_its_beginning(app: Flask) -> None:
    add("ann@example.org", "Anna@example.org", "bea.anna@example.org", "an_a@example.org")
    assert addresses_of(Search("ANN")) == ["ann@example.org", "Anna@example.org"]
    assert addresses_of(Search("anna@example.org")) == ["Anna@example.org"]
    assert addresses_of(Search("an_")) == ["an_a@example.org"]
    assert addresses_of(Search("an%")) == []


def test_a_domain_is_found_by_its_full_name(app: Flask) -> None:
    add("a@example.org", "b@sub.example.org", "c@Example.org", "d@bücher.example")
    assert addresses_of(Search("@example.org")) == ["c@example.org", "a@example.org"]
    assert addresses_of(Search("@bücher.example")) == ["d@xn--bcher-kva.example"]


def test_a_list_can_be_limited_to_a_status(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("in@example.org", news)
        a_subscriber("waiting@example.org", news, state="pending")
        a_subscriber("out@example.org", news, state="unsubscribed")
        a_subscriber("elsewhere@example.org")
    assert len(addresses_of(Search("", news.id))) == 3
    assert addresses_of(Search("", news.id, "pending")) == ["waiting@example.org"]
    assert addresses_of(Search("o", news.id, "unsubscribed")) == ["out@example.org"]
    assert addresses_of(Search("@example.org", news.id, "subscribed")) == ["in@example.org"]


def test_the_second_search_looks_inside_names_and_addresses(app: Flask) -> None:
    add("x1@example.org Élodie Smith", "x2@example.org Bob 100%", "john.smith@example.org")
    add("smith@example.org Found by address")
    found = [one.address for one in search.search_newest(Search("smith"))]
    assert found == ["john.smith@example.org", "x1@example.org"]
    assert [one.address for one in search.search_newest(Search("élodie"))] == ["x1@example.org"]
    assert [one.address for one in search.search_newest(Search("0%"))] == ["x2@example.org"]
    assert search.search_newest(Search("%smith%")) == []


def test_the_second_search_reads_a_limited_number_of_rows(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("x1@example.org Smith the first", "x2@example.org Smith", "x3@example.org Jones")
    monkeypatch.setattr(search, "SEARCH_LIMIT", 2)
    assert [one.address for one in search.search_newest(Search("smith"))] == ["x2@example.org"]
    assert search.is_search_limited()
    monkeypatch.setattr(search, "SEARCH_LIMIT", 3)
    assert not search.is_search_limited()


@pytest.mark.parametrize("key", ["", "x", "-1", "９", "9" * 40, "1; drop table"])
def test_an_invalid_key_shows_the_first_page(app: Flask, key: str) -> None:
    add("a@example.org")
    assert [one.address for one in search.page(Search(), after=key).rows] == ["a@example.org"]


@contextmanager
def plans() -> Iterator[list[str]]:
    """Collect the query plan of each SELECT."""
    found: list[str] = []
    explain = "EXPLAIN " if is_postgresql() else "EXPLAIN QUERY PLAN "

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            with_plan = connection.connection.cursor()
            with_plan.execute(explain + statement, parameters)
            found.append("\n".join(str(row[-1]) for row in with_plan.fetchall()))
            with_plan.close()

    sa.event.listen(db.engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", look)


def test_searches_use_an_index(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        add_many(5_000, "p{:05}@often.example", news.id)
        add_many(9, "q{}@rare.example", news.id)
        db.session.execute(sa.text("ANALYZE"))
    with plans() as found:
        for query in (
            Search("p012"),
            Search("@rare.example"),
            Search("p012", news.id, "subscribed"),
            Search("", news.id, "subscribed"),
        ):
            search.page(query, size=10)
            search.count(query, most=20)
    assert len(found) == 8
    for plan in found[:2]:
        assert "address_normal" in plan, plan
    for plan in found[2:4]:
        assert "ix_subscriber_domain" in plan, plan
    for plan in found[:6]:
        assert "Seq Scan on subscriber" not in plan, plan
        assert "SCAN subscriber" not in plan, plan
