"""Search subscribers, as fast among a million as among a hundred.

Addresses are searched by prefix and domains as a whole, by index. Parts of names are searched for
only among the newest subscribers.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.models import Subscriber, SubscriberTag, Subscription
from campaigns.audience.paging import PAGE_SIZE, Page, count_up_to, fetch, number_key, prefix
from campaigns.audience.segments.leaves import Condition, Context
from campaigns.db import db
from campaigns.inputs import one_line

SEARCH_LIMIT = 50_000
"""Number of subscribers that a search inside names reads, newest first."""


@dataclass(frozen=True, slots=True)
class Search:
    """The filters of a table of subscribers. `state` applies only with a list.

    `text` is the beginning of an address, a whole domain ("@example.org") or, if that finds little,
    a part of a name.
    """

    text: str = ""
    list_id: int | None = None
    state: str | None = None
    tag_id: int | None = None

    @property
    def needle(self) -> str:
        """The text to search for, in its stored form."""
        return addresses.normalise(one_line(self.text))

    @property
    def is_domain(self) -> bool:
        """Whether a domain is searched for, such as "@example.org"."""
        return self.needle.startswith("@") and len(self.needle) > 1

    @property
    def domain(self) -> str:
        """The domain searched for, as A-labels, like stored domains."""
        text = self.needle[1:]
        try:
            return text.encode("idna").decode()
        except UnicodeError:
            return text

    @property
    def is_address(self) -> bool:
        """Whether results are ordered by address, as the text is the beginning of one."""
        return bool(self.needle) and not self.needle.startswith("@")

    @property
    def may_be_a_name(self) -> bool:
        """Whether the text is also searched for inside names and addresses."""
        return self.is_address and "@" not in self.needle


def condition(search: Search, context: Context) -> Condition:
    """Return the condition that a subscriber is found, for any statement over `Subscriber`.

    Includes those whose name contains the text, wherever they are: a table shows only the newest.
    """
    found: list[Condition] = []
    if search.list_id is not None:
        on_list = sa.select(Subscription.subscriber_id).where(
            Subscription.list_id == search.list_id, context.within(Subscription.subscriber_id)
        )
        if search.state:
            on_list = on_list.where(Subscription.state == search.state)
        found.append(Subscriber.id.in_(on_list))
    if search.tag_id is not None:
        found.append(_is_tagged(search.tag_id, context))
    if search.is_domain:
        found.append(Subscriber.domain == search.domain)
    elif search.may_be_a_name:
        found.append(_contains(search, Subscriber.name, Subscriber.address_normal))
    elif search.is_address:
        found.append(prefix(Subscriber.address_normal, search.needle))
    return sa.and_(sa.true(), *found)


def _is_tagged(tag_id: int, context: Context | None = None) -> Condition:
    return Subscriber.id.in_(
        sa.select(SubscriberTag.subscriber_id).where(
            SubscriberTag.tag_id == tag_id,
            context.within(SubscriberTag.subscriber_id) if context else sa.true(),
        )
    )


def _contains(
    search: Search, name: sa.SQLColumnExpression[str], address: sa.SQLColumnExpression[str]
) -> Condition:
    """Return the condition "the name or the address contains the text"."""
    text = one_line(search.text)
    # SQLite folds the case of ASCII only, so try the usual spellings of other letters.
    usual = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    return sa.or_(
        *(name.icontains(one, autoescape=True) for one in sorted(usual)),
        address.contains(search.needle, autoescape=True),
    )


def matching(search: Search) -> sa.Select[Any]:
    """Return the matching subscribers, unordered; each kind of search uses an index."""
    statement = _placed(sa.select(Subscriber), search)
    if search.tag_id is not None:
        statement = statement.where(_is_tagged(search.tag_id))
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
    search: Search,
    *also: Condition,
    before: str | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Subscriber]:
    """Return one page: newest first, or by address when searching addresses.

    `also` are further conditions. `before` and `after` are keys; invalid ones (of another kind of
    search) are ignored.
    """
    found = matching(search).where(*also)
    if search.is_address:
        return fetch(
            found,
            sa.type_coerce(Subscriber.address_normal, sa.Text),
            name="address_normal",
            descending=False,
            before=before,
            after=after,
            size=size,
        )
    # Within a list, use the key of the subscription, which has an index in this order.
    inside = search.list_id is not None and not search.is_domain
    return fetch(
        found,
        sa.type_coerce(Subscription.subscriber_id if inside else Subscriber.id, sa.BigInteger),
        name="id",
        descending=True,
        before=number_key(before),
        after=number_key(after),
        size=size,
    )


def search_newest(search: Search, *also: Condition, size: int = PAGE_SIZE) -> list[Subscriber]:
    """Search anywhere in the name or address of the newest subscribers.

    Reads at most SEARCH_LIMIT rows. Excludes what `matching` finds.
    """
    newest = (
        sa.select(Subscriber.id, Subscriber.name, Subscriber.address_normal)
        .order_by(Subscriber.id.desc())
        .limit(SEARCH_LIMIT)
        .subquery("newest")
    )
    statement = (
        sa.select(Subscriber)
        .join(newest, newest.c.id == Subscriber.id)
        .where(
            _contains(search, newest.c.name, newest.c.address_normal),
            sa.not_(prefix(newest.c.address_normal, search.needle)),
            _is_tagged(search.tag_id) if search.tag_id is not None else sa.true(),
            *also,
        )
        .order_by(newest.c.id.desc())
        .limit(size)
    )
    return list(db.session.scalars(_placed(statement, search)))


def is_search_limited() -> bool:
    """Return whether there are more subscribers than `search_newest` reads."""
    return count_up_to(sa.select(Subscriber.id), SEARCH_LIMIT) > SEARCH_LIMIT


def count(search: Search, *also: Condition, most: int) -> int:
    """Count the results of a search, up to `most` + 1."""
    return count_up_to(matching(search).where(*also).with_only_columns(Subscriber.id), most)
