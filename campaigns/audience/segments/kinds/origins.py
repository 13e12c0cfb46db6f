"""Rules about how people joined: imports and proofs of consent."""

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from pydantic import ConfigDict, Field

from campaigns.audience.models import ConsentEvent
from campaigns.audience.segments.leaves import (
    Condition,
    Context,
    Leaf,
    LeafKind,
    RowId,
    Use,
    register,
)
from campaigns.db import db


class ImportLeaf(Leaf):
    """Was put on a list by this import, or was not."""

    model_config = ConfigDict(populate_by_name=True)
    kind: Literal["import"] = "import"
    op: Literal["is", "is_not"] = "is"
    import_id: RowId = Field(alias="import")


def _import_condition(leaf: ImportLeaf, context: Context) -> Condition:
    found = context.has_row(ConsentEvent.subscriber_id, ConsentEvent.import_id == leaf.import_id)
    return sa.not_(found) if leaf.op == "is_not" else found


def _imports(leaf: ImportLeaf, subscriber_id: int, context: Context) -> frozenset[int]:
    """Return the imports that put the person on a list."""
    found = db.session.scalars(
        sa.select(ConsentEvent.import_id).where(
            ConsentEvent.subscriber_id == subscriber_id, ConsentEvent.import_id.is_not(None)
        )
    )
    return frozenset(one for one in found if one is not None)


register(
    LeafKind(
        name="import",
        model=ImportLeaf,
        condition=_import_condition,
        value=_imports,
        holds=lambda leaf, value, context: (leaf.import_id in value) == (leaf.op == "is"),
        uses=lambda leaf: [Use("import", leaf.import_id)],
    )
)


class ConsentLeaf(Leaf):
    """Has a proof of consent, or has not: through this channel, to this list."""

    kind: Literal["consent"] = "consent"
    op: Literal["has", "has_not"] = "has"
    channel: Literal["any", "form", "page", "one_click", "import", "manual"] = "any"
    list: RowId | None = None


_GIVEN = ("confirmed", "subscribed")
"""Kinds of consent events that prove consent; a request alone does not."""


def _consent_condition(leaf: ConsentLeaf, context: Context) -> Condition:
    given = context.has_row(
        ConsentEvent.subscriber_id,
        ConsentEvent.kind.in_(_GIVEN),
        ConsentEvent.channel == leaf.channel if leaf.channel != "any" else sa.true(),
        ConsentEvent.list_id == leaf.list if leaf.list is not None else sa.true(),
    )
    return sa.not_(given) if leaf.op == "has_not" else given


def _consents(
    leaf: ConsentLeaf, subscriber_id: int, context: Context
) -> Sequence[tuple[str, int | None]]:
    """Return the channel and the list of each proof of consent."""
    rows = db.session.execute(
        sa.select(ConsentEvent.channel, ConsentEvent.list_id)
        .where(ConsentEvent.subscriber_id == subscriber_id, ConsentEvent.kind.in_(_GIVEN))
        .order_by(ConsentEvent.id)
    )
    return [(row.channel, row.list_id) for row in rows]


def _consent_holds(
    leaf: ConsentLeaf, value: Sequence[tuple[str, int | None]], context: Context
) -> bool:
    found = any(
        leaf.channel in ("any", channel) and leaf.list in (None, list_id)
        for channel, list_id in value
    )
    return found == (leaf.op == "has")


register(
    LeafKind(
        name="consent",
        model=ConsentLeaf,
        condition=_consent_condition,
        value=_consents,
        holds=_consent_holds,
        uses=lambda leaf: [] if leaf.list is None else [Use("list", leaf.list)],
    )
)
