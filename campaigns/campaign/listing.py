"""List campaigns: filter by state, search, page by page, newest first."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer

from campaigns.audience.models import AudienceList
from campaigns.audience.paging import Page, fetch, number_key
from campaigns.campaign.models import Campaign, CampaignList
from campaigns.db import db

SHOWN: Mapping[str, tuple[str, ...]] = {
    "draft": ("draft",),
    "scheduled": ("scheduled",),
    "sending": ("preparing", "sending", "paused"),
    "sent": ("sent",),
    "cancelled": ("cancelled",),
}
"""The filters of the list, and the states of each."""
PAGE_SIZE = 25


def page(
    *, shown: str = "", text: str = "", before: str | None = None, after: str | None = None
) -> Page[Campaign]:
    """Return a page. `shown` is one of SHOWN, or "" for all; `text` is part of name or subject."""
    # The content of 25 campaigns may be megabytes, and a table does not show it.
    statement = sa.select(Campaign).options(defer(Campaign.source))
    if shown in SHOWN:
        statement = statement.where(Campaign.status.in_(SHOWN[shown]))
    if text.strip():
        statement = statement.where(_holds(text.strip()))
    return fetch(
        statement,
        sa.type_coerce(Campaign.id, sa.BigInteger),
        name="id",
        descending=True,
        before=number_key(before),
        after=number_key(after),
        size=PAGE_SIZE,
    )


def _holds(text: str) -> sa.ColumnElement[bool]:
    # SQLite folds the case of ASCII only, so try the usual spellings of other letters.
    spellings = {text, text.lower(), text.upper(), text.title()}
    return sa.or_(
        *(
            column.icontains(one, autoescape=True)
            for column in (Campaign.name, Campaign.subject)
            for one in sorted(spellings)
        )
    )


def has_any() -> bool:
    """Return whether there is any campaign."""
    return db.session.scalar(sa.select(Campaign.id).limit(1)) is not None


def list_names(campaign_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the names of the lists of each campaign."""
    rows = db.session.execute(
        sa.select(CampaignList.campaign_id, AudienceList.name)
        .join(AudienceList, AudienceList.id == CampaignList.list_id)
        .where(CampaignList.campaign_id.in_(campaign_ids), ~CampaignList.is_excluded)
        .order_by(CampaignList.campaign_id, AudienceList.name)
    )
    names: dict[int, list[str]] = {}
    for campaign_id, name in rows:
        names.setdefault(campaign_id, []).append(name)
    return names


def recent(*, limit: int) -> list[Any]:
    """Return (public_id, name, subject) of the newest campaigns, to start from one of them."""
    return list(
        db.session.execute(
            sa.select(Campaign.public_id, Campaign.name, Campaign.subject)
            .order_by(Campaign.id.desc())
            .limit(limit)
        )
    )
