"""Find campaigns that need something, such as a list or a segment, before deleting it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError
from campaigns.campaign import content_uses, series
from campaigns.campaign.models import (
    UNDER_WAY,
    Campaign,
    CampaignList,
    CampaignSegment,
    CampaignVariant,
)
from campaigns.campaign.title import title_of
from campaigns.content.library.models import Template
from campaigns.db import db
from campaigns.providers.models import SenderAddress

MAX_NAMED = 5


def campaigns_needing(list_id: int) -> list[str]:
    """Return the names of the campaigns that go to this list or exclude it.

    These are scheduled campaigns, those in progress, and templates of recurring ones.
    """
    rows = db.session.execute(
        sa.select(Campaign.name, Campaign.subject)
        .join(CampaignList, CampaignList.campaign_id == Campaign.id)
        .where(
            CampaignList.list_id == list_id,
            sa.or_(Campaign.status.in_(UNDER_WAY), Campaign.id.in_(series.templates())),
        )
        .order_by(Campaign.id)
    )
    return [title_of(name, subject) for name, subject in rows]


def campaigns_by_segment(segment_ids: Collection[int]) -> Mapping[int, list[str]]:
    """Return the names of the campaigns that still need each of these segments.

    It limits or reduces their audience, or their content names it. These are scheduled campaigns,
    and templates of recurring ones: once a campaign has started, its audience is frozen.
    """
    needed = _needed_segments()
    titles = _titles(needed)
    return {
        segment_id: names
        for segment_id in segment_ids
        if (names := [titles[one] for one in titles if segment_id in needed[one]])
    }


def campaigns_using(use: Use) -> list[str]:
    """Return the names of the campaigns that need this list, segment, field, tag...

    Includes campaigns that need it through the rules of a segment.
    """
    segments = {
        row.id: row.rules for row in db.session.execute(sa.select(Segment.id, Segment.rules))
    }
    needed = _needed_segments()
    using = {one for one in set().union(*needed.values()) if use in _uses(one, segments)}
    campaigns = {one for one, chosen in needed.items() if chosen & using}
    names = list(_titles(campaigns).values())[:MAX_NAMED]
    if use.what == "list":
        names = [*campaigns_needing(int(use.key)), *names]
    return list(dict.fromkeys(names))


def _uses(segment_id: int, segments: Mapping[int, Any]) -> set[Use]:
    try:
        return references.all_uses(segment_id, segments)
    except RulesError:  # the campaign cannot start with it
        return set()


def _needed_segments() -> dict[int, set[int]]:
    """Return the ids of the segments that campaigns still need, by campaign id."""
    needed = content_uses.segments_named(_is_not_frozen())
    chosen = db.session.execute(
        sa.select(CampaignSegment.campaign_id, CampaignSegment.segment_id)
        .join(Campaign, Campaign.id == CampaignSegment.campaign_id)
        .where(_is_not_frozen())
    )
    for campaign_id, segment_id in chosen:
        needed.setdefault(campaign_id, set()).add(segment_id)
    return needed


def _titles(campaign_ids: Collection[int]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(Campaign.id, Campaign.name, Campaign.subject)
        .where(Campaign.id.in_(campaign_ids))
        .order_by(Campaign.id)
    )
    return {row.id: title_of(row.name, row.subject) for row in rows}


def campaigns_on_account(provider_id: int) -> list[str]:
    """Return the names of campaigns in progress through this account (some, if many)."""
    return _names(Campaign.provider_id == provider_id, Campaign.status.in_(UNDER_WAY))


def campaigns_planned_on(provider_id: int) -> list[str]:
    """Return the names of scheduled and recurring campaigns that would go through this account.

    The account is frozen at the start: until then it is that of the sender address. Includes
    campaigns with this account as a fallback.
    """
    senders = sa.select(SenderAddress.id).where(SenderAddress.provider_id == provider_id)
    is_planned = sa.or_(Campaign.status == "scheduled", Campaign.id.in_(series.templates()))
    return _names(
        sa.or_(
            sa.and_(Campaign.sender_id.in_(senders), is_planned),
            sa.and_(Campaign.overflow_sender_id.in_(senders), _is_needed()),
        )
    )


def campaigns_from_sender(sender_id: int) -> list[str]:
    """Return the names of the campaigns that still need this address (some, if many).

    Includes recurring campaigns, and those with this address as their fallback sender.
    """
    return _names(
        sa.or_(Campaign.sender_id == sender_id, Campaign.overflow_sender_id == sender_id),
        _is_needed(),
    )


def being_sent_from(sender_id: int) -> list[str]:
    """Return the names of the campaigns being sent from this address, or paused."""
    return _names(
        Campaign.sender_id == sender_id, Campaign.status.in_(("preparing", "sending", "paused"))
    )


def drafts_from_sender(sender_id: int) -> list[str]:
    """Return the names of the drafts that come from this address (some, if many)."""
    return _names(Campaign.sender_id == sender_id, Campaign.status == "draft")


def campaigns_with_brand(brand_id: int) -> list[str]:
    """Return the names of the drafts with this brand (some, if many), recurring ones included.

    Launched campaigns have a copy of their brand.
    """
    return _names(Campaign.brand_id == brand_id, Campaign.status == "draft")


def templates_with_brand(brand_id: int) -> list[str]:
    """Return the names of the templates with this brand (some, if many)."""
    return list(
        db.session.scalars(
            sa.select(Template.name)
            .where(Template.brand_id == brand_id)
            .order_by(Template.id)
            .limit(MAX_NAMED)
        )
    )


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A campaign whose content shows a field. `is_planned`: it recurs, or is not a draft."""

    public_id: str
    title: str
    is_planned: bool


def campaigns_using_fields(keys: Collection[str]) -> dict[str, list[FieldUse]]:
    """Return the campaigns that show each field, by key, including in snippets and saved blocks.

    These are drafts (templates of recurring ones included), scheduled and active campaigns.
    """
    found: dict[str, list[FieldUse]] = {key: [] for key in keys}
    rows = db.session.execute(
        sa.select(
            Campaign.id, Campaign.public_id, Campaign.name, Campaign.status,
            Campaign.id.in_(series.templates()).label("recurs"), *_TEMPLATES,
        )
        .outerjoin(CampaignVariant, CampaignVariant.campaign_id == Campaign.id)
        .where(
            sa.or_(
                Campaign.status.in_(("draft", *UNDER_WAY)), Campaign.id.in_(series.templates())
            ),
            sa.or_(*(column.contains(mark) for column in _TEMPLATES for mark in _MAY_SHOW)),
        )
        .order_by(Campaign.id)
    ).all()  # fmt: skip
    included = content_uses.included_in({row.id for row in rows})
    for row in rows:
        texts = included.texts(row.id, " ".join(filter(None, row[5:])))
        shown = set(_MERGE_TAG.findall(" ".join(texts)))
        use = FieldUse(
            row.public_id, title_of(row.name, row.subject), row.recurs or row.status != "draft"
        )
        for key in found.keys() & shown:
            if use not in found[key]:  # each variant has its own row
                found[key].append(use)
    return found


_TEMPLATES = (
    Campaign.subject, Campaign.preheader, Campaign.source,
    CampaignVariant.subject, CampaignVariant.preheader, CampaignVariant.source,
)  # fmt: skip
_MAY_SHOW = ("subscriber", "snippet", '"saved"')
"""Every source that leads to a field contains one of these."""
_MERGE_TAG = re.compile(  # quotes are escaped in block documents
    r"subscriber\s*(?:\.\s*attributes\s*)?(?:\.\s*|\[\s*\\?[\"'])([A-Za-z_][A-Za-z0-9_]*)"
)


def forget_account(provider_id: int) -> None:
    """Clear an account that is about to be deleted from every campaign that is over."""
    db.session.execute(
        sa.update(Campaign)
        .where(Campaign.provider_id == provider_id, Campaign.status.not_in(UNDER_WAY))
        .values(provider_id=None)
    )


def _is_needed() -> sa.ColumnElement[bool]:
    """Return the condition "the campaign still needs its lists, sender and account"."""
    return sa.or_(Campaign.status.in_(UNDER_WAY), Campaign.id.in_(series.templates()))


def _is_not_frozen() -> sa.ColumnElement[bool]:
    """Return the condition "the campaign will be sent, and its audience is still to be frozen"."""
    return sa.or_(
        Campaign.status.in_(("scheduled", "preparing")), Campaign.id.in_(series.templates())
    )


def _names(*conditions: sa.ColumnElement[bool]) -> list[str]:
    rows = db.session.execute(
        sa.select(Campaign.name, Campaign.subject)
        .where(*conditions)
        .order_by(Campaign.id)
        .limit(MAX_NAMED)
    )
    return [title_of(name, subject) for name, subject in rows]
