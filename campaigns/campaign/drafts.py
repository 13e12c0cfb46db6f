"""Drafts of campaigns: create, save, choose lists, duplicate, delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.campaign import audience, fallback_sender
from campaigns.campaign.models import Campaign, CampaignList, CampaignSeries, Delivery
from campaigns.db import db
from campaigns.providers.models import SenderAddress
from campaigns.reason import ReasonError

EDITABLE = frozenset(
    {"name", "subject", "preheader", "html", "sender_id", "track_opens", "track_clicks"}
)
MAX_LINE = 500
"""Longest name, subject and preheader in characters."""
MAX_HTML = 512 * 1024


class NotEditableError(ReasonError):
    """The campaign is no draft, or was deleted: nothing was saved."""


class EditConflictError(ValueError):
    """Someone else saved a newer version first, `current`; nothing was saved."""

    def __init__(self, current: Campaign) -> None:
        super().__init__(f"version {current.version} was saved first")
        self.current = current


@dataclass(frozen=True, slots=True)
class ChosenLists:
    """Ids of the lists that a campaign includes and excludes.

    A list in both is excluded.
    """

    included: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The audience in five figures: matched - duplicates - excluded - suppressed = recipients.

    `matched` counts subscriptions; everything after that counts people.
    """

    matched: int
    duplicates: int
    excluded: int
    suppressed: int
    recipients: int


def audience_arithmetic(campaign_id: int) -> Arithmetic:
    """Count the current audience, set-based: about a second for a million."""
    found = db.session.execute(audience.arithmetic(campaign_id)).one()
    matched, distinct, excluded, suppressed = found
    return Arithmetic(
        matched=matched,
        duplicates=matched - distinct,
        excluded=excluded,
        suppressed=suppressed,
        recipients=distinct - excluded - suppressed,
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
    html: str = "",
    editor_id: int | None = None,
) -> Campaign:
    """Create a draft with the default sender."""
    campaign = Campaign(
        name=name[:MAX_LINE],
        subject=subject[:MAX_LINE],
        html=html,
        sender_id=default_sender_id(),
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
    lists: ChosenLists | None = None,
    editor_id: int | None,
    now: datetime,
) -> int:
    """Save these fields (EDITABLE), and the lists if given, on top of this version.

    Returns the new version. Raises EditConflictError if someone saved a newer one, NotEditableError
    if it is no longer a draft.
    """
    unknown = set(changes) - EDITABLE
    if unknown:
        raise ValueError(f"not fields of a draft: {sorted(unknown)}")
    new_version = _touch(campaign_id, version, changes, editor_id=editor_id, now=now)
    if lists is not None:
        _write_lists(campaign_id, lists)
    return new_version


def _touch(
    campaign_id: int,
    version: int,
    changes: Mapping[str, Any],
    *,
    editor_id: int | None,
    now: datetime,
) -> int:
    """Increase the version, if it is a draft and still this version."""
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


def _write_lists(campaign_id: int, lists: ChosenLists) -> None:
    db.session.execute(sa.delete(CampaignList).where(CampaignList.campaign_id == campaign_id))
    chosen = dict.fromkeys(lists.included, False) | dict.fromkeys(lists.excluded, True)
    if chosen:
        db.session.execute(
            sa.insert(CampaignList),
            [
                {"campaign_id": campaign_id, "list_id": list_id, "is_excluded": is_excluded}
                for list_id, is_excluded in sorted(chosen.items())
            ],
        )


def chosen_lists(campaign_id: int) -> ChosenLists:
    """Return the lists of a campaign."""
    rows = db.session.execute(
        sa.select(CampaignList.list_id, CampaignList.is_excluded).where(
            CampaignList.campaign_id == campaign_id
        )
    ).all()
    return ChosenLists(
        included=frozenset(row.list_id for row in rows if not row.is_excluded),
        excluded=frozenset(row.list_id for row in rows if row.is_excluded),
    )


def duplicate(
    campaign_id: int, *, editor_id: int | None, now: datetime, name: str = ""
) -> Campaign:
    """Create a draft with the same content, sender and lists. Raises NotEditableError."""
    old = db.session.get(Campaign, campaign_id)
    if old is None:
        raise _not_editable(None)
    sender_id, overflow_sender_id = fallback_sender.as_planned(old)
    copy = Campaign(
        name=(name or old.name)[:MAX_LINE],
        subject=old.subject,
        preheader=old.preheader,
        html=old.html,
        sender_id=sender_id or default_sender_id(),
        overflow_sender_id=overflow_sender_id,
        track_opens=old.track_opens,
        track_clicks=old.track_clicks,
        canary_percent=old.canary_percent,
        canary_minutes=old.canary_minutes,
        canary_bands=old.canary_bands,
        edited_by_id=editor_id,
        created_at=now,
        updated_at=now,
    )
    db.session.add(copy)
    db.session.flush()
    _write_lists(copy.id, chosen_lists(campaign_id))
    return copy


def delete(campaign_id: int) -> bool:
    """Delete a draft. False for a campaign that was sent: its deliveries are the record.

    The template of a series is kept too, as the series would be deleted with it.
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
