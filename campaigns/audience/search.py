"""Searching subscribers, so that a million of them are no slower than a hundred.

Addresses are searched by their beginning and domains as a whole, by index. Whatever lies inside
a name is looked for among the newest subscribers only.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audience.paging import PAGE_SIZE, Page, count_up_to, fetch, number_key, prefix
from campaigns.db import db
from campaigns.inputs import one_line

LOOKED_THROUGH = 50_000
"""Number of subscribers that a search inside names reads, newest first."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a table of subscribers is narrowed to. `state` counts only together with a list.

    `text` is the beginning of an address, a whole domain ("@example.org") or, where that finds
    little, a part of a name.
    """

    text: str = ""
    list_id: int | None = None
    state: str | None = None

    @property
    def needle(self) -> str:
        """The text to search for, in the form in which it is stored."""
        return addresses.normalise(one_line(self.text))

    @property
    def is_domain(self) -> bool:
        """Whether a domain is searched for, such as "@example.org"."""
        return self.needle.startswith("@") and len(self.needle) > 1

    @property
    def domain(self) -> str:
        """The domain searched for, as A-labels: so domains are stored."""
        text = self.needle[1:]
        try:
            return text.encode("idna").decode()
        except UnicodeError:
            return text

    @property
    def is_address(self) -> bool:
        """Sorted and paged by address, as the text is the beginning of one."""
        return bool(self.needle) and not self.needle.startswith("@")


def matching(search: Search) -> sa.Select[Any]:
    """Return the subscribers that a search names, unordered; every way is served by an index."""
    statement = _placed(sa.select(Subscriber), search)
    if search.is_domain:
        return statement.where(Subscriber.domain == search.domain)
    if search.is_address:
        return statement.where(prefix(Subscriber.address_normal, search.needle))
    return statement


def _placed(statement: sa.Select[Any], search: Search) -> sa.Select[Any]:
    if search.list_id is None:
        return statement
    statement = statement.join(Subscription, Subscription.subscriber_id == Subscriber.id).where(
        Subscription.list_id == search.list_id
    )
    return statement.where(Subscription.state == search.state) if search.state else statement


def page(
    search: Search, *, before: str | None = None, after: str | None = None, size: int = PAGE_SIZE
) -> Page[Subscriber]:
    """Return one page: newest first, or by address where addresses are searched.

    `before` and `after` are the keys of the page at hand; those that make no sense here (of
    another kind of search) are taken for none.
    """
    if search.is_address:
        return fetch(
            matching(search),
            sa.type_coerce(Subscriber.address_normal, sa.Text),
            name="address_normal",
            descending=False,
            before=before,
            after=after,
            size=size,
        )
    # Inside a list the key is taken from the subscription: there an index is in that order.
    inside = search.list_id is not None and not search.is_domain
    return fetch(
        matching(search),
        sa.type_coerce(Subscription.subscriber_id if inside else Subscriber.id, sa.BigInteger),
        name="id",
        descending=True,
        before=number_key(before),
        after=number_key(after),
        size=size,
    )


def look_through(search: Search, *, size: int = PAGE_SIZE) -> list[Subscriber]:
    """Search for the text anywhere in the name or address of the newest subscribers.

    Reads LOOKED_THROUGH rows at most, however many there are. Leaves out what `matching` finds.
    """
    newest = (
        sa.select(Subscriber.id, Subscriber.name, Subscriber.address_normal)
        .order_by(Subscriber.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery("newest")
    )
    text = one_line(search.text)
    # SQLite folds the case of ASCII letters only, hence the usual spellings where there are others.
    usual = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    spellings = sorted(usual)
    statement = (
        sa.select(Subscriber)
        .join(newest, newest.c.id == Subscriber.id)
        .where(
            sa.or_(
                *(newest.c.name.icontains(one, autoescape=True) for one in spellings),
                newest.c.address_normal.contains(search.needle, autoescape=True),
            ),
            sa.not_(prefix(newest.c.address_normal, search.needle)),
        )
        .order_by(newest.c.id.desc())
        .limit(size)
    )
    return list(db.session.scalars(_placed(statement, search)))


def is_beyond_looking_through() -> bool:
    """Return whether there are more subscribers than `look_through` reads."""
    return count_up_to(sa.select(Subscriber.id), LOOKED_THROUGH) > LOOKED_THROUGH


def count(search: Search, *, most: int) -> int:
    """Return how many a search finds, counting no further than `most` + 1."""
    return count_up_to(matching(search).with_only_columns(Subscriber.id), most)
