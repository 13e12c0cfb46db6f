"""The registry of leaf kinds: what a rule of a segment can say.

A kind is one object: its model (the stored form), its SQL condition, the value that decides for one
person, and the plain Python test of that value. SQL and Python must agree; a property test holds
them together. Higher packages register their own kinds in their `segment_leaves.py`, and
`core` imports those.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from campaigns.audience.models import Subscriber
from campaigns.db import has_row

Condition = sa.ColumnElement[bool]
RowId = Annotated[int, Field(ge=0, lt=2**63)]
"""The id of something that a rule refers to, within what databases can hold."""


class Leaf(BaseModel):
    """One rule. Subclasses add the parameters; `kind` is the name in the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str


@dataclass(frozen=True, slots=True)
class Ids:
    """A range of subscriber ids, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Context:
    """What conditions depend on besides their rule.

    `ids`: the caller asks about these people only. A condition that reads another table restricts
    its subquery to them, so that counting a sample, or explaining one person, reads little.
    `reads_everyone`: the caller reads all who match, so conditions read other tables in one pass
    instead of once per person.
    """

    now: datetime
    zone: ZoneInfo
    """The workspace's zone, in which days begin."""
    ids: Ids | None = None
    reads_everyone: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    """The type of each custom field, by key."""
    segments: Mapping[int, Any] = field(default_factory=dict)
    """The trees of the segments that rules refer to, by id."""

    def within(self, subscriber_id: sa.SQLColumnExpression[Any]) -> Condition:
        """Return the condition "is one of the people asked about", for a subquery."""
        if self.ids is None:
            return sa.true()
        return subscriber_id.between(self.ids.first, self.ids.last)

    def has_row(
        self, subscriber_id: sa.SQLColumnExpression[Any], *conditions: Condition
    ) -> Condition:
        """Return the condition that the subscriber has a row in another table."""
        return has_row(Subscriber.id, subscriber_id, *conditions, self.within(subscriber_id))


@dataclass(frozen=True, slots=True)
class Use:
    """Something that a rule needs: `what` is "field", "list", "tag", "segment", "campaign"..."""

    what: str
    key: str | int


L = TypeVar("L", bound=Leaf)
V = TypeVar("V")


@dataclass(frozen=True)
class LeafKind(Generic[L, V]):
    """A kind of rule.

    `condition` is about the `Subscriber` of the enclosing SELECT and never NULL. `value` reads what
    decides for one person, and `holds` judges it. `uses` names what the rule refers to. `texts`
    counts what it searches for inside values, which takes longest. `check` raises ReasonError if
    the rule does not fit what it refers to. `is_behaviour`: it reads deliveries or events, of which
    there are many times more than people.
    """

    name: str
    model: type[L]
    condition: Callable[[L, Context], Condition]
    value: Callable[[L, int, Context], V]
    holds: Callable[[L, V, Context], bool]
    uses: Callable[[L], Iterable[Use]] = lambda leaf: ()
    texts: Callable[[L], int] = lambda leaf: 0
    check: Callable[[L, Context], None] = lambda leaf, context: None
    is_behaviour: bool = False


class Registry:
    """Kinds by name."""

    def __init__(self) -> None:
        self._kinds: dict[str, LeafKind[Any, Any]] = {}

    def register(self, kind: LeafKind[Any, Any]) -> None:
        """Add a kind. Raises ValueError for a name that is taken by another."""
        if self._kinds.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"two kinds of rule are called {kind.name}")

    def find(self, name: str) -> LeafKind[Any, Any] | None:
        """Return the kind with this name."""
        return self._kinds.get(name)

    def of(self, leaf: Leaf) -> LeafKind[Any, Any]:
        """Return the kind of a leaf that this registry has parsed."""
        return self._kinds[leaf.kind]

    def names(self) -> list[str]:
        """Return all names, in the order of their registration."""
        return list(self._kinds)


REGISTRY = Registry()
register = REGISTRY.register
