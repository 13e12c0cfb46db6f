"""Rules that refer to something: a cycle is refused, and what was deleted never means everyone."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.fields.models import Field
from campaigns.audience.models import AudienceList, ImportRun, Subscriber, Tag
from campaigns.audience.segments import compile as compiler
from campaigns.audience.segments import members, references, saved, tree
from campaigns.audience.segments.comparing import MAX_PARTS
from campaigns.audience.segments.explain import explain
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.references import MAX_LEAVES, MAX_REFERENCES, MAX_TEXTS
from campaigns.audience.segments.tree import RulesError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import Base, db, transaction
from tests.factories import a_campaign, a_list, a_subscriber

NOW = utcnow()


def group(*rules: dict[str, Any]) -> tree.Group:
    return tree.parse({"version": 1, "root": {"kind": "all", "rules": list(rules)}})


def within(segment: Segment) -> dict[str, Any]:
    return {"kind": "segment", "op": "in", "segment": segment.id}


def create(name: str, *rules: dict[str, Any]) -> Segment:
    return saved.create(name, group(*rules), now=NOW)


def change(segment: Segment, *rules: dict[str, Any]) -> int:
    return saved.change(segment.id, 1, name=segment.name, root=group(*rules), now=NOW)


def code_of(root: tree.Group) -> tuple[str, str]:
    """The code and the path of the refusal, the same for each way of using rules."""
    context = members.context_at(NOW)
    found = set()
    for use in (
        lambda: compiler.condition(root, context),
        lambda: members.count(root, context),
        lambda: members.sample(root, context),
        lambda: members.page(root, context),
        lambda: members.by_mailbox_provider(root, context),
        lambda: explain(root, 1, context),
    ):
        with pytest.raises(RulesError) as refusal:
            use()
        found.add((refusal.value.reason.code, refusal.value.field))
    assert len(found) == 1
    return found.pop()


# --- Cycles


def test_a_segment_that_would_refer_to_itself_is_refused_with_the_path(app: Flask) -> None:
    with transaction():
        first = create("First")
        second = create("Second", within(first))
        third = create("Third", within(second))
    with pytest.raises(saved.SegmentError) as refusal, transaction():
        change(first, {"kind": "suppressed"}, within(third))
    assert refusal.value.reason.code == "segments.cycle"
    assert refusal.value.reason.params["path"] == "First → Third → Second → First"
    assert db.session.get_one(Segment, first.id).version == 1, "nothing was saved"
    with pytest.raises(saved.SegmentError) as refusal, transaction():
        change(first, within(first))
    assert refusal.value.reason.params["path"] == "First → First"


def test_of_two_edits_at_once_that_make_a_cycle_together_one_is_refused(app: Flask) -> None:
    with transaction():
        first, second = create("First").id, create("Second").id
    is_changed = Event()
    codes: list[str] = []

    def refer(segment: int, name: str, other: int) -> None:
        root = group({"kind": "segment", "segment": other})
        saved.change(segment, 1, name=name, root=root, now=NOW)

    def edit_the_second() -> None:
        with app.app_context():
            is_changed.wait(5)
            try:
                with transaction():
                    refer(second, "Second", first)
            except saved.SegmentError as error:
                codes.append(error.reason.code)

    other = Thread(target=edit_the_second)
    other.start()
    with transaction():
        refer(first, "First", second)
        is_changed.set()
        other.join(0.3)
        assert other.is_alive(), "the second edit waits for the first"
    other.join(10)
    assert codes == ["segments.cycle"]


def test_a_stored_cycle_is_refused_when_it_is_used(app: Flask) -> None:
    with transaction():
        a_subscriber()
        first = create("First")
        second = create("Second", within(first))
        db.session.execute(
            sa.update(Segment)
            .where(Segment.id == first.id)
            .values(rules=tree.stored(group(within(second))))
        )
    assert code_of(group(within(first))) == ("segments.refers_to_itself", "0")


def test_long_chains_and_very_many_rules_are_refused(app: Flask) -> None:
    with transaction():
        a_subscriber()
        last = create("0", {"kind": "suppressed", "op": "is_not"})
        for number in range(1, MAX_REFERENCES):
            last = create(str(number), within(last))
        longest = group(within(last))
        too_long = create("too long", within(last))
        wide = create("wide", *[{"kind": "suppressed"}] * 100)
    assert members.count(longest, members.context_at(NOW)).people == 1
    assert code_of(group(within(too_long))) == ("segments.too_many_references", "0")
    rules = [within(wide)] * (MAX_LEAVES // 100 + 1)
    assert code_of(group(*rules))[0] == "segments.too_many_rules_in_all"


def test_rules_as_deep_and_as_many_as_allowed_can_be_counted(app: Flask) -> None:
    with transaction():
        a_subscriber(attributes={"city": "Berlin"})
        last = None
        for number in range(MAX_REFERENCES):
            leaf = within(last) if last else {"kind": "field", "key": "city", "op": "no_value"}
            inner: dict[str, Any] = leaf
            for _ in range(tree.MAX_DEPTH - 1):
                inner = {"kind": "none", "rules": [inner]}
            last = create(str(number), inner)
        searching = {"kind": "field", "key": "city", "op": "contains"}
        texts = [{**searching, "values": [f"ü{n}" for n in range(MAX_PARTS)]}] * (
            MAX_TEXTS // MAX_PARTS
        )
        many = [{"kind": "field", "key": "city", "op": "is", "values": ["Bern"]}] * 70
    context = members.context_at(NOW)
    assert last is not None
    assert members.count(group(within(last)), context).people in {0, 1}
    assert members.count(group(*texts, *many, within(last)), context).people == 0
    more = group(*texts, {**searching, "values": ["x"]})
    assert code_of(more) == ("segments.too_many_texts_in_all", str(len(texts)))


# --- What was deleted


@pytest.mark.parametrize(
    ("model", "rule", "code"),
    [
        (AudienceList, {"kind": "list", "op": "is_not", "list": 0}, "segments.deleted_list"),
        (AudienceList, {"kind": "consent", "op": "has_not", "list": 0}, "segments.deleted_list"),
        (Tag, {"kind": "tag", "op": "has_none", "tags": [0]}, "segments.deleted_tag"),
        (ImportRun, {"kind": "import", "op": "is_not", "import": 0}, "segments.deleted_import"),
        (Campaign, {"kind": "opened", "n": 0, "campaigns": [0]}, "segments.deleted_campaign"),
        (Segment, {"kind": "segment", "op": "not_in", "segment": 0}, "segments.deleted_segment"),
    ],
)
def test_a_rule_about_something_deleted_is_refused_when_it_is_used(
    app: Flask, model: type[Base], rule: dict[str, Any], code: str
) -> None:
    with transaction():
        a_subscriber()
        news = a_list()
        makers: dict[Any, Callable[[], Any]] = {
            AudienceList: lambda: news,
            Tag: lambda: Tag(name="vip", name_normal="vip"),
            ImportRun: lambda: ImportRun(list_id=news.id, file_name="a", path=""),
            Campaign: lambda: a_campaign(news),
            Segment: lambda: create("Gone", {"kind": "suppressed"}),
        }
        made = makers[model]()
        db.session.add(made)
        db.session.flush()
        key: int = made.id
        names = {"list", "import", "segment"} & rule.keys()
        filled = {**rule, **dict.fromkeys(names, key)}
        filled |= {name: [key] for name in ("tags", "campaigns") if name in rule}
        root = group({"kind": "suppressed", "op": "is_not"}, filled)
        outer = create("Outer", filled)
        assert members.count(root, members.context_at(NOW)).people == 1
    with transaction():
        db.session.execute(sa.delete(model).where(model.__table__.c.id == key))
    assert code_of(root) == (code, "1")
    assert code_of(group(within(outer))) == (code, "0"), "also through another segment"


def test_a_rule_about_a_deleted_field_is_refused_unless_it_is_an_attribute(app: Flask) -> None:
    with transaction():
        person = a_subscriber(attributes={"city": "Berlin"})
        db.session.add(Field(key="city", label="City", type="text"))
    root = group({"kind": "field", "key": "city", "op": "is_not", "values": ["Paris"]})
    assert members.count(root, members.context_at(NOW)).people == 1
    with transaction():
        db.session.execute(sa.delete(Field))
    assert members.count(root, members.context_at(NOW)).people == 1, "an attribute is left"
    with transaction():
        db.session.get_one(Subscriber, person.id).attributes = {}
    assert code_of(root) == ("segments.field_gone", "0")


def test_a_rule_that_does_not_fit_the_type_of_its_field_any_more_is_refused(app: Flask) -> None:
    with transaction():
        a_subscriber()
        db.session.add(Field(key="amount", label="Amount", type="number"))
    less = {"kind": "field", "key": "amount", "op": "less", "values": [3]}
    words = {**less, "values": ["'; DROP TABLE subscriber"]}
    assert code_of(group(words)) == ("segments.not_a_number", "0")
    with transaction():
        db.session.execute(sa.update(Field).values(type="text"))
    assert code_of(group(less)) == ("segments.operator_does_not_fit", "0")


# --- Uses


def test_a_segment_that_another_one_uses_is_not_deleted(app: Flask) -> None:
    with transaction():
        inner = create("Inner")
        outer = create("Outer", within(inner))
    assert [one.name for one in references.segments_using(Use("segment", inner.id))] == ["Outer"]
    with pytest.raises(saved.SegmentError) as refusal, transaction():
        saved.delete(inner.id)
    assert refusal.value.reason.code == "segments.used_by_segments"
    assert refusal.value.reason.params == {"names": "Outer"}
    with transaction():
        saved.delete(outer.id)
        saved.delete(inner.id)
    assert not saved.choices()


def test_an_edit_on_top_of_an_older_version_is_a_conflict(app: Flask) -> None:
    with transaction():
        segment = create("First")
        assert change(segment, {"kind": "suppressed"}) == 2
    with pytest.raises(saved.SegmentConflictError), transaction():
        change(segment, {"kind": "suppressed", "op": "is_not"})
    stored = db.session.get_one(Segment, segment.id)
    assert (stored.version, stored.rules["root"]["rules"][0]["op"]) == (2, "is")
