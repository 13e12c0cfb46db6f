"""Plain functions with fixed defaults that add rows to the database.

Call them inside `with transaction():`.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from campaigns import addresses
from campaigns.audience.fields import definitions
from campaigns.audience.fields.definitions import FieldInput
from campaigns.audience.fields.models import Field
from campaigns.audience.models import AudienceList, Subscriber, Subscription
from campaigns.audience.segments import tree
from campaigns.audience.segments.models import Segment
from campaigns.campaign import series
from campaigns.campaign.models import (
    Campaign,
    CampaignList,
    CampaignSegment,
    CampaignSeries,
    CampaignVariant,
    Delivery,
)
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan
from campaigns.clock import utcnow
from campaigns.content.library import saved_blocks, snippets
from campaigns.content.library.models import Brand, SavedBlock, Snippet, Template
from campaigns.db import db
from campaigns.providers.models import DkimKey, ProviderAccount, SenderAddress, SenderDomain
from campaigns.providers.smtp.kind import SmtpCredentials, SmtpSettings


def _added(thing: Any) -> Any:
    db.session.add(thing)
    db.session.flush()
    return thing


def a_list(name: str = "News", **values: Any) -> AudienceList:
    found: AudienceList = _added(AudienceList(name=name, **values))
    return found


def a_subscriber(
    address: str = "alice@example.org",
    *lists: AudienceList,
    state: str = "subscribed",
    **values: Any,
) -> Subscriber:
    """A subscriber on these lists."""
    (subscriber,) = subscribers([address], *lists, state=state, **values)
    return subscriber


def subscribers(
    found: Iterable[str], *lists: AudienceList, state: str = "subscribed", **values: Any
) -> list[Subscriber]:
    """Add a subscriber for each address, all on these lists, in two statements."""
    people = []
    for address in map(addresses.parse, found):
        known = {"address_normal": address.normal, "domain": address.domain, **values}
        people.append(Subscriber(address=address.text, **known))
    db.session.add_all(people)
    db.session.flush()
    places = [(entry.id, person.id) for person in people for entry in lists]
    db.session.add_all(
        Subscription(list_id=list_id, subscriber_id=subscriber_id, state=state)
        for list_id, subscriber_id in places
    )
    db.session.flush()
    return people


def a_field(label: str = "City", type_: str = "text", **typed: Any) -> Field:
    """A custom field; `typed` are further inputs of its form."""
    return definitions.create(FieldInput(label, type_, **typed), now=utcnow())


def a_segment(name: str, *rules: dict[str, Any], kind: str = "all") -> Segment:
    """A segment of these rules, in their stored form."""
    root = {"kind": kind, "rules": list(rules)}
    stored = {"version": tree.VERSION, "root": root}
    found: Segment = _added(Segment(name=name, rules=stored))
    return found


def a_template(name: str = "Monthly news", **values: Any) -> Template:
    found: Template = _added(Template(name=name, **values))
    return found


def a_brand(name: str = "Harbour", **values: Any) -> Brand:
    found: Brand = _added(Brand(name=name, **values))
    return found


def a_saved_block(name: str = "Offer", text: str = "Only today") -> SavedBlock:
    """A saved block of one heading."""
    inline = {"type": "text", "text": text}
    content = {"type": "doc", "content": [{"type": "paragraph", "content": [inline]}]}
    heading = {"id": "head1", "type": "heading", "content": content}
    section = {"id": "sect1", "type": "section", "columns": [{"id": "col1", "blocks": [heading]}]}
    return saved_blocks.create(name, [section], now=utcnow())


def a_snippet(key: str = "promo", source: str = "<p>Save 10%</p>", name: str = "Promo") -> Snippet:
    return snippets.create(key, name, source, now=utcnow())


def a_provider(name: str = "Test server", **values: Any) -> ProviderAccount:
    """An SMTP account. Values are columns, settings or credentials (already encrypted)."""
    columns = {key: value for key, value in values.items() if key in ProviderAccount.__table__.c}
    secrets = SmtpCredentials.model_fields
    settings = {"host": "127.0.0.1", "port": 2525, "security": "none"}
    settings |= {key: values[key] for key in values.keys() - columns.keys() - secrets.keys()}
    provider: ProviderAccount = _added(
        ProviderAccount(
            name=name,
            **{
                "settings": SmtpSettings.model_validate(settings).model_dump(),
                "credentials": {key: values[key] for key in secrets if values.get(key)},
                **columns,
            },
        )
    )
    return provider


def is_at_port(port: int) -> sa.ColumnElement[bool]:
    """The SQL condition that an account sends to a server on this port."""
    at_port: sa.ColumnElement[bool] = ProviderAccount.settings["port"].as_integer() == port
    return at_port


def a_sender(
    address: str = "news@example.org", provider: ProviderAccount | None = None, **values: Any
) -> SenderAddress:
    provider = provider or a_provider()
    defaults = {"name": "Example News", "is_default": True}
    sender: SenderAddress = _added(
        SenderAddress(address=address, provider_id=provider.id, **{**defaults, **values})
    )
    return sender


def a_signed_domain(name: str = "example.org") -> SenderDomain:
    """A domain with a key that counts as signing, although nothing can be signed with it."""
    domain: SenderDomain = _added(SenderDomain(name=name))
    key = {"algorithm": "rsa", "selector": "s1", "private_key": "", "public_key": "AAAA"}
    _added(DkimKey(domain_id=domain.id, state="active", **key))
    return domain


def a_campaign(
    *lists: AudienceList,
    excluded: tuple[AudienceList, ...] = (),
    segments: tuple[Segment, ...] = (),
    excluded_segments: tuple[Segment, ...] = (),
    sender: SenderAddress | None = None,
    **values: Any,
) -> Campaign:
    """A draft to these lists, ready to launch once it has a sender."""
    defaults = {
        "subject": "Hello {{ subscriber.name or 'friend' }}",
        "source": "<h1>Hello {{ subscriber.name or 'friend' }}</h1>"
        '<p>Read <a href="https://shop.example/news">the news</a>.</p>',
        "sender_id": sender.id if sender else None,
    }
    campaign: Campaign = _added(Campaign(**{**defaults, **values}))
    for entry in lists:
        _added(CampaignList(campaign_id=campaign.id, list_id=entry.id))
    for entry in excluded:
        _added(CampaignList(campaign_id=campaign.id, list_id=entry.id, is_excluded=True))
    for segment in segments:
        _added(CampaignSegment(campaign_id=campaign.id, segment_id=segment.id))
    for segment in excluded_segments:
        _added(CampaignSegment(campaign_id=campaign.id, segment_id=segment.id, is_excluded=True))
    return campaign


def a_variant(campaign: Campaign, language: str = "de", **values: Any) -> CampaignVariant:
    defaults = {"content_kind": "html", "campaign_id": campaign.id, "language": language}
    variant: CampaignVariant = _added(CampaignVariant(**{**defaults, **values}))
    return variant


def a_series(*lists: AudienceList, **values: Any) -> CampaignSeries:
    """A daily recurring campaign, starting tomorrow."""
    template = a_campaign(*lists, **{"name": "Morning letter", **values})
    first = (utcnow() + timedelta(days=1)).replace(tzinfo=None)
    return series.create(
        template.id, Recurrence("daily"), first, SendPlan(zone="UTC"), now=utcnow()
    )


def a_delivery(campaign: Campaign, subscriber: Subscriber, **values: Any) -> Delivery:
    defaults: dict[str, Any] = {"status": "queued", "address": subscriber.address}
    delivery: Delivery = _added(
        Delivery(campaign_id=campaign.id, subscriber_id=subscriber.id, **{**defaults, **values})
    )
    return delivery
