"""Counting, showing and paging through the people of a segment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from campaigns.audience.models import MailDomain, Subscriber
from campaigns.audience.segments import members, tree
from campaigns.audience.segments.leaves import Ids
from campaigns.audience.segments.members import Count
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_delivery, a_list, subscribers

NOW = utcnow()
OPENED = {"kind": "opened"}
SPORT = {"kind": "field", "key": "topic", "op": "is", "values": ["Sport"]}


def group(*rules: dict[str, Any]) -> tree.Group:
    return tree.parse({"version": 1, "root": {"kind": "all", "rules": list(rules)}})


def people_of_whom_a_third_opened(number: int = 120) -> list[Subscriber]:
    """Their ids have gaps. Every third one opened an email and likes sport."""
    found = subscribers([f"p{n}@{'gmail' if n % 4 else 'other'}.example" for n in range(number)])
    campaign = a_campaign(a_list())
    db.session.add(MailDomain(domain="gmail.example", mailbox_group="google"))
    for person in found[::3]:
        a_delivery(campaign, person, status="sent", sent_at=NOW, first_opened_at=NOW)
        person.attributes = {"topic": "sport"}
    db.session.flush()
    for person in found[10:20]:
        db.session.delete(person)
    return found


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "RANGE_SIZE", 5)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MIN_PARALLEL", 10)


def test_counts_of_rules_about_people_are_exact_in_several_threads(
    app: Flask, threads: None
) -> None:
    with transaction():
        people_of_whom_a_third_opened()
        context = members.context_at(NOW)
        assert members.count(group(SPORT), context) == Count(37), "sees its own changes"
    assert members.count(group(SPORT), context) == Count(37)
    assert members.count(group(), replace(context, ids=Ids(1, 9))) == Count(9)


def test_a_count_of_behaviour_is_exact_if_there_is_time(
    app: Flask, small_ranges: None, threads: None
) -> None:
    with transaction():
        people_of_whom_a_third_opened()
    context = members.context_at(NOW)
    assert members.count(group(OPENED), context, budget_seconds=60) == Count(37)
    assert members.count(group(OPENED), context, budget_seconds=0).margin is not None


def test_an_estimate_is_about_right_and_gets_better_with_more_time(
    app: Flask, small_ranges: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        people_of_whom_a_third_opened()
    context = members.context_at(NOW)
    found = []
    for least in (4, 8, 16):
        monkeypatch.setattr(members, "MIN_RANGES", least)
        found.append(members.count(group(OPENED), context, budget_seconds=0))
    margins = [one.margin for one in found]
    assert all(margins)
    assert margins == sorted(margins, reverse=True)  # type: ignore[type-var]
    assert margins[0] > margins[-1]  # type: ignore[operator]
    for one in found:
        assert abs(one.people - 37) <= (one.margin or 0)


def test_an_estimate_of_nobody_still_has_a_margin(app: Flask, small_ranges: None) -> None:
    with transaction():
        people_of_whom_a_third_opened()
    bounced = members.count(group({"kind": "bounced"}), members.context_at(NOW), budget_seconds=0)
    assert bounced.people == 0
    assert bounced.margin


def test_without_subscribers_there_is_nothing_to_count_or_show(app: Flask) -> None:
    context = members.context_at(NOW)
    assert members.count(group(OPENED), context) == Count(0)
    assert members.by_mailbox_provider(group(), context) == {}
    assert members.sample(group(), context) == []
    assert members.page(group(), context).rows == []


def test_people_are_counted_by_mailbox_provider(app: Flask, small_ranges: None) -> None:
    with transaction():
        people_of_whom_a_third_opened()
    context = members.context_at(NOW)
    found = members.by_mailbox_provider(group(OPENED), context, budget_seconds=60)
    assert list(found.items()) == [("google", 28), ("other", 9)]
    projected = members.by_mailbox_provider(group(), context, budget_seconds=0)
    assert 60 < sum(projected.values()) < 180


def test_the_newest_people_of_a_segment_are_shown(app: Flask, small_ranges: None) -> None:
    with transaction():
        people = people_of_whom_a_third_opened()
    context = members.context_at(NOW)
    newest = [person.id for person in people[::3]][::-1]
    shown = members.sample(group(OPENED), context)
    assert [person.id for person in shown] == newest[:10]
    rare = members.sample(group(SPORT, {"kind": "address", "op": "starts_with", "value": "p0@"}),
                          context)  # fmt: skip
    assert [person.id for person in rare] == [people[0].id], "found at the very end"


def test_the_people_of_a_segment_are_paged_by_key(app: Flask) -> None:
    with transaction():
        people_of_whom_a_third_opened()
    context = members.context_at(NOW)
    seen: list[int] = []
    after = None
    while True:
        page = members.page(group(OPENED), context, after=after, size=10)
        seen += [person.id for person in page.rows]
        after = page.after
        if after is None:
            break
    assert len(seen) == 37
    assert seen == sorted(seen, reverse=True)


def test_counting_a_sample_reads_only_the_deliveries_of_its_people(app: Flask) -> None:
    context = members.context_at(NOW + timedelta(days=1))
    sampled = str(members.selected(group(OPENED), replace(context, ids=Ids(5, 9))))
    inner = sampled.split("EXISTS", 1)[1]
    assert "delivery.subscriber_id BETWEEN" in inner
