"""Drafts of campaigns: create, save, choose the audience, duplicate, delete."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.campaign import (
    audience,
    content_versions,
    fallback_sender,
    feed,
    language_variants,
)
from campaigns.campaign.audience import AudienceError, Scope
from campaigns.campaign.models import (
    Campaign,
    CampaignList,
    CampaignSegment,
    CampaignSeries,
    Delivery,
)
from campaigns.content.library import brands
from campaigns.db import db
from campaigns.providers.models import SenderAddress
from campaigns.reason import Reason, ReasonError

Part = Literal["content", "settings", "variables"]
"""What one page edits. A save of one part never changes the others."""

PARTS: Mapping[Part, frozenset[str]] = {
    "content": frozenset({"content_kind", "source", "inline_css", "brand_id"}),
    "settings": frozenset(
        {"name", "subject", "preheader", "sender_id", "track_opens", "track_clicks", "embed_images"}
    ),
    "variables": frozenset({"variables"}),
}
EDITABLE = frozenset[str]().union(*PARTS.values())
MAX_LINE = 500
"""Longest name, subject and preheader in characters."""
MAX_SOURCE = 512 * 1024
"""Longest source in bytes."""


class NotEditableError(ReasonError):
    """The campaign is not a draft, or was deleted: nothing was saved."""


class EditConflictError(ValueError):
    """Someone else saved a newer version first, `current`; nothing was saved."""

    def __init__(self, current: Campaign) -> None:
        super().__init__(f"version {current.version} was saved first")
        self.current = current


@dataclass(frozen=True, slots=True)
class ChosenAudience:
    """Ids of the lists and segments that a campaign includes and excludes.

    What is in both is excluded.
    """

    lists: frozenset[int] = frozenset()
    excluded_lists: frozenset[int] = frozenset()
    segments: frozenset[int] = frozenset()
    excluded_segments: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The audience in figures, which add up.

    matched - duplicates - not_subscribed - excluded - suppressed = recipients. `matched` counts
    subscriptions, or with included segments the people of each; everything after that counts
    people. With a `problem`, such as a deleted segment, nothing can be counted.
    """

    matched: int = 0
    duplicates: int = 0
    not_subscribed: int = 0
    excluded: int = 0
    suppressed: int = 0
    recipients: int = 0
    problem: Reason | None = None


def audience_arithmetic(campaign_id: int, *, now: datetime) -> Arithmetic:
    """Count the current audience, set-based: about a second for a million."""
    try:
        return count(audience.scope_of(campaign_id, now=now))
    except AudienceError as error:
        return Arithmetic(problem=error.reason)


def count(scope: Scope) -> Arithmetic:
    """Count this audience."""
    matched, distinct, reached, excluded, suppressed = db.session.execute(
        audience.arithmetic(scope)
    ).one()
    return Arithmetic(
        matched=matched,
        duplicates=matched - distinct,
        not_subscribed=distinct - reached,
        excluded=excluded,
        suppressed=suppressed,
        recipients=reached - excluded - suppressed,
    )


def find(public_id: str) -> Campaign | None:
    """Find a campaign, read again even if this session has it already."""
    return db.session.scalar(
        sa.select(Campaign)
        .where(Campaign.public_id == public_id)
        .execution_options(populate_existing=True)
    )


def default_sender_id() -> int | None:
    """Return the sender address of new campaigns."""
    return db.session.scalar(
        sa.select(SenderAddress.id)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )


def create(
    *,
    now: datetime,
    name: str = "",
    subject: str = "",
    content_kind: str = "html",
    source: str = "",
    editor_id: int | None = None,
) -> Campaign:
    """Create a draft with the default brand and its sender."""
    brand = brands.default()
    campaign = Campaign(
        name=name[:MAX_LINE],
        subject=subject[:MAX_LINE],
        content_kind=content_kind,
        source=source,
        brand_id=brand.id if brand else None,
        sender_id=(brand.sender_id if brand else None) or default_sender_id(),
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
    )
    db.session.add(campaign)
    db.session.flush()
    return campaign


def save(
    campaign_id: int,
    version: int,
    changes: Mapping[str, Any],
    *,
    chosen: ChosenAudience | None = None,
    seen: str = "",
    editor_id: int | None,
    now: datetime,
) -> int:
    """Save these fields (EDITABLE), and the audience if given, on top of this version.

    `seen`: the fingerprint of the part that was edited. If only other parts were changed since,
    there is no conflict. Returns the new version. Raises EditConflictError if someone saved a newer
    one, NotEditableError if it is no longer a draft.
    """
    unknown = set(changes) - EDITABLE
    if unknown:
        raise ValueError(f"not fields of a draft: {sorted(unknown)}")
    with content_versions.recorded(campaign_id):
        try:
            new_version = _touch(campaign_id, version, changes, editor_id=editor_id, now=now)
        except EditConflictError as error:
            if seen not in _fingerprints(error.current, changes):
                raise
            version = error.current.version
            new_version = _touch(campaign_id, version, changes, editor_id=editor_id, now=now)
    if chosen is not None:
        choose_audience(campaign_id, chosen)
    return new_version


def restore(
    campaign_id: int,
    version: int,
    content: Mapping[str, Any],
    *,
    editor_id: int | None,
    now: datetime,
) -> None:
    """Bring back the content of an earlier version on top of this version, as a separate version.

    `content`: some or all of `versions.FIELDS`; the others stay. Raises EditConflictError or
    NotEditableError.
    """
    own = {name: value for name, value in content.items() if name != "variants"}
    with content_versions.recorded(campaign_id, is_separate=True):
        _touch(campaign_id, version, own, editor_id=editor_id, now=now)
        if "variants" in content:
            language_variants.replace_all(
                campaign_id, content["variants"], editor_id=editor_id, now=now
            )


def fingerprint(campaign: Campaign, part: Part) -> str:
    """Return a digest of what a page edits, to notice whether someone else changed it."""
    values: list[Any] = [getattr(campaign, name) for name in sorted(PARTS[part])]
    if part == "settings":
        values += map(sorted, astuple(chosen_audience(campaign.id)))
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _fingerprints(campaign: Campaign, changes: Mapping[str, Any]) -> list[str]:
    """Return the fingerprint of the part that all of these changes belong to, if it is one."""
    return [
        fingerprint(campaign, part) for part, fields in PARTS.items() if fields.issuperset(changes)
    ]


def _touch(
    campaign_id: int,
    version: int,
    changes: Mapping[str, Any],
    *,
    editor_id: int | None,
    now: datetime,
) -> int:
    """Save the changes and increase the version, if it is a draft and still this version."""
    new_version: int | None = db.session.scalar(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft", Campaign.version == version)
        .values(**changes, version=version + 1, edited_by_id=editor_id, updated_at=now)
        .returning(Campaign.version),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()
    if new_version is not None:
        return new_version
    current = db.session.get(Campaign, campaign_id)
    if current is None or current.status != "draft":
        raise _not_editable(current)
    raise EditConflictError(current)


def _not_editable(campaign: Campaign | None) -> NotEditableError:
    if campaign is None:
        return NotEditableError("draft.deleted")
    return NotEditableError("draft.locked", status=campaign.status)


def choose_audience(campaign_id: int, chosen: ChosenAudience) -> None:
    """Replace the lists and segments of a draft."""
    _replace(CampaignList, "list_id", campaign_id, chosen.lists, chosen.excluded_lists)
    _replace(CampaignSegment, "segment_id", campaign_id, chosen.segments, chosen.excluded_segments)


def _replace(
    model: type[CampaignList | CampaignSegment],
    column: str,
    campaign_id: int,
    included: frozenset[int],
    excluded: frozenset[int],
) -> None:
    db.session.execute(sa.delete(model).where(model.campaign_id == campaign_id))
    both = dict.fromkeys(included, False) | dict.fromkeys(excluded, True)
    if both:
        db.session.execute(
            sa.insert(model),
            [
                {"campaign_id": campaign_id, column: number, "is_excluded": is_excluded}
                for number, is_excluded in sorted(both.items())
            ],
        )


def chosen_audience(campaign_id: int) -> ChosenAudience:
    """Return the lists and segments of a campaign, deleted segments included."""
    lists, segments = (
        db.session.execute(
            sa.select(column, model.is_excluded).where(model.campaign_id == campaign_id)
        ).all()
        for model, column in (
            (CampaignList, CampaignList.list_id),
            (CampaignSegment, CampaignSegment.segment_id),
        )
    )
    return ChosenAudience(
        lists=frozenset(number for number, is_excluded in lists if not is_excluded),
        excluded_lists=frozenset(number for number, is_excluded in lists if is_excluded),
        segments=frozenset(number for number, is_excluded in segments if not is_excluded),
        excluded_segments=frozenset(number for number, is_excluded in segments if is_excluded),
    )


def duplicate(
    campaign_id: int, *, editor_id: int | None, now: datetime, name: str = ""
) -> Campaign:
    """Create a draft with the same content, sender and audience. Raises NotEditableError."""
    old = db.session.get(Campaign, campaign_id)
    if old is None:
        raise _not_editable(None)
    sender_id, overflow_sender_id = fallback_sender.as_planned(old)
    copy = Campaign(
        name=(name or old.name)[:MAX_LINE],
        subject=old.subject,
        preheader=old.preheader,
        content_kind=old.content_kind,
        source=old.source,
        inline_css=old.inline_css,
        brand_id=old.brand_id,
        variables=old.variables,
        sender_id=sender_id or default_sender_id(),
        overflow_sender_id=overflow_sender_id,
        track_opens=old.track_opens,
        track_clicks=old.track_clicks,
        embed_images=old.embed_images,
        canary_percent=old.canary_percent,
        canary_minutes=old.canary_minutes,
        canary_bands=old.canary_bands,
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
    )
    db.session.add(copy)
    db.session.flush()
    choose_audience(copy.id, chosen_audience(campaign_id))
    language_variants.copy(campaign_id, copy.id)
    feed.copy(campaign_id, copy.id)
    return copy


def delete(campaign_id: int) -> bool:
    """Delete a draft. False for a campaign that was sent: its deliveries are the record.

    The template of an active series is kept too, as the series would be deleted with it.
    """
    has_deliveries = sa.exists().where(Delivery.campaign_id == campaign_id)
    repeats = sa.exists().where(
        CampaignSeries.template_id == campaign_id, CampaignSeries.ended_at.is_(None)
    )
    deleted = db.session.execute(
        sa.delete(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft", ~has_deliveries, ~repeats)
        .returning(Campaign.id),
        execution_options={"synchronize_session": False},
    ).all()
    db.session.expire_all()
    return bool(deleted)
