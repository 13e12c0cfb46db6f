"""Bulk actions: whom they change, how each outcome is counted, and what an undo restores."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import selection as selections
from campaigns.audience import subscribers as people
from campaigns.audience import subscriptions, suppressions
from campaigns.audience.bulk import runs
from campaigns.audience.bulk.actions import BulkError
from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.bulk.runs import Actor, BulkAction
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.fields import changes, definitions
from campaigns.audience.fields.models import Field
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    Subscriber,
    SubscriberTag,
    Subscription,
    Tag,
)
from campaigns.audience.search import Search
from campaigns.audience.segments import saved, tree
from campaigns.audience.selection import Selection, SelectionError
from campaigns.db import db, transaction
from campaigns.reason import ReasonError
from tests.factories import a_field, a_list, a_subscriber, subscribers

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OWNER = Actor(None, "owner@example.org", "By owner@example.org")
EVERYONE = Selection()


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "CHUNK", 3)
    monkeypatch.setattr(runs, "ERASED_AT_ONCE", 3)


def a_tag(name: str = "VIP") -> Tag:
    tag = Tag(name=name, name_normal=name.lower(), created_at=NOW)
    db.session.add(tag)
    db.session.flush()
    return tag


def to_tag(tag: Tag, name: str = "tag") -> BulkAction:
    return BulkAction(name, {"tag": tag.id, "name": tag.name})


def to_list(entry: AudienceList, name: str = "subscribe") -> BulkAction:
    return BulkAction(name, {"list": entry.id, "name": entry.name})


def started(action: BulkAction, selection: Selection = EVERYONE, now: datetime = NOW) -> int:
    with transaction():
        return runs.start(runs.plan(selection, now=now), action, OWNER, now=now).id


def erased(ids: Collection[int]) -> int:
    return people.delete(ids)


def one_slice(run_id: int, now: datetime = NOW) -> bool:
    with transaction():
        return runs.advance(run_id, erase=erased, now=now)


def finished(run_id: int, now: datetime = NOW) -> BulkRun:
    """Carry a run out to its end."""
    while one_slice(run_id, now):
        pass
    return db.session.get_one(BulkRun, run_id, populate_existing=True)


def carried_out(action: BulkAction, selection: Selection = EVERYONE) -> BulkRun:
    return finished(started(action, selection))


def undone(run: BulkRun, now: datetime = LATER) -> BulkRun:
    with transaction():
        undo_id = runs.undo(run.id, OWNER, now=now).id
    return finished(undo_id, now)


def tagged(tag_id: int) -> list[str]:
    """The addresses with this tag, up to the @."""
    statement = sa.select(Subscriber.address).join(SubscriberTag).order_by(Subscriber.id)
    found = db.session.scalars(statement.where(SubscriberTag.tag_id == tag_id))
    return [address.partition("@")[0] for address in found]


def states(list_id: int) -> dict[str, str]:
    rows = db.session.execute(
        sa.select(Subscriber.address, Subscription.state)
        .join(Subscription)
        .where(Subscription.list_id == list_id)
    )
    return {address.partition("@")[0]: state for address, state in rows}


def ten() -> list[Subscriber]:
    return subscribers(f"p{number}@example.org" for number in range(10))


# --- whom it changes


def test_a_tag_is_added_to_everyone_of_then_and_counted(app: Flask) -> None:
    with transaction():
        ten()
        tag = a_tag()
    run_id = started(to_tag(tag))
    with transaction():
        a_subscriber("late@example.org")
    run = finished(run_id)
    assert tagged(tag.id) == [f"p{number}" for number in range(10)]
    assert (run.status, run.matched, run.outcomes) == ("done", 10, {"changed": 10})
    assert run.finished_at == NOW


def test_each_slice_is_one_transaction_and_done_once(app: Flask) -> None:
    with transaction():
        ten()
        tag = a_tag()
    run_id = started(to_tag(tag))
    assert one_slice(run_id)
    run = db.session.get_one(BulkRun, run_id, populate_existing=True)
    assert (run.status, run.outcomes) == ("running", {"changed": 3})
    with pytest.raises(RuntimeError, match="killed"), transaction():
        runs.advance(run_id, erase=erased, now=NOW)
        raise RuntimeError("killed before the commit")
    run = db.session.get_one(BulkRun, run_id, populate_existing=True)
    assert run.outcomes == {"changed": 3}
    assert len(tagged(tag.id)) == 3
    assert runs.open_ids() == [run_id]
    assert finished(run_id).outcomes == {"changed": 10}
    assert runs.open_ids() == []
    assert not one_slice(run_id)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search("ann"), ["ann", "x", "joann"]),
        (Search("@shop.example"), ["bob"]),
        (Search("ann@example"), ["ann"]),
        (Search("nobody"), []),
        (Search("%"), []),
        (Search(), ["ann", "bob", "x", "joann"]),
    ],
)
def test_a_search_selects_what_it_finds(app: Flask, search: Search, expected: list[str]) -> None:
    with transaction():
        a_subscriber("ann@example.org")
        a_subscriber("bob@shop.example")
        a_subscriber("x@example.org", name="Lee Ann")
        a_subscriber("joann@example.org")
        tag = a_tag()
    selection = Selection(search=search)
    if not expected:
        with pytest.raises(BulkError, match=r"bulk\.nobody"):
            started(to_tag(tag), selection)
        return
    run = carried_out(to_tag(tag), selection)
    assert tagged(tag.id) == expected
    assert run.matched == len(expected)


def test_list_status_tag_segment_and_ids_narrow_each_other(app: Flask) -> None:
    with transaction():
        news, vip, hot = a_list(), a_tag("VIP"), a_tag("Hot")
        everyone = [*subscribers((f"a{n}@example.org" for n in range(6)), news), *ten()]
        a_subscriber("gone@example.org", news, state="unsubscribed")
        db.session.add_all(
            SubscriberTag(tag_id=vip.id, subscriber_id=one.id) for one in everyone[1:9]
        )
        rules = tree.parse(
            {"version": 1, "root": {"kind": "none", "rules": [
                {"kind": "list", "op": "is_not", "list": news.id}]}}
        )  # fmt: skip
        segment = saved.create("On News", rules, now=NOW)
        ids = tuple(one.id for one in everyone[3:])
    whole = Selection(ids, Search("a", news.id, "subscribed", vip.id), segment.id)
    assert selections.from_json(selections.to_json(whole)) == whole
    carried_out(to_tag(hot), whole)
    assert tagged(hot.id) == ["a3", "a4", "a5"]
    carried_out(to_tag(hot), Selection(search=Search(tag_id=vip.id), segment_id=segment.id))
    assert tagged(hot.id) == ["a1", "a2", "a3", "a4", "a5"]


def test_the_rules_of_a_segment_are_those_of_the_start(app: Flask) -> None:
    with transaction():
        news = a_list()
        subscribers((f"a{n}@example.org" for n in range(5)), news)
        ten()
        tag = a_tag()
        rules = {"kind": "all", "rules": [{"kind": "list", "op": "is", "list": news.id}]}
        segment = saved.create("On News", tree.parse({"version": 1, "root": rules}), now=NOW)
    run_id = started(to_tag(tag), Selection(segment_id=segment.id))
    with transaction():
        saved.delete(segment.id)
    assert finished(run_id).outcomes == {"changed": 5}
    with pytest.raises(SelectionError, match=r"bulk\.segment_gone"):
        started(to_tag(tag), Selection(segment_id=segment.id))


@pytest.mark.parametrize("gone", ["tag", "list", "searched list", "searched tag"])
def test_a_run_fails_with_its_reason_if_something_was_deleted(app: Flask, gone: str) -> None:
    with transaction():
        news, tag, other = a_list(), a_tag(), a_tag("Other")
        everyone = subscribers((f"a{n}@example.org" for n in range(5)), news)
        db.session.add_all(SubscriberTag(tag_id=other.id, subscriber_id=one.id) for one in everyone)
    selection = Selection(search=Search("", None if gone == "list" else news.id, None, other.id))
    if gone == "searched tag":
        selection = Selection(search=Search(tag_id=other.id))
    run_id = started(to_list(news) if gone == "list" else to_tag(tag), selection)
    assert one_slice(run_id)
    with transaction():
        if gone == "tag":
            db.session.execute(sa.delete(Tag).where(Tag.id == tag.id))
        elif gone == "searched tag":
            db.session.execute(sa.delete(Tag).where(Tag.id == other.id))
        else:
            db.session.execute(sa.delete(Subscription))
            db.session.execute(sa.delete(AudienceList))
    with pytest.raises(ReasonError, match="_gone") as caught:
        one_slice(run_id)
    with transaction():
        assert runs.fail(run_id, caught.value.reason, now=NOW)
    assert not one_slice(run_id)
    run = db.session.get_one(BulkRun, run_id, populate_existing=True)
    assert (run.status, sum(run.outcomes.values())) == ("failed", 3)
    assert runs.open_ids() == []


def test_a_cancelled_run_stops_and_what_it_did_can_be_undone(app: Flask) -> None:
    with transaction():
        ten()
        tag = a_tag()
    run_id = started(to_tag(tag))
    one_slice(run_id)
    with transaction():
        assert runs.cancel(run_id, now=NOW)
        assert not runs.cancel(run_id, now=NOW)
    assert not one_slice(run_id)
    assert len(tagged(tag.id)) == 3
    assert undone(db.session.get_one(BulkRun, run_id)).outcomes == {"changed": 3}
    assert tagged(tag.id) == []


# --- tags


def test_undoing_a_tag_leaves_those_who_had_it_before_or_got_it_since(app: Flask) -> None:
    with transaction():
        everyone = ten()
        tag = a_tag()
        had = SubscriberTag(tag_id=tag.id, subscriber_id=everyone[0].id, tagged_at=NOW)
        had.tagged_at = NOW - timedelta(days=1)
        db.session.add(had)
    run = carried_out(to_tag(tag))
    assert run.outcomes == {"already": 1, "changed": 9}
    with transaction():  # removed and added again by hand
        again = db.session.get_one(SubscriberTag, (tag.id, everyone[1].id))
        again.tagged_at = LATER
    undo = undone(run)
    assert undo.outcomes == {"changed": 8, "changed_since": 1}
    assert tagged(tag.id) == ["p0", "p1"]
    with transaction(), pytest.raises(BulkError, match="no_undo"):
        runs.undo(run.id, OWNER, now=LATER)
    with transaction(), pytest.raises(BulkError, match="no_undo"):
        runs.undo(undo.id, OWNER, now=LATER)


def test_removing_a_tag_is_undone_for_those_who_had_it(app: Flask) -> None:
    with transaction():
        everyone = ten()
        tag = a_tag()
        db.session.add_all(
            SubscriberTag(tag_id=tag.id, subscriber_id=one.id) for one in everyone[4:]
        )
    run = carried_out(to_tag(tag, "untag"), Selection(search=Search(tag_id=tag.id)))
    assert (tagged(tag.id), run.outcomes) == ([], {"changed": 6})
    undone(run)
    assert tagged(tag.id) == [f"p{number}" for number in range(4, 10)]


# --- lists


def consents(list_id: int) -> list[tuple[str, str, str]]:
    rows = db.session.execute(
        sa.select(ConsentEvent.kind, ConsentEvent.channel, ConsentEvent.wording)
        .where(ConsentEvent.list_id == list_id)
        .order_by(ConsentEvent.id)
    )
    return [(kind, channel, wording) for kind, channel, wording in rows]


def test_subscribing_follows_the_rules_of_consent_and_is_undone(app: Flask) -> None:
    with transaction():
        news, tips = a_list("News"), a_list("Tips")
        for name in ("new1", "new2", "leaver"):
            a_subscriber(f"{name}@example.org", tips)
        a_subscriber("already@example.org", news, tips)
        a_subscriber("pending@example.org", news, state="pending")
        left = a_subscriber("left@example.org", news)
        removed = a_subscriber("removed@example.org", news)
        a_subscriber("blocked@example.org", tips)
        subscriptions.unsubscribe([news.id], left.id, ConsentEvidence("page", NOW))
        subscriptions.unsubscribe([news.id], removed.id, ConsentEvidence("manual", NOW))
        suppressions.suppress("blocked@example.org", reason="manual", source="t", now=NOW)
    run = carried_out(to_list(news))
    assert run.outcomes == {"changed": 5, "already": 1, "left_themselves": 1, "suppressed": 1}
    assert states(news.id) == {
        "new1": "subscribed", "new2": "subscribed", "leaver": "subscribed",
        "already": "subscribed", "pending": "subscribed", "removed": "subscribed",
        "left": "unsubscribed",
    }  # fmt: skip
    assert consents(news.id)[-1] == ("subscribed", "manual", "By owner@example.org")
    leaver = db.session.scalars(
        sa.select(Subscriber.id).where(Subscriber.address == "leaver@example.org")
    ).one()
    with transaction():
        subscriptions.unsubscribe([news.id], leaver, ConsentEvidence("one_click", LATER))
    assert undone(run).outcomes == {"changed": 4, "changed_since": 1}
    assert states(news.id) == {
        "already": "subscribed", "pending": "pending", "removed": "unsubscribed",
        "left": "unsubscribed", "leaver": "unsubscribed",
    }  # fmt: skip
    assert consents(news.id)[-4:] == [("unsubscribed", "manual", "By owner@example.org")] * 4


def test_undoing_a_removal_never_subscribes_anyone_who_left_since(app: Flask) -> None:
    with transaction():
        news = a_list()
        stays = a_subscriber("stays@example.org", news)
        leaves = a_subscriber("leaves@example.org", news)
        a_subscriber("complains@example.org", news)
        a_subscriber("pending@example.org", news, state="pending")
        a_subscriber("off@example.org", news, state="unsubscribed")
        before = db.session.get_one(Subscription, (news.id, stays.id)).state_at
    run = carried_out(to_list(news, "unsubscribe"))
    assert run.outcomes == {"changed": 4, "already": 1}
    assert set(states(news.id).values()) == {"unsubscribed"}
    with transaction():
        subscriptions.unsubscribe([news.id], leaves.id, ConsentEvidence("page", LATER))
        suppressions.suppress("complains@example.org", reason="complaint", source="t", now=LATER)
    assert undone(run).outcomes == {"changed": 2, "left_themselves": 1, "suppressed": 1}
    assert states(news.id) == {
        "stays": "subscribed", "leaves": "unsubscribed", "complains": "unsubscribed",
        "pending": "pending", "off": "unsubscribed",
    }  # fmt: skip
    db.session.rollback()
    assert (
        db.session.get_one(Subscription, (news.id, stays.id), populate_existing=True).state_at
        == before
    )
    kinds = [kind for kind, _, _ in consents(news.id)]
    assert (kinds.count("subscribed"), kinds.count("requested")) == (1, 1)


# --- suppressing, erasing, fields


def test_suppressing_is_undone_for_those_it_suppressed(app: Flask) -> None:
    with transaction():
        ten()
        suppressions.suppress("p0@example.org", reason="hard_bounce", source="t", now=NOW)
    run = carried_out(BulkAction("suppress", {}))
    assert run.outcomes == {"changed": 9, "already": 1}
    assert suppressions.is_suppressed("p9@example.org")
    with transaction():
        suppressions.suppress("p2@example.org", reason="complaint", source="t", now=LATER)
        suppressions.lift("p1@example.org", by="o@example.org", now=LATER)
        suppressions.suppress("p1@example.org", reason="complaint", source="t", now=LATER)
    assert undone(run).outcomes == {"changed": 7, "changed_since": 2}
    for number in range(3):
        assert suppressions.is_suppressed(f"p{number}@example.org")
    assert not suppressions.is_suppressed("p3@example.org")


def test_erasing_is_counted_and_cannot_be_undone(app: Flask) -> None:
    with transaction():
        ten()
        a_subscriber("stays@other.example")
    run = carried_out(BulkAction("erase", {}), Selection(search=Search("@example.org")))
    assert run.outcomes == {"changed": 10}
    assert db.session.scalars(sa.select(Subscriber.address)).all() == ["stays@other.example"]
    with transaction(), pytest.raises(BulkError, match="no_undo"):
        runs.undo(run.id, OWNER, now=LATER)


def test_setting_a_field_ends_when_its_key_is_changed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHUNK", 1)
    with transaction():
        field = a_field("City")
        subscribers(["a@example.org", "b@example.org"])
    action = BulkAction("set_field", {"field": "city", "label": "City", "value": "Ulm"})
    run_id = started(action)
    assert one_slice(run_id)
    with transaction():
        before = definitions.rename_key(field.id, "town", now=LATER)
        moving = changes.start_rename(db.session.get_one(Field, field.id), before, now=LATER).id
    with pytest.raises(BulkError, match=r"bulk\.field_changed"):
        one_slice(run_id)
    with transaction():
        changes.carry_on(moving, now=LATER)
    found = db.session.scalars(sa.select(Subscriber.attributes).order_by(Subscriber.id)).all()
    assert found == [{"town": "Ulm"}, {}]
    with pytest.raises(BulkError, match=r"bulk\.field_changed"):
        one_slice(run_id)


@pytest.mark.parametrize("value", ["Köln", 7, True, ["a", "b"]])
def test_setting_a_field_keeps_the_old_value_for_the_undo(app: Flask, value: Any) -> None:
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm", "x": 1})
        a_subscriber("b@example.org", attributes={"x": None})
        a_subscriber("c@example.org", attributes={"city": value})
        full = {f"f{number}": "x" for number in range(100)}
        a_subscriber("full@example.org", attributes=full)
        late = a_subscriber("late@example.org")
    run = carried_out(BulkAction("set_field", {"field": "city", "label": "City", "value": value}))
    assert run.outcomes == {"changed": 3, "already": 1, "too_many_values": 1}

    def attributes() -> list[dict[str, Any]]:
        db.session.rollback()
        found = sa.select(Subscriber.attributes).order_by(Subscriber.id)
        return list(db.session.scalars(found))

    assert attributes()[:3] == [
        {"city": value, "x": 1},
        {"city": value, "x": None},
        {"city": value},
    ]
    with transaction():
        db.session.get_one(Subscriber, late.id).attributes = {"city": "Bonn"}
    assert undone(run).outcomes == {"changed": 2, "changed_since": 1}
    assert attributes() == [
        {"city": "Ulm", "x": 1}, {"x": None}, {"city": value}, full, {"city": "Bonn"},
    ]  # fmt: skip


def test_clearing_a_field_is_undone(app: Flask) -> None:
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm"})
        a_subscriber("b@example.org")
    run = carried_out(BulkAction("set_field", {"field": "city", "label": "City", "value": None}))
    assert run.outcomes == {"changed": 1, "already": 1}
    assert db.session.scalars(sa.select(Subscriber.attributes)).all() == [{}, {}]
    undone(run)
    db.session.rollback()
    found = sa.select(Subscriber.attributes).order_by(Subscriber.id)
    assert db.session.scalars(found).all() == [{"city": "Ulm"}, {}]


def test_erased_people_leave_no_trace_in_the_undo_of_others(app: Flask) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org", attributes={"city": "Ulm"})
        a_subscriber("bob@example.org")
    run = carried_out(BulkAction("set_field", {"field": "city", "label": "City", "value": "Bonn"}))
    with transaction():
        people.delete([ann.id])
    assert len(db.session.scalars(sa.select(BulkChange)).all()) == 1
    assert undone(run).outcomes == {"changed": 1}


def test_what_is_kept_for_an_undo_is_deleted_after_its_time(app: Flask) -> None:
    with transaction():
        ten()
        tag = a_tag()
    run = carried_out(to_tag(tag))
    end = NOW + runs.UNDO_TIME
    assert runs.can_undo(run, now=end - timedelta(seconds=1))
    assert not runs.is_any_outdated(now=end - timedelta(seconds=1))
    assert not runs.can_undo(run, now=end)
    assert runs.is_any_outdated(now=end)
    with transaction():
        assert runs.forget(now=end) == 10
    assert not runs.is_any_outdated(now=end)
