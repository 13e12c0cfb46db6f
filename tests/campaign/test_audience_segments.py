"""Segments in the audience of a campaign: lists permit, segments narrow, and every sum adds up."""

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.fields import changes, definitions, uses
from campaigns.audience.fields.models import Field
from campaigns.audience.models import (
    AudienceList,
    Subscriber,
    SubscriberTag,
    Subscription,
    Suppression,
    Tag,
)
from campaigns.audience.segments import saved
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.campaign import audience, drafts, series, usage
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.drafts import Arithmetic, audience_arithmetic
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import claims
from campaigns.delivery.expand import expand
from campaigns.privacy import erasure
from tests.factories import (
    a_campaign,
    a_field,
    a_list,
    a_segment,
    a_series,
    a_subscriber,
    subscribers,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _tagged(name: str, *people: Subscriber) -> Segment:
    """A segment of the people with a tag of this name."""
    tag = Tag(name=name, name_normal=name)
    db.session.add(tag)
    db.session.flush()
    db.session.add_all(
        SubscriberTag(tag_id=tag.id, subscriber_id=person.id, tagged_at=NOW) for person in people
    )
    return a_segment(name, {"kind": "tag", "op": "has_any", "tags": [tag.id]})


def _found(campaign: Campaign) -> list[str]:
    rows = db.session.execute(audience.audience(audience.scope_of(campaign.id, now=NOW))).all()
    names = sorted(row.address.partition("@")[0] for row in rows)
    assert names == sorted(set(names)), "everyone once"
    return names


def _sums(campaign: Campaign) -> Arithmetic:
    found = audience_arithmetic(campaign.id, now=NOW)
    lost = found.duplicates + found.not_subscribed + found.excluded + found.suppressed
    assert found.matched - lost == found.recipients
    assert found.recipients + found.suppressed == len(_found(campaign))
    return found


def _people(news: AudienceList) -> dict[str, Subscriber]:
    """Ann, Ben and Cem on the list; Dan not, Eve no longer, Fay suppressed."""
    found = subscribers([f"{name}@example.org" for name in ("ann", "ben", "cem", "fay")], news)
    others = [
        a_subscriber("dan@example.org"),
        a_subscriber("eve@example.org", news, state="unsubscribed"),
    ]
    db.session.add(Suppression(address_normal="fay@example.org"))
    return {person.address.partition("@")[0]: person for person in [*found, *others]}


def test_a_segment_reaches_only_people_who_are_subscribed_to_a_list(app: Flask) -> None:
    with transaction():
        news = a_list()
        ann, ben, _cem, fay, dan, eve = _people(news).values()
        campaign = a_campaign(news, segments=(_tagged("vip", ann, ben, fay, dan, eve),))
    assert _found(campaign) == ["ann", "ben", "fay"]
    assert _sums(campaign) == Arithmetic(matched=5, not_subscribed=2, suppressed=1, recipients=2)


def test_a_segment_without_a_list_reaches_nobody(app: Flask) -> None:
    with transaction():
        people = _people(a_list())
        campaign = a_campaign(segments=(_tagged("vip", *people.values()),))
    assert _found(campaign) == []
    assert _sums(campaign) == Arithmetic(matched=6, not_subscribed=6)


def test_people_in_several_segments_are_counted_once(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        people = _people(news)
        a_subscriber("gus@example.org", news, offers)
        first = _tagged("first", people["ann"], people["ben"])
        second = _tagged("second", people["ben"], people["cem"], people["dan"])
        campaign = a_campaign(news, offers, segments=(first, second))
    assert _found(campaign) == ["ann", "ben", "cem"]
    assert _sums(campaign) == Arithmetic(matched=5, duplicates=1, not_subscribed=1, recipients=3)


def test_an_excluded_segment_leaves_people_out_without_an_included_one(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        people = _people(news)
        both = a_subscriber("gus@example.org", news, offers)
        out = _tagged("out", people["ben"], people["dan"], people["fay"], both)
        campaign = a_campaign(news, offers, excluded_segments=(out,))
    assert _found(campaign) == ["ann", "cem"]
    assert _sums(campaign) == Arithmetic(matched=6, duplicates=1, excluded=3, recipients=2)


def test_excluded_lists_and_segments_both_leave_people_out(app: Flask) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        people = _people(news)
        boss = a_subscriber("boss@example.org", news, staff)
        vip = _tagged("vip", *people.values(), boss)
        campaign = a_campaign(
            news,
            excluded=(staff,),
            segments=(vip,),
            excluded_segments=(_tagged("out", people["ann"], boss),),
        )
    assert _found(campaign) == ["ben", "cem", "fay"]
    assert _sums(campaign) == Arithmetic(
        matched=7, not_subscribed=2, excluded=2, suppressed=1, recipients=2
    )


def test_a_rule_about_another_list_narrows_and_does_not_permit(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        a_subscriber("both@example.org", news, offers)
        a_subscriber("news@example.org", news)
        a_subscriber("offers@example.org", offers)
        buyers = a_segment("Buyers", {"kind": "list", "op": "is", "list": offers.id})
        campaign = a_campaign(news, segments=(buyers,))
    assert _found(campaign) == ["both"]
    assert _sums(campaign) == Arithmetic(matched=2, not_subscribed=1, recipients=1)


def test_the_sample_contains_only_people_of_the_segment(app: Flask) -> None:
    with transaction():
        news = a_list()
        people = _people(news)
        vip = _tagged("vip", people["ann"], people["ben"], people["dan"])
        campaign = a_campaign(
            news, segments=(vip,), excluded_segments=(_tagged("out", people["ben"]),)
        )
    scope = audience.scope_of(campaign.id, now=NOW)
    found = db.session.scalars(audience.sample(scope, limit=10)).all()
    assert [person.address for person in found] == ["ann@example.org"]


@pytest.mark.parametrize("seed", range(12))
def test_every_audience_adds_up_and_is_what_plain_python_finds(app: Flask, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    with transaction():
        lists = [a_list(f"List {number}") for number in range(3)]
        people = subscribers([f"p{number}@example.org" for number in range(24)])
        on_list, tagged = [], []
        for entry in lists:
            some = dice.sample(people, dice.randrange(18))
            on_list.append({person.address for person in some})
            db.session.add_all(
                Subscription(list_id=entry.id, subscriber_id=person.id, state="subscribed")
                for person in some
            )
        segments = []
        for number in range(4):
            some = dice.sample(people, dice.randrange(24))
            tagged.append({person.address for person in some})
            segments.append(_tagged(f"tag{number}", *some))
        gone = {person.address for person in dice.sample(people, 4)}
        db.session.add_all(Suppression(address_normal=address) for address in sorted(gone))
        ins, outs = dice.randrange(3), dice.randrange(3)
        list_ins = dice.randrange(1, 3)
        campaign = a_campaign(
            *lists[:list_ins],
            excluded=tuple(lists[2:][: dice.randrange(2)]),
            segments=tuple(segments[:ins]),
            excluded_segments=tuple(segments[2:][:outs]),
        )
        excluded_lists = drafts.chosen_audience(campaign.id).excluded_lists
    permitted = set().union(*on_list[:list_ins])
    narrowed = permitted & set().union(*tagged[:ins]) if ins else permitted
    left_out = set().union(*tagged[2:][:outs], *(on_list[2:] if excluded_lists else ()))
    expected = narrowed - left_out
    assert _found(campaign) == sorted(address.partition("@")[0] for address in expected)
    sums = _sums(campaign)
    assert sums.matched == sum(map(len, tagged[:ins] if ins else on_list[:list_ins]))
    assert sums.excluded == len(narrowed & left_out)
    assert sums.recipients == len(expected - gone)


# --- broken segments ---------------------------------------------------------------------------


def _break(segment: Segment, **rules: object) -> None:
    with transaction():
        db.session.execute(
            sa.update(Segment).where(Segment.id == segment.id).values(rules=dict(rules))
        )


def _problem(campaign: Campaign) -> str:
    """The code of the problem; nothing is counted, and nobody is selected."""
    found = audience_arithmetic(campaign.id, now=NOW)
    assert found.problem is not None
    assert found == Arithmetic(problem=found.problem)
    with pytest.raises(AudienceError) as raised:
        audience.scope_of(campaign.id, now=NOW)
    assert raised.value.reason == found.problem
    return found.problem.code


@pytest.mark.parametrize("is_excluded", [False, True])
def test_a_deleted_segment_is_a_problem_and_never_everyone(app: Flask, is_excluded: bool) -> None:
    with transaction():
        news = a_list()
        segment = _tagged("vip", _people(news)["ann"])
        chosen = (segment,)
        campaign = a_campaign(
            news,
            segments=() if is_excluded else chosen,
            excluded_segments=chosen if is_excluded else (),
        )
    with transaction():
        saved.delete(segment.id)
    assert _problem(campaign) == "preflight.segment_deleted"
    with transaction():
        copy = drafts.duplicate(campaign.id, editor_id=None, now=NOW)
    assert _problem(copy) == "preflight.segment_deleted", "a copy does not go to everyone either"


def test_a_segment_of_a_newer_version_is_a_problem(app: Flask) -> None:
    with transaction():
        news = a_list()
        segment = _tagged("vip", _people(news)["ann"])
        campaign = a_campaign(news, segments=(segment,))
    _break(segment, version=2, root={"kind": "all", "rules": []})
    assert _problem(campaign) == "preflight.segment_unusable"


def test_a_segment_that_refers_to_something_deleted_is_a_problem(app: Flask) -> None:
    with transaction():
        news, gone = a_list("News"), a_list("Gone")
        _people(news)
        inner = a_segment("Inner", {"kind": "list", "op": "is_not", "list": gone.id})
        campaign = a_campaign(news, segments=(inner,))
    assert _found(campaign) == ["ann", "ben", "cem", "fay"]
    with transaction():
        db.session.execute(sa.delete(AudienceList).where(AudienceList.id == gone.id))
    assert _problem(campaign) == "preflight.segment_unusable"


def test_segments_that_refer_to_each_other_are_a_problem(app: Flask) -> None:
    with transaction():
        news = a_list()
        segment = _tagged("vip", _people(news)["ann"])
        campaign = a_campaign(news, segments=(segment,))
    rule = {"kind": "segment", "op": "not_in", "segment": segment.id}
    _break(segment, version=1, root={"kind": "all", "rules": [rule]})
    assert _problem(campaign) == "preflight.segment_unusable"


# --- freezing -----------------------------------------------------------------------------------


def _freeze(campaign: Campaign) -> list[str]:
    with transaction():
        assert expand(campaign.id, links=(), now=NOW)
    rows = db.session.execute(
        sa.select(Delivery.address, Delivery.status).where(Delivery.campaign_id == campaign.id)
    )
    return sorted(f"{row.address.partition('@')[0]} {row.status}" for row in rows)


def test_the_frozen_audience_and_its_figures_are_those_of_the_review(app: Flask) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        people = _people(news)
        boss = a_subscriber("boss@example.org", news, staff)
        campaign = a_campaign(
            news,
            excluded=(staff,),
            segments=(_tagged("vip", *people.values(), boss), _tagged("new", people["ann"])),
            excluded_segments=(_tagged("out", people["ben"]),),
            status="preparing",
        )
    shown = _sums(campaign)
    assert _freeze(campaign) == ["ann queued", "cem queued", "fay skipped"]
    found = db.session.get_one(Campaign, campaign.id, populate_existing=True)
    assert (found.matched, found.duplicates, found.not_subscribed, found.excluded) == (8, 1, 2, 2)
    assert (shown.matched, shown.duplicates, shown.not_subscribed, shown.excluded) == (8, 1, 2, 2)
    assert found.audience == shown.recipients + shown.suppressed == 3


def test_a_segment_is_evaluated_when_the_audience_is_frozen_and_not_later(app: Flask) -> None:
    with transaction():
        news = a_list()
        people = _people(news)
        segment = _tagged("vip", people["ann"], people["ben"])
        campaign = a_campaign(news, segments=(segment,), status="preparing")
    assert _sums(campaign).recipients == 2
    with transaction():  # after the review, Ben is erased and Cem gets the tag
        erasure.erase([people["ben"].id])
        tag_id = db.session.scalars(sa.select(Tag.id)).one()
        cem = people["cem"].id
        db.session.add(SubscriberTag(tag_id=tag_id, subscriber_id=cem, tagged_at=NOW))
    assert _freeze(campaign) == ["ann queued", "cem queued"]
    with transaction():
        db.session.execute(sa.delete(SubscriberTag))
    lease = timedelta(minutes=1)
    with transaction():
        claimed = claims.claim(campaign.id, {"other": 10}, token="t", lease=lease, now=NOW)
    assert sorted(one.address for one in claimed.recipients) == [
        "ann@example.org",
        "cem@example.org",
    ]


def test_nothing_is_written_for_a_broken_segment(app: Flask) -> None:
    with transaction():
        news = a_list()
        segment = _tagged("vip", _people(news)["ann"])
        campaign = a_campaign(news, segments=(segment,), status="preparing")
    _break(segment, version=2, root={"kind": "all", "rules": []})
    with pytest.raises(AudienceError), transaction():
        expand(campaign.id, links=(), now=NOW)
    assert db.session.scalar(sa.select(sa.func.count(Delivery.id))) == 0


def test_a_campaign_waits_while_the_values_of_a_field_are_moved(app: Flask) -> None:
    with transaction():
        news = a_list()
        field = a_field("City")
        a_subscriber("ann@example.org", news, attributes={"city": "Ulm"})
        a_subscriber("ben@example.org", news, attributes={"city": "Bonn"})
        rule = {"kind": "field", "key": "city", "op": "is_not", "values": ["Ulm"]}
        inner = a_segment("Elsewhere", rule)
        outer = a_segment("Outer", {"kind": "segment", "segment": inner.id})
        campaign = a_campaign(news, segments=(outer,), status="preparing")
    with transaction():
        before = definitions.rename_key(field.id, "town", now=NOW)
        uses.rename_in_segments(before, "town", now=NOW)
        moving = changes.start_rename(db.session.get_one(Field, field.id), before, now=NOW).id
    # Nobody has a town yet, so "is not" would hold for everyone.
    with pytest.raises(AudienceError) as raised, transaction():
        expand(campaign.id, links=(), now=NOW)
    assert raised.value.is_temporary
    with transaction():
        changes.carry_on(moving, now=NOW)
    assert _freeze(campaign) == ["ben queued"]


# --- copies and deletion ------------------------------------------------------------------------


def test_occurrences_and_copies_have_the_same_segments(app: Flask) -> None:
    with transaction():
        news = a_list()
        people = _people(news)
        vip, out = _tagged("vip", people["ann"], people["ben"]), _tagged("out", people["ben"])
        found = a_series(news, segments=(vip,), excluded_segments=(out,))
    with transaction():
        found.next_run_at = utcnow() - timedelta(minutes=1)
    with transaction():
        made = series.advance(found.id, overdue=timedelta(days=1), now=utcnow())
    assert made is not None
    assert made.campaign is not None
    assert drafts.chosen_audience(made.campaign.id) == drafts.ChosenAudience(
        lists=frozenset({news.id}),
        segments=frozenset({vip.id}),
        excluded_segments=frozenset({out.id}),
    )
    with transaction():  # each occurrence counts anew
        tag_id = db.session.scalars(sa.select(Tag.id).where(Tag.name == "vip")).one()
        cem = people["cem"].id
        db.session.add(SubscriberTag(tag_id=tag_id, subscriber_id=cem, tagged_at=NOW))
    assert _found(made.campaign) == ["ann", "cem"]


def test_what_scheduled_and_recurring_campaigns_need_is_named(app: Flask) -> None:
    with transaction():
        news, offers, free = a_list("News"), a_list("Offers"), a_list("Free")
        inner = a_segment("Inner", {"kind": "list", "op": "is", "list": offers.id})
        outer = a_segment("Outer", {"kind": "list", "op": "is_not", "list": news.id})
        a_campaign(news, segments=(inner,), name="May", status="scheduled")
        a_campaign(news, excluded_segments=(inner, outer), name="Sent", status="sent")
        a_campaign(news, segments=(outer,), name="Draft")
        found = a_series(news, excluded_segments=(inner,), name="Weekly")
    assert usage.campaigns_by_segment([inner.id, outer.id]) == {inner.id: ["May", "Weekly"]}
    assert usage.campaigns_using(Use("segment", inner.id)) == ["May", "Weekly"]
    assert usage.campaigns_using(Use("list", offers.id)) == ["May", "Weekly"]
    assert usage.campaigns_using(Use("list", news.id)) == ["May", "Weekly"]
    assert usage.campaigns_using(Use("list", free.id)) == []
    with transaction():
        series.end(found.id, now=utcnow())
    assert usage.campaigns_using(Use("list", offers.id)) == ["May"]
