"""Rules about what everyone has: name, address, mailbox provider, dates, a random number."""

from datetime import datetime
from typing import Annotated, Literal, Self

import sqlalchemy as sa
from pydantic import AfterValidator, Field, model_validator

from campaigns.audience.mailbox_providers import OTHER
from campaigns.audience.models import MailDomain, Subscriber, Suppression
from campaigns.audience.segments import comparing
from campaigns.audience.segments.comparing import TextOp, Texts
from campaigns.audience.segments.leaves import Condition, Context, Leaf, LeafKind, register
from campaigns.audience.segments.values import among
from campaigns.db import db, has_row
from campaigns.inputs import one_line


class _TextLeaf(Leaf):
    op: TextOp
    value: Annotated[str, AfterValidator(one_line)] = ""

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if self.op not in comparing.WITHOUT_VALUE:
            comparing.clean_text(self.value)
        return self


# --- Name


class NameLeaf(_TextLeaf):
    """Compares the full, first or last name."""

    kind: Literal["name"] = "name"
    part: Literal["full", "first", "last"] = "full"


_NAMES = {
    "full": Subscriber.name,
    "first": Subscriber.first_name,
    "last": Subscriber.last_name,
}


def _name(leaf: NameLeaf, subscriber_id: int, context: Context) -> str:
    return _of_one(_NAMES[leaf.part], subscriber_id) or ""


def _of_one(column: sa.SQLColumnExpression[str], subscriber_id: int) -> str | None:
    return db.session.scalar(sa.select(column).where(Subscriber.id == subscriber_id))


register(
    LeafKind(
        name="name",
        model=NameLeaf,
        condition=lambda leaf, context: comparing.text_condition(
            leaf.op, sa.type_coerce(_NAMES[leaf.part], sa.Text), [leaf.value]
        ),
        value=_name,
        holds=lambda leaf, value, context: comparing.text_holds(leaf.op, value, [leaf.value]),
    )
)


# --- Address and domain


class AddressLeaf(_TextLeaf):
    """Compares the address."""

    kind: Literal["address"] = "address"


register(
    LeafKind(
        name="address",
        model=AddressLeaf,
        condition=lambda leaf, context: comparing.text_condition(
            leaf.op, sa.type_coerce(Subscriber.address_normal, sa.Text), [leaf.value]
        ),
        value=lambda leaf, subscriber_id, context: (
            _of_one(Subscriber.address_normal, subscriber_id) or ""
        ),
        holds=lambda leaf, value, context: comparing.text_holds(leaf.op, value, [leaf.value]),
    )
)


def _clean_domains(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_stored_domain(one) for one in values))


def _stored_domain(text: str) -> str:
    """Return a typed domain in its stored form: A-labels in lower case."""
    text = text.removeprefix("@").lower()
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return text


class DomainLeaf(Leaf):
    """Has an address at one of these domains, or at none."""

    kind: Literal["domain"] = "domain"
    op: Literal["is_one_of", "is_none_of"] = "is_one_of"
    values: Annotated[Texts, AfterValidator(_clean_domains)]


def _domain_condition(leaf: DomainLeaf, context: Context) -> Condition:
    found = among(sa.type_coerce(Subscriber.domain, sa.Text), leaf.values)
    return sa.not_(found) if leaf.op == "is_none_of" else found


register(
    LeafKind(
        name="domain",
        model=DomainLeaf,
        condition=_domain_condition,
        value=lambda leaf, subscriber_id, context: _of_one(Subscriber.domain, subscriber_id) or "",
        holds=lambda leaf, value, context: (value in leaf.values) == (leaf.op == "is_one_of"),
    )
)


class MailboxProviderLeaf(Leaf):
    """Has an address at one of these mailbox groups, or at none."""

    kind: Literal["mailbox_provider"] = "mailbox_provider"
    op: Literal["is_one_of", "is_none_of"] = "is_one_of"
    values: Texts


def _provider_condition(leaf: MailboxProviderLeaf, context: Context) -> Condition:
    in_groups = among(sa.type_coerce(MailDomain.mailbox_group, sa.Text), leaf.values)
    if OTHER in leaf.values:  # also the domains that nobody has looked up yet
        found = sa.not_(has_row(Subscriber.domain, MailDomain.domain, sa.not_(in_groups)))
    else:
        found = has_row(Subscriber.domain, MailDomain.domain, in_groups)
    return sa.not_(found) if leaf.op == "is_none_of" else found


def _provider(leaf: MailboxProviderLeaf, subscriber_id: int, context: Context) -> str:
    """Return the mailbox group."""
    found = db.session.scalar(
        sa.select(MailDomain.mailbox_group)
        .join(Subscriber, Subscriber.domain == MailDomain.domain)
        .where(Subscriber.id == subscriber_id)
    )
    return found or OTHER


register(
    LeafKind(
        name="mailbox_provider",
        model=MailboxProviderLeaf,
        condition=_provider_condition,
        value=_provider,
        holds=lambda leaf, value, context: (value in leaf.values) == (leaf.op == "is_one_of"),
    )
)


# --- Dates


class _MomentLeaf(Leaf):
    op: Literal[
        "on", "before", "after", "between", "in_last_days", "not_in_last_days", "in_next_days"
    ]
    values: tuple[str | int, ...]

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        comparing.check_moments(self.op, self.values)
        return self


class AddedLeaf(_MomentLeaf):
    """Was added in this period."""

    kind: Literal["added"] = "added"


class ChangedLeaf(_MomentLeaf):
    """Was last changed in this period."""

    kind: Literal["changed"] = "changed"


_MOMENTS = {"added": Subscriber.created_at, "changed": Subscriber.updated_at}


def _moment(leaf: _MomentLeaf, subscriber_id: int, context: Context) -> datetime:
    return db.session.scalars(
        sa.select(_MOMENTS[leaf.kind]).where(Subscriber.id == subscriber_id)
    ).one()


for _model in (AddedLeaf, ChangedLeaf):
    register(
        LeafKind(
            name=_model.model_fields["kind"].default,
            model=_model,
            condition=lambda leaf, context: comparing.moment_condition(
                leaf.op, _MOMENTS[leaf.kind], leaf.values, context
            ),
            value=_moment,
            holds=lambda leaf, value, context: comparing.moment_holds(
                leaf.op, value, leaf.values, context
            ),
        )
    )


# --- Suppressed


class SuppressedLeaf(Leaf):
    """Is on the suppression list, or is not."""

    kind: Literal["suppressed"] = "suppressed"
    op: Literal["is", "is_not"] = "is"


def _suppressed_condition(leaf: SuppressedLeaf, context: Context) -> Condition:
    found = has_row(Subscriber.address_normal, Suppression.address_normal)
    return sa.not_(found) if leaf.op == "is_not" else found


def _suppression(leaf: SuppressedLeaf, subscriber_id: int, context: Context) -> str | None:
    """Return why the address is suppressed; None if it is not."""
    return db.session.scalar(
        sa.select(Suppression.reason)
        .join(Subscriber, Subscriber.address_normal == Suppression.address_normal)
        .where(Subscriber.id == subscriber_id)
    )


register(
    LeafKind(
        name="suppressed",
        model=SuppressedLeaf,
        condition=_suppressed_condition,
        value=_suppression,
        holds=lambda leaf, value, context: (value is not None) == (leaf.op == "is"),
    )
)


# --- Random share


class RandomLeaf(Leaf):
    """Belongs to a random share of all people, always the same one for the same seed."""

    kind: Literal["random"] = "random"
    percent: Annotated[float, Field(ge=0.1, le=100, allow_inf_nan=False)]
    seed: Annotated[int, Field(ge=0, lt=2**31 - 1)] = 0


_PRIME = 2**31 - 1
"""Its square fits into 63 bits."""


def _random_condition(leaf: RandomLeaf, context: Context) -> Condition:
    def number(value: int) -> sa.ColumnElement[int]:
        return sa.literal(value, sa.BigInteger())

    prime = number(_PRIME)
    mixed = (
        sa.type_coerce(Subscriber.id, sa.BigInteger) * number(48_271) + number(leaf.seed)
    ) % prime
    for _ in range(2):
        mixed = (mixed * mixed + number(leaf.seed + 1)) % prime
    return mixed % number(1_000) < number(_per_mille(leaf))


def _draw(leaf: RandomLeaf, subscriber_id: int, context: Context) -> int:
    """Return a number from 0 to 999; the lowest ones belong to the share."""
    mixed = (subscriber_id * 48_271 + leaf.seed) % _PRIME
    for _ in range(2):
        mixed = (mixed * mixed + leaf.seed + 1) % _PRIME
    return mixed % 1_000


def _per_mille(leaf: RandomLeaf) -> int:
    return round(leaf.percent * 10)


register(
    LeafKind(
        name="random",
        model=RandomLeaf,
        condition=_random_condition,
        value=_draw,
        holds=lambda leaf, value, context: value < _per_mille(leaf),
    )
)
