"""Write the people of a chunk to the database, in a handful of statements.

An import never brings back anyone who unsubscribed, never confirms a pending subscription, and
never adds a suppressed address to a list. Such rows fail with the reason, and change nothing.
"""

import secrets
import string
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from campaigns.audience import subscriptions, suppressions, tags
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.imports.reader import CsvRow
from campaigns.audience.imports.rows import Person
from campaigns.audience.models import (
    ConsentEvent,
    ImportRun,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.audience.subscribers import Names, joined_name
from campaigns.db import db, insert_ignoring, rows_given
from campaigns.reason import Reason

_SUPPRESSED_PROBLEMS = {
    "manual": Reason("import_row.suppressed_manual"),
    "complaint": Reason("import_row.suppressed_complaint"),
    "hard_bounce": Reason("import_row.suppressed_hard_bounce"),
    "erased": Reason("import_row.suppressed_erased"),
}
_UNSUBSCRIBED_PROBLEM = Reason("import_row.unsubscribed")
_PENDING_PROBLEM = Reason("import_row.pending")


@dataclass(slots=True)
class _Known:
    """A person of this chunk who is in the database."""

    id: int
    name: str
    first_name: str
    last_name: str
    attributes: dict[str, Any]
    tags: frozenset[str] = frozenset()
    """Their tags in the database, as normal forms; read if the file has tags."""
    new_tags: dict[str, str] = field(default_factory=dict)
    """Names of tags to add, by their normal form."""

    @classmethod
    def of(cls, person: Person) -> "_Known":
        """Return a person as their first row says."""
        names = person.names
        one = cls(0, names.whole, names.first, names.last, dict(person.attributes))
        one.new_tags = dict(person.tags)
        return one

    def columns(self) -> dict[str, Any]:
        """Return what rows can change."""
        return {
            "name": self.name,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "attributes": self.attributes,
        }


SUBSCRIBED = ("subscribed", "")
_STRICTNESS = ("subscribed", "pending", "unsubscribed").index


def _strictest(group: Sequence[Person]) -> tuple[str, str]:
    """Return the strictest state and suppression of a person with several rows."""
    if len(group) == 1:
        return group[0].state, group[0].suppression
    state = max((person.state for person in group), key=_STRICTNESS)
    return state, next((person.suppression for person in group if person.suppression), "")


class _HeldBack(NamedTuple):
    """A person whom the file does not subscribe; `place` is their current state."""

    id: int
    normal: str
    place: str | None
    state: str
    reason: str


@dataclass
class Merge:
    """Writes the people of one chunk to the database."""

    run: ImportRun
    list_id: int
    now: datetime
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    unsubscribed: int = 0
    pending: int = 0
    suppressed: int = 0
    skipped: int = 0
    problems: list[tuple[CsvRow, Reason]] = field(default_factory=list)

    def take(self, people: Sequence[Person]) -> None:
        """Write a slice of rows; counts them and collects problems."""
        groups: dict[str, list[Person]] = {}
        for person in people:
            if person.state == "skip":
                self.skipped += 1
            else:
                groups.setdefault(person.address.normal, []).append(person)
        if not groups:
            return
        # Always in the same order, so that two imports at once cannot deadlock.
        groups = dict(sorted(groups.items()))
        self._refuse_suppressed(groups)
        known = _known(groups)
        new = {
            normal: self._merged(group) for normal, group in groups.items() if normal not in known
        }
        fresh = _add([_row(groups[normal][0], one) for normal, one in new.items()], self.now)
        lost = [normal for normal in groups if normal not in known and normal not in fresh]
        known |= _known(lost)  # added concurrently
        if any(person.tags for person in people):
            _read_tags(known.values())
        places = _places([one.id for one in known.values()], self.list_id)
        to_subscribe: list[int] = []
        held_back: list[_HeldBack] = []
        changes: list[dict[str, Any]] = []
        for normal, group in groups.items():
            status = _strictest(group)
            if status != SUBSCRIBED:
                one = known.get(normal)
                id_ = fresh[normal] if one is None else one.id
                if one is not None and self.run.update_existing and _apply_all(group, one):
                    changes.append({"id": id_, **one.columns()})
                held_back.append(_HeldBack(id_, normal, places.get(id_), *status))
                self._count_held_back(group, *status)
                continue
            if normal in fresh:
                self.added += 1
                to_subscribe.append(fresh[normal])
                self._count_repeats(group)
                continue
            one = known[normal]
            place = places.get(one.id)
            if place in {"unsubscribed", "pending"}:
                is_unsubscribed = place == "unsubscribed"
                self._fail(group, _UNSUBSCRIBED_PROBLEM if is_unsubscribed else _PENDING_PROBLEM)
                continue
            if place is None:
                to_subscribe.append(one.id)
            if self._count_known(group, one, is_new_here=place is None):
                changes.append({"id": one.id, **one.columns()})
        _change(changes, self.now)
        self._tag([(fresh[normal], new[normal]) for normal in fresh])
        self._tag([(one.id, one) for one in known.values()])
        self._subscribe(sorted(to_subscribe))
        self._hold_back(held_back)

    def _refuse_suppressed(self, groups: dict[str, list[Person]]) -> None:
        """Remove suppressed addresses, except those that the file itself suppresses."""
        for normal, reason in _suppressed(groups).items():
            state, own_reason = _strictest(groups[normal])
            if reason == "erased" or not (own_reason or state == "unsubscribed"):
                self._fail(groups.pop(normal), _SUPPRESSED_PROBLEMS[reason])

    def _count_held_back(self, group: Sequence[Person], state: str, reason: str) -> None:
        if reason:
            self.suppressed += len(group)
        elif state == "pending":
            self.pending += len(group)
        else:
            self.unsubscribed += len(group)

    def _hold_back(self, people: Sequence[_HeldBack]) -> None:
        """Record people whom the file marks as not subscribed. A stricter state stays."""
        for state in ("subscribed", "pending", "unsubscribed"):
            self._place([one.id for one in people if one.state == state and not one.place], state)
        # Includes people who were subscribed concurrently.
        leaving = [one.id for one in people if one.state == "unsubscribed"]
        left = subscriptions.end_many(self.list_id, leaving, self.now)
        self._prove(left, "unsubscribed")
        for reason in sorted({one.reason for one in people if one.reason}):
            suppressions.suppress_many(
                [one.normal for one in people if one.reason == reason],
                reason=reason,
                source="import",
                now=self.now,
                note=f"{self.run.file_name}: {self.run.consent_source}".removesuffix(": "),
            )

    def _fail(self, group: Iterable[Person], reason: Reason) -> None:
        self.problems.extend((person.row, reason) for person in group)

    def _merged(self, group: Sequence[Person]) -> _Known:
        """Return a new subscriber, merged with later rows of the same address."""
        one = _Known.of(group[0])
        if self.run.update_existing:
            _apply_all(group[1:], one)
        return one

    def _tag(self, people: Sequence[tuple[int, _Known]]) -> None:
        """Add the new tags of people, by id; an import never removes any."""
        names = {key: name for _, one in people for key, name in one.new_tags.items()}
        if names:
            ids = {tag.name_normal: tag.id for tag in tags.created(names.values(), now=self.now)}
            pairs = [(id_, ids[key]) for id_, one in people for key in one.new_tags]
            tags.add_many(pairs, now=self.now)

    def _count_repeats(self, group: Sequence[Person]) -> None:
        """Count the rows after the one that added a person."""
        if len(group) > 1:
            self._count_known(group[1:], _Known.of(group[0]), is_new_here=False)

    def _count_known(self, group: Sequence[Person], one: _Known, *, is_new_here: bool) -> bool:
        """Count the rows of a known person and apply them to `one`. Returns whether it changed."""
        has_changed = False
        for index, person in enumerate(group):
            differs = self.run.update_existing and _apply(person, one)
            has_changed = has_changed or differs
            if is_new_here and index == 0:
                self.added += 1
            elif differs:
                self.updated += 1
            else:
                self.unchanged += 1
        return has_changed

    def _subscribe(self, subscriber_ids: Sequence[int]) -> None:
        """Subscribe these to the list, each with a proof of consent."""
        done = self._place(subscriber_ids, "subscribed")
        # People who were subscribed concurrently were not added by this import.
        self.added -= len(subscriber_ids) - done
        self.unchanged += len(subscriber_ids) - done

    def _place(self, subscriber_ids: Sequence[int], state: str) -> int:
        """Insert subscriptions in this state; returns how many are new."""
        if not subscriber_ids:
            return 0
        values = {
            "list_id": sa.literal(self.list_id),
            "subscriber_id": Subscriber.id,
            "state": sa.literal(state),
            "state_at": sa.literal(self.now, ConsentEvent.at.type),
            "source": sa.literal("import"),
        }
        chosen = sa.select(*values.values()).where(
            Subscriber.id.in_(_given(subscriber_ids, sa.BigInteger()))
        )
        statement = (
            insert_ignoring(_table(Subscription))
            .from_select(list(values), chosen)
            .returning(Subscription.subscriber_id)
        )
        done = list(db.session.scalars(statement))
        self._prove(done, {"pending": "requested"}.get(state, state))
        return len(done)

    def _prove(self, subscriber_ids: Sequence[int], kind: str) -> None:
        if not subscriber_ids:
            return
        table = _table(ConsentEvent)
        evidence = ConsentEvidence("import", self.now, self.run.consent_source).columns()
        proof = {
            "subscriber_id": Subscriber.id,
            "list_id": sa.literal(self.list_id),
            "kind": sa.literal(kind),
            "import_id": sa.literal(self.run.id),
            **{name: sa.literal(value, table.c[name].type) for name, value in evidence.items()},
        }
        chosen = sa.select(*proof.values()).where(
            Subscriber.id.in_(_given(subscriber_ids, sa.BigInteger()))
        )
        db.session.execute(sa.insert(table).from_select(list(proof), chosen))


def _apply(person: Person, one: _Known) -> bool:
    """Apply a row to `one`, except for empty cells. Returns whether anything changed."""
    changed = _apply_names(person.names, one)
    if any(one.attributes.get(name) != value for name, value in person.attributes.items()):
        one.attributes = {**one.attributes, **person.attributes}
        changed = True
    for key, name in person.tags.items():
        if key not in one.tags and key not in one.new_tags:
            one.new_tags[key] = name
            changed = True
    return changed


def _row(first: Person, one: _Known) -> dict[str, Any]:
    """Return the row of a new subscriber."""
    return {
        "address": first.address.text,
        "address_normal": first.address.normal,
        "domain": first.address.domain,
        **one.columns(),
    }


def _read_tags(people: Collection[_Known]) -> None:
    found = tags.of([one.id for one in people])
    for one in people:
        one.tags = frozenset(tag.name_normal for tag in found[one.id])


def _apply_names(names: Names, one: _Known) -> bool:
    """Apply the names of a row. A full name as given wins over first and last name joined."""
    if not (names.full or names.first or names.last):
        return False
    before = (one.name, one.first_name, one.last_name)
    one.first_name, one.last_name = names.first or one.first_name, names.last or one.last_name
    one.name = names.full or joined_name(one.first_name, one.last_name)
    return before != (one.name, one.first_name, one.last_name)


def _apply_all(people: Iterable[Person], one: _Known) -> bool:
    changed = False
    for person in people:
        changed = _apply(person, one) or changed
    return changed


def _given(values: Iterable[object], type_: "sa.types.TypeEngine[Any]") -> sa.Select[Any]:
    """Pass thousands of values in one parameter."""
    return sa.select(rows_given([{"value": value} for value in values], {"value": type_}).c.value)


def _suppressed(normals: Iterable[str]) -> dict[str, str]:
    """Return the suppression reason by normal form."""
    rows = db.session.execute(
        sa.select(Suppression.address_normal, Suppression.reason).where(
            Suppression.address_normal.in_(_given(normals, sa.Text()))
        )
    )
    return {row.address_normal: row.reason for row in rows}


def _known(normals: Iterable[str]) -> dict[str, _Known]:
    wanted = list(normals)
    if not wanted:
        return {}
    rows = db.session.execute(
        sa.select(
            Subscriber.address_normal,
            Subscriber.id,
            Subscriber.name,
            Subscriber.first_name,
            Subscriber.last_name,
            Subscriber.attributes,
        ).where(Subscriber.address_normal.in_(_given(wanted, sa.Text())))
    )
    return {row[0]: _Known(*row[1:]) for row in rows}


def _places(subscriber_ids: Sequence[int], list_id: int) -> dict[int, str]:
    """Return the state of subscriptions to the list, by subscriber id."""
    if not subscriber_ids:
        return {}
    rows = db.session.execute(
        sa.select(Subscription.subscriber_id, Subscription.state).where(
            Subscription.list_id == list_id,
            Subscription.subscriber_id.in_(_given(subscriber_ids, sa.BigInteger())),
        )
    )
    return {row.subscriber_id: row.state for row in rows}


def _add(rows: Sequence[dict[str, Any]], now: datetime) -> dict[str, int]:
    """Insert these subscribers; returns the ids of new ones by normal form."""
    if not rows:
        return {}
    for row, public_id in zip(rows, _public_ids(len(rows)), strict=True):
        row["public_id"] = public_id
    given = rows_given(rows, _GIVEN)
    moment = sa.literal(now, Subscriber.created_at.type)
    statement = (
        insert_ignoring(_table(Subscriber))
        .from_select(
            [*_GIVEN, "created_at", "updated_at"],
            # Without the WHERE, SQLite would parse ON CONFLICT as part of a join.
            sa.select(*(given.c[name] for name in _GIVEN), moment, moment).where(sa.true()),
        )
        .returning(_table(Subscriber).c.address_normal, _table(Subscriber).c.id)
    )
    return {row.address_normal: row.id for row in db.session.execute(statement)}


_GIVEN: dict[str, sa.types.TypeEngine[Any]] = {
    "public_id": sa.Text(),
    "address": sa.Text(),
    "address_normal": sa.Text(),
    "domain": sa.Text(),
    "name": sa.Text(),
    "first_name": sa.Text(),
    "last_name": sa.Text(),
    "attributes": sa.JSON(),
}


def _change(changes: Sequence[dict[str, Any]], now: datetime) -> None:
    if not changes:
        return
    table = _table(Subscriber)
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "id": sa.BigInteger(),
        **{name: _GIVEN[name] for name in ("name", "first_name", "last_name", "attributes")},
    }
    given = rows_given(sorted(changes, key=lambda change: int(change["id"])), columns)
    db.session.execute(
        sa.update(table)
        .where(table.c.id == given.c.id)
        .values(
            name=given.c.name,
            first_name=given.c.first_name,
            last_name=given.c.last_name,
            attributes=given.c.attributes,
            updated_at=now,
        )
    )


_ALPHABET = (string.ascii_letters + string.digits).encode()
_LETTER_OF_BYTE = bytes(_ALPHABET[byte % 62] for byte in range(256))
_UNEVEN = bytes(range(248, 256))
"""Bytes excluded, so that all 62 characters are equally likely."""


def _public_ids(count: int) -> list[str]:
    """Return public ids like db.new_public_id, but thousands at once and much faster."""
    letters = ""
    while len(letters) < count * 12:
        block = secrets.token_bytes(count * 13 + 64)
        letters += block.translate(_LETTER_OF_BYTE, _UNEVEN).decode()
    return [letters[at : at + 12] for at in range(0, count * 12, 12)]


def _table(model: Any) -> sa.Table:
    """Return the plain table: a chunk bypasses the session's objects."""
    table: sa.Table = model.__table__
    return table
