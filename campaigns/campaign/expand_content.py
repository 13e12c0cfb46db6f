"""Assemble a campaign's content from the campaign, sender, workspace and lists."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from campaigns import formatting
from campaigns.accounts.workspace import load_workspace
from campaigns.campaign import content_segments, content_versions, drafts, feed
from campaigns.campaign.frozen_content import parts_of
from campaigns.campaign.merge_fields import merge_fields
from campaigns.campaign.models import Campaign
from campaigns.content.library.context import context_of
from campaigns.content.library.models import Template
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import ContentSource, kind_of
from campaigns.db import db
from campaigns.providers import presets
from campaigns.providers.models import ProviderAccount, SenderAddress


def content_of(campaign: Campaign, *, base_url: str, media_url: str = "") -> Content:
    """Return what the content package compiles. Sender fields are empty without a sender.

    Image paths begin with `media_url`, or with `base_url` if that is empty. The language is that of
    the campaign's lists, or English if they differ.
    """
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    account = db.session.get(ProviderAccount, sender.provider_id) if sender else None
    context, imprint = parts_of(campaign, base_url=base_url, media_url=media_url)
    known_feed = feed.of_campaign(campaign.id)
    use_return_path = bool(account and not account.rewrites_return_path)
    content = Content(
        subject=campaign.subject,
        preheader=campaign.preheader,
        source=ContentSource(kind_of(campaign.content_kind), campaign.source, campaign.inline_css),
        context=context,
        sender_name=imprint.sender_name,
        sender_address=sender.address if sender else "",
        reply_to=imprint.reply_to,
        identity=imprint.identity,
        postal_address=imprint.postal_address,
        campaign_public_id=campaign.public_id,
        base_url=base_url,
        list_names=imprint.list_names,
        variables=campaign.variables,
        feed=known_feed.data if known_feed else None,
        track_opens=campaign.track_opens,
        track_clicks=campaign.track_clicks,
        embeds_images=campaign.embed_images,
        language=context.language,
        fields=merge_fields(context.language),
        known_segments=(
            None if content_segments.are_frozen(campaign) else content_segments.known()
        ),
        segment_order=tuple(campaign.segment_order),
        use_return_path=use_return_path,
        unsubscribe_domain=imprint.unsubscribe_domain if use_return_path else "",
        echoed_header=presets.echoed_header(account.preset) if account else "",
    )
    return _with_variants(content, content_versions.variants_of(campaign.id))


def _with_variants(content: Content, variants: Mapping[str, Mapping[str, Any]]) -> Content:
    made = (_variant_of(content, language, values) for language, values in variants.items())
    return replace(content, variants=tuple(made))


def _variant_of(content: Content, language: str, values: Mapping[str, Any]) -> Content:
    """Return the content in another language."""
    kind = kind_of(values["content_kind"])
    return replace(
        content,
        subject=values["subject"],
        preheader=values["preheader"],
        source=ContentSource(kind, values["source"], values["inline_css"]),
        context=replace(content.context, language=language),
        language=language,
        fields=tuple(one.in_language(language) for one in content.fields),
    )


def content_of_template(template: Template, *, base_url: str, media_url: str = "") -> Content:
    """Return the content of a template, as the next campaign from it would have it."""
    source = ContentSource(kind_of(template.content_kind), template.source, template.inline_css)
    content = sample_content(
        source,
        template.brand_id,
        base_url=base_url,
        media_url=media_url,
        also_named=[one["source"] for one in template.variants.values()],
    )
    content = replace(
        content,
        subject=template.subject,
        preheader=template.preheader,
        variables=template.variables,
    )
    return _with_variants(content, template.variants)


def sample_content(
    source: ContentSource,
    brand_id: int | None,
    *,
    base_url: str,
    media_url: str = "",
    also_named: Iterable[str] = (),
) -> Content:
    """Return content without a campaign: from the default sender address, to no list.

    `also_named`: other sources for which the library is read too.
    """
    sender_id = drafts.default_sender_id()
    sender = db.session.get(SenderAddress, sender_id) if sender_id else None
    workspace = load_workspace()
    language = formatting.DEFAULT_LOCALE
    text = "\n".join([source.text, *also_named])
    context = context_of(text, brand_id, base_url=base_url, media_url=media_url, language=language)
    return Content(
        subject="",
        preheader="",
        source=source,
        context=context,
        sender_name=sender.name if sender else "",
        sender_address=sender.address if sender else "",
        reply_to=sender.reply_to if sender else "",
        identity=workspace.name or (sender.name if sender else ""),
        postal_address=context.brand.postal_address or workspace.postal_address,
        campaign_public_id="",
        base_url=base_url,
        list_names={},
        track_opens=False,
        track_clicks=False,
        fields=merge_fields(language),
        known_segments=content_segments.known(),
        use_return_path=False,
    )
