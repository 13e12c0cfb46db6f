"""Merge tags with their names, grouped as menus show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flask_babel import LazyString, lazy_gettext

from campaigns import formatting
from campaigns.campaign.merge_tags import MergeTag, TagGroup, TagKind
from campaigns.content.templating.filters import DATE_FORMATS

TITLES: Mapping[TagGroup, LazyString] = {
    "subscriber": lazy_gettext("Subscriber"),
    "fields": lazy_gettext("Custom fields"),
    "campaign": lazy_gettext("Campaign"),
    "variables": lazy_gettext("Variables"),
    "feed": lazy_gettext("Data feed"),
    "sender": lazy_gettext("Sender"),
    "links": lazy_gettext("Links"),
}
"""The title of each group."""

LABELS: Mapping[str, LazyString] = {
    "subscriber.name": lazy_gettext("Name"),
    "subscriber.first_name": lazy_gettext("First name"),
    "subscriber.last_name": lazy_gettext("Last name"),
    "subscriber.address": lazy_gettext("Email address"),
    "subscriber.tags": lazy_gettext("Tags"),
    "campaign.subject": lazy_gettext("Subject"),
    "list.name": lazy_gettext("List name"),
    "sender.name": lazy_gettext("Sender name"),
    "sender.address": lazy_gettext("Sender address"),
    "sender.identity": lazy_gettext("Organization"),
    "sender.postal_address": lazy_gettext("Postal address"),
    "unsubscribe_url": lazy_gettext("Unsubscribe"),
    "view_url": lazy_gettext("View in browser"),
}
"""The name of each built-in tag."""


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A merge tag as menus show it. `example`: what a real subscriber would see."""

    tag: MergeTag
    label: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """The merge tags of one group."""

    title: LazyString
    tags: list[ShownTag]


@dataclass(frozen=True, slots=True)
class ShownFormat:
    """A format of dates or numbers. `filter`: as written after a tag."""

    filter: str
    example: str


EXAMPLE_NUMBER = 1234.5
CURRENCIES = ("EUR", "USD", "GBP")
"""Currencies that the picker offers; content may name any."""


def formats(today: date, locale: str) -> dict[TagKind, list[ShownFormat]]:
    """Return the formats of each kind of tag, with examples in this language."""
    dates = [
        ShownFormat(f'date("{name}")', write(today, locale)) for name, write in DATE_FORMATS.items()
    ]
    numbers = [
        ShownFormat(f"number({digits})", formatting.decimals(EXAMPLE_NUMBER, digits, locale))
        for digits in (0, 1, 2)
    ]
    amounts = [
        ShownFormat(f'money("{code}")', formatting.money(EXAMPLE_NUMBER, code, locale))
        for code in CURRENCIES
    ]
    return {"date": dates, "number": [*numbers, *amounts]}


def grouped(tags: Iterable[MergeTag], examples: Mapping[str, str]) -> list[ShownGroup]:
    """Return the tags by group, each with its name and example."""
    return [
        ShownGroup(
            TITLES[group],
            [ShownTag(tag, label_of(tag), examples.get(tag.tag, "")) for tag in members],
        )
        for group, members in groupby(tags, key=lambda tag: tag.group)
    ]


def label_of(tag: MergeTag) -> str:
    """Return the name of a tag."""
    return tag.label or str(LABELS[tag.tag])
