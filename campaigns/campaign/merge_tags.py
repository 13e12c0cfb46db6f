"""The merge tags that content may show, for menus and the picker: the only list of them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from campaigns.audience import subscribers
from campaigns.audience.fields import definitions
from campaigns.audience.models import Subscriber
from campaigns.campaign import feed
from campaigns.campaign.expand_content import content_of, content_of_template, sample_content
from campaigns.campaign.models import Campaign
from campaigns.content.library.models import Template
from campaigns.content.mime import compile as compiler
from campaigns.content.sources.source import ContentSource
from campaigns.messages import Recipient
from campaigns.tokens import Signer

TagGroup = Literal["subscriber", "fields", "campaign", "variables", "feed", "sender", "links"]
TagKind = Literal["text", "number", "date", "link"]
_KINDS: Mapping[str, TagKind] = {"number": "number", "date": "date"}
"""The kinds of custom fields by their type; all others are text."""


@dataclass(frozen=True, slots=True)
class MergeTag:
    """A value that content may show as `{{ tag }}`.

    `label` is the name that users gave it; "" for what every installation has. `kind` says which
    formats fit.
    """

    group: TagGroup
    tag: str
    label: str = ""
    kind: TagKind = "text"


BUILT_IN: tuple[MergeTag, ...] = (
    MergeTag("subscriber", "subscriber.name"),
    MergeTag("subscriber", "subscriber.first_name"),
    MergeTag("subscriber", "subscriber.last_name"),
    MergeTag("subscriber", "subscriber.address"),
    MergeTag("subscriber", "subscriber.tags"),
    MergeTag("campaign", "campaign.subject"),
    MergeTag("campaign", "list.name"),
    MergeTag("sender", "sender.name"),
    MergeTag("sender", "sender.address"),
    MergeTag("sender", "sender.identity"),
    MergeTag("sender", "sender.postal_address"),
    MergeTag("links", "unsubscribe_url", kind="link"),
    MergeTag("links", "view_url", kind="link"),
)
"""The merge tags of every installation; their labels are up to the edges."""


def merge_tags(owner: Campaign | Template | None = None) -> list[MergeTag]:
    """Return every merge tag of a campaign or a template, in the order of menus.

    Without one, return those of every content.
    """
    fields = [
        MergeTag("fields", f"subscriber.{one.key}", one.label, _KINDS.get(one.type, "text"))
        for one in definitions.all_definitions()
    ]
    known = {tag.tag for tag in (*BUILT_IN, *fields)}
    attributes = [
        MergeTag("fields", f"subscriber.{name}", name)
        for name in subscribers.known_attributes()
        if name.isidentifier() and f"subscriber.{name}" not in known
    ]
    variables = [
        MergeTag("variables", f"var.{name}", name) for name in (owner.variables if owner else ())
    ]
    variables += [
        MergeTag("feed", f"feed.{name}", name, kind) for name, kind in _plain_values(owner)
    ]
    first = next(i for i, tag in enumerate(BUILT_IN) if tag.group != "subscriber")
    return [*BUILT_IN[:first], *fields, *attributes, *variables, *BUILT_IN[first:]]


def _plain_values(owner: Campaign | Template | None) -> Iterator[tuple[str, TagKind]]:
    """Yield name and kind of each entry of the feed that is a plain value."""
    known = feed.of_campaign(owner.id) if isinstance(owner, Campaign) else None
    for name, value in ((known.data if known else None) or {}).items():
        if name.isidentifier() and isinstance(value, str | int | float):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            yield name, "number" if is_number else "text"


def examples(
    tags: Collection[MergeTag],
    owner: Campaign | Template | None,
    person: Subscriber,
    *,
    base_url: str,
    signer: Signer,
) -> dict[str, str]:
    """Return what each tag shows to this subscriber, as it would be sent; by tag.

    Tags that show nothing are left out.
    """
    if isinstance(owner, Campaign):
        content = content_of(owner, base_url=base_url)
    elif owner:
        content = content_of_template(owner, base_url=base_url)
    else:
        content = sample_content(ContentSource(), None, base_url=base_url)
    recipient = Recipient(
        delivery_id=0,
        subscriber_id=0,
        list_id=min(content.list_names, default=0),
        address=person.address,
        **subscribers.merge_data(person),
    )
    blank = replace(content, preheader="")
    return compiler.show_tags(blank, [tag.tag for tag in tags], signer, recipient)
