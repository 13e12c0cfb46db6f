"""Variants of a campaign's content in other languages.

Each recipient gets the variant in their language, or the campaign's own content if there is none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import formatting
from campaigns.campaign.content_versions import recorded
from campaigns.campaign.models import Campaign, CampaignVariant
from campaigns.content.library.versions import VARIANT_FIELDS
from campaigns.db import db, insert_ignoring, rows_changed
from campaigns.reason import ReasonError

MAX_VARIANTS = 20
FIELDS = frozenset(VARIANT_FIELDS)
"""Fields of a variant."""


class VariantError(ReasonError):
    """The variant cannot be added, changed or removed."""


class VariantConflictError(ValueError):
    """Someone else saved a newer version of the variant first; nothing was saved."""

    def __init__(self, current: CampaignVariant) -> None:
        super().__init__(f"version {current.version} was saved first")
        self.current = current


def of_campaign(campaign_id: int) -> list[CampaignVariant]:
    """Return the variants of a campaign, by language."""
    return list(
        db.session.scalars(
            sa.select(CampaignVariant)
            .where(CampaignVariant.campaign_id == campaign_id)
            .order_by(CampaignVariant.language)
        )
    )


def source_in_every_language() -> sa.ColumnElement[str]:
    """Return the source of a campaign followed by those of its variants, as a column."""
    joined = sa.func.aggregate_strings(CampaignVariant.source, "\n")
    others = (
        sa.select(joined)
        .where(CampaignVariant.campaign_id == Campaign.id)
        .correlate(Campaign)
        .scalar_subquery()
    )
    return Campaign.source + "\n" + sa.func.coalesce(others, "")


def find(campaign_id: int, language: str) -> CampaignVariant | None:
    """Return the variant in this language, read again even if this session has it already."""
    return db.session.get(CampaignVariant, (campaign_id, language), populate_existing=True)


def add(
    campaign_id: int, language: str, *, main_language: str, editor_id: int | None, now: datetime
) -> CampaignVariant:
    """Add a variant, a copy of the campaign's own content. Raises VariantError.

    If there is one already, it stays as it is.
    """
    if not language or formatting.language_code(language) != language:
        raise VariantError("variants.unknown_language", language=language[:20])
    if language == main_language:
        raise VariantError("variants.main_language")
    with recorded(campaign_id):
        campaign = _touched(campaign_id, now, editor_id)
        others = {one.language for one in of_campaign(campaign_id)}
        if len(others - {language}) >= MAX_VARIANTS:
            raise VariantError("variants.too_many", most=MAX_VARIANTS)
        copied = {name: getattr(campaign, name) for name in FIELDS}
        db.session.execute(
            insert_ignoring(CampaignVariant).values(
                campaign_id=campaign_id, language=language, version=1, updated_at=now, **copied
            )
        )
    return db.session.get_one(CampaignVariant, (campaign_id, language), populate_existing=True)


def save(
    campaign_id: int,
    language: str,
    version: int,
    changes: Mapping[str, Any],
    *,
    editor_id: int | None,
    now: datetime,
) -> int:
    """Save these FIELDS of a variant on top of this version. Returns the new one.

    Raises VariantConflictError, and VariantError if it or the draft is gone.
    """
    if unknown := set(changes) - FIELDS:
        raise ValueError(f"not fields of a variant: {sorted(unknown)}")
    with recorded(campaign_id):
        _touched(campaign_id, now, editor_id)
        changed = db.session.execute(
            sa.update(CampaignVariant)
            .where(
                CampaignVariant.campaign_id == campaign_id,
                CampaignVariant.language == language,
                CampaignVariant.version == version,
            )
            .values(**changes, version=version + 1, edited_by_id=editor_id, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    if rows_changed(changed):
        return version + 1
    current = find(campaign_id, language)
    if current is None:
        raise VariantError("variants.gone")
    raise VariantConflictError(current)


def remove(campaign_id: int, language: str, *, editor_id: int | None, now: datetime) -> None:
    """Remove a variant. Raises VariantError if the campaign is not a draft."""
    with recorded(campaign_id):
        _touched(campaign_id, now, editor_id)
        db.session.execute(
            sa.delete(CampaignVariant).where(
                CampaignVariant.campaign_id == campaign_id, CampaignVariant.language == language
            )
        )


def replace_all(
    campaign_id: int,
    variants: Mapping[str, Mapping[str, Any]],
    *,
    editor_id: int | None,
    now: datetime,
) -> None:
    """Give a campaign exactly these variants, by language, each with a value for all FIELDS.

    The caller has increased the campaign's version. The variants get the same version, so that a
    page that shows older ones does not save over them.
    """
    db.session.execute(sa.delete(CampaignVariant).where(CampaignVariant.campaign_id == campaign_id))
    newest = sa.select(Campaign.version).where(Campaign.id == campaign_id).scalar_subquery()
    for language, values in variants.items():
        db.session.execute(
            sa.insert(CampaignVariant).values(
                campaign_id=campaign_id,
                language=language,
                version=newest,
                edited_by_id=editor_id,
                updated_at=now,
                **{name: values[name] for name in FIELDS},
            )
        )


def copy(from_id: int, to_id: int) -> None:
    """Give a campaign copies of the variants of another one."""
    names = ("language", *sorted(FIELDS), "version", "updated_at")
    columns = [getattr(CampaignVariant, name) for name in names]
    rows = sa.select(sa.literal(to_id, sa.BigInteger), *columns).where(
        CampaignVariant.campaign_id == from_id
    )
    db.session.execute(sa.insert(CampaignVariant).from_select(["campaign_id", *names], rows))


def _touched(campaign_id: int, now: datetime, editor_id: int | None) -> Campaign:
    """Increase the version of a draft, so that a launch notices the change. Raises VariantError."""
    found = db.session.scalar(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft")
        .values(
            version=Campaign.version + 1,
            updated_at=now,
            edited_by_id=sa.func.coalesce(
                sa.literal(editor_id, sa.BigInteger), Campaign.edited_by_id
            ),
        )
        .returning(Campaign.id),
        execution_options={"synchronize_session": False},
    )
    if found is None:
        raise VariantError("variants.locked")
    return db.session.get_one(Campaign, campaign_id, populate_existing=True)
