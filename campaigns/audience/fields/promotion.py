"""Attributes that arrived without a field: list them, and preview them as a field of a type.

Large audiences are sampled: people from ranges of ids spread over all of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from campaigns.audience.fields import notation
from campaigns.audience.fields.changes import as_text
from campaigns.audience.fields.definitions import Definition, all_fields
from campaigns.audience.fields.notation import UNKNOWN, Detected, Notation
from campaigns.audience.fields.types import TYPES, ValueProblemError
from campaigns.audience.models import Subscriber
from campaigns.db import db
from campaigns.reason import Reason

SAMPLE_PEOPLE = 20_000
"""Largest number of people that are read."""
_RANGES = 40
EXAMPLES = 3
PROBLEMS = 10
MAX_CHOICES = 30
"""Largest number of different values that suggest a choice."""
_MOSTLY = 0.9
"""Share of values that must fit for a type to be suggested."""


@dataclass(frozen=True, slots=True)
class SampledPeople:
    """People who were read. `is_complete`: these are all."""

    attributes: Sequence[Mapping[str, Any]]
    is_complete: bool

    def texts(self, key: str, before: Definition | None = None) -> list[str]:
        """Return the values under a key as text, without blank ones."""
        found = [as_text(one[key], before) for one in self.attributes if one.get(key) is not None]
        return [text for text in found if text.strip()]


@dataclass(frozen=True, slots=True)
class UntypedAttribute:
    """An attribute without a field. `people`: how many of the sample have it."""

    key: str
    people: int
    examples: tuple[str, ...]
    suggested: str


@dataclass(frozen=True, slots=True)
class Unconverted:
    """A value that does not fit a type, and how many people of the sample have it."""

    text: str
    reason: Reason
    people: int


@dataclass(frozen=True, slots=True)
class ConversionPreview:
    """What a conversion would do with the people of the sample."""

    converted: int
    problems: Sequence[Unconverted]
    detected: Detected
    examples: Sequence[tuple[str, Any]]
    """A value as it is, and in its stored form, for a few."""

    @property
    def failed(self) -> int:
        """How many people keep the value as an attribute instead."""
        return sum(problem.people for problem in self.problems)


def sample() -> SampledPeople:
    """Read the attributes of everyone, or of up to SAMPLE_PEOPLE people."""
    first = db.session.scalar(sa.select(sa.func.min(Subscriber.id)))
    last = db.session.scalar(sa.select(sa.func.max(Subscriber.id)))
    if first is None or last is None:
        return SampledPeople((), is_complete=True)
    if last - first < SAMPLE_PEOPLE:
        return SampledPeople(_read(first, SAMPLE_PEOPLE), is_complete=True)
    span, most = last + 1 - first, SAMPLE_PEOPLE // _RANGES
    bounds = [first + span * index // _RANGES for index in range(_RANGES + 1)]
    found = [one for start, end in pairwise(bounds) for one in _read(start, most, before=end)]
    return SampledPeople(found, is_complete=False)


def _read(first: int, most: int, *, before: int | None = None) -> list[Mapping[str, Any]]:
    """Return the attributes of up to `most` people, by id. `before`: the id where it ends."""
    ids = Subscriber.id >= first
    return list(
        db.session.scalars(
            sa.select(Subscriber.attributes)
            .where(ids if before is None else sa.and_(ids, Subscriber.id < before))
            .order_by(Subscriber.id)
            .limit(most)
        )
    )


def attributes(people: SampledPeople) -> list[UntypedAttribute]:
    """Return the attributes without a field, the most frequent first."""
    fields = {field.key for field in all_fields()}
    counts = Counter(
        key
        for one in people.attributes
        for key, value in one.items()
        if key not in fields and value is not None and value != ""
    )
    return [
        UntypedAttribute(key, count, _examples(texts), suggest(texts))
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if (texts := people.texts(key))
    ]


def _examples(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text, _ in Counter(texts).most_common(EXAMPLES))


def suggest(texts: Sequence[str]) -> str:
    """Return the type that (nearly) all of these values fit; "text" for anything."""
    counts = Counter(texts)
    for type_ in ("number", "date", "boolean", "url", "time_zone", "country", "language"):
        if type_ == "language" and max(map(len, counts)) > 2:
            continue  # "Marathi" is a language, and "Mari" a name
        if _share(type_, counts) >= _MOSTLY:
            return type_
    parts = Counter({part: 1 for text in counts for part in split(text)})
    if len(parts) > MAX_CHOICES or any(len(part) > 40 for part in parts):
        return "text"
    if any(len(split(text)) > 1 for text in counts):
        return "choices"
    return "choice" if len(counts) <= len(texts) // 3 else "text"


def _share(type_: str, counts: Mapping[str, int]) -> float:
    """Return the share of people whose value fits a type, in the notation of the column."""
    field = Definition("", "", type_)
    written = _readable(notation.detect(type_, counts))
    fitting = sum(count for text, count in counts.items() if _fits(text, field, written))
    return fitting / sum(counts.values())


def _readable(found: Detected) -> Notation:
    """Return a notation in which every value has one reading."""
    return Notation(found.notation.dates or "day_first", found.notation.numbers or "point")


def _fits(text: str, field: Definition, written: Notation) -> bool:
    try:
        field.kind.parse(text, field, written)
    except ValueProblemError:
        return False
    return True


def split(text: str) -> list[str]:
    """Return the parts of a text that lists several choices."""
    return [part for raw in re.split(r"[,;|\n]", text) if (part := " ".join(raw.split()))]


def options_in(texts: Iterable[str], *, several: bool) -> list[str]:
    """Return the distinct choices in these values, the most frequent first."""
    counts = Counter(part for text in texts for part in (split(text) if several else [text]))
    distinct: dict[str, str] = {}
    for part, _ in counts.most_common():
        distinct.setdefault(part.casefold(), part)
    return list(distinct.values())


def preview(
    texts: Sequence[str], field: Definition, written: Notation | None = None
) -> ConversionPreview:
    """Return what becomes of these values. Without `written`, the notation is detected."""
    counts = Counter(texts)
    detected = notation.detect(field.type, counts)
    chosen = detected.notation if written is None or written == UNKNOWN else written
    converted = 0
    problems: list[Unconverted] = []
    examples: list[tuple[str, Any]] = []
    for text, people in counts.most_common():
        try:
            value = TYPES[field.type].parse(text, field, chosen)
        except ValueProblemError as error:
            problems.append(Unconverted(text, error.reason, people))
            continue
        converted += people
        if len(examples) < EXAMPLES:
            examples.append((text, value))
    return ConversionPreview(converted, problems, detected, examples)
