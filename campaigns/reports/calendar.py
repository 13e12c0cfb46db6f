"""Past and future campaigns by day, including occurrences of recurring ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign import series
from campaigns.campaign.models import Campaign, CampaignOccurrence, CampaignSeries
from campaigns.campaign.title import title_of
from campaigns.db import db

MOST = 5000
"""Largest number of entries in one view."""
DAY = timedelta(days=1)
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class CalendarEntry:
    """One entry. `state` is the campaign's, or `asks`, `planned`, `skipped`.

    Planned and skipped ones are occurrences without a campaign: `public_id` is then the series',
    and `local` is the time. `series_id`: the series it belongs to, if any.
    """

    at: datetime
    key: str
    public_id: str
    title: str
    state: str
    local: str = ""
    series_id: str = ""

    @property
    def is_a_campaign(self) -> bool:
        """Whether the entry is a campaign."""
        return self.state not in ("planned", "skipped")

    @property
    def can_be_moved(self) -> bool:
        """Whether its time can be changed."""
        return self.state in ("scheduled", "asks", "planned")


def entries(
    since: datetime, until: datetime, *, after: tuple[datetime, str] | None = None, most: int = MOST
) -> list[CalendarEntry]:
    """Return the entries between two times, in order; at most `most`, after a key."""
    start = max(since, after[0]) if after else since
    found = sorted(
        [
            *_of_campaigns(start, until, after, most),
            *_drafts(start, until),
            *_without_campaign(start, until),
        ]
    )
    return [entry for entry in found if after is None or (entry.at, entry.key) > after][:most]


def _of_campaigns(
    since: datetime, until: datetime, after: tuple[datetime, str] | None, most: int
) -> list[CalendarEntry]:
    entries: list[CalendarEntry] = []
    for column, condition in (
        (Campaign.scheduled_at, Campaign.status == "scheduled"),
        (Campaign.started_at, Campaign.status.not_in(("draft", "scheduled"))),
    ):
        rows = db.session.execute(
            sa.select(
                column.label("at"),
                Campaign.id,
                Campaign.public_id,
                Campaign.name,
                Campaign.subject,
                Campaign.status,
                Campaign.asked_at,
                CampaignOccurrence.local_at,
                CampaignSeries.public_id.label("series_id"),
            )
            .outerjoin(CampaignOccurrence, CampaignOccurrence.campaign_id == Campaign.id)
            .outerjoin(CampaignSeries, CampaignSeries.id == CampaignOccurrence.series_id)
            .where(condition, column >= since, column < until, _is_after(column, after))
            .order_by(column, Campaign.id)
            .limit(most + 1)
        )
        entries += [
            CalendarEntry(
                at=row.at,
                key=_key(row.id),
                public_id=row.public_id,
                title=title_of(row.name, row.subject),
                state="asks" if row.asked_at and row.status == "scheduled" else row.status,
                local=row.local_at or "",
                series_id=row.series_id or "",
            )
            for row in rows
        ]
    return entries


_SERIES = "s"


def _key(campaign_id: int) -> str:
    """Return the sort key of an entry: by id, campaigns first."""
    return f"{campaign_id:020}"


def _is_after(
    column: sa.SQLColumnExpression[datetime | None], after: tuple[datetime, str] | None
) -> sa.ColumnElement[bool]:
    if after is None:
        return sa.true()
    at, key = after
    last = int(key) if key.isascii() and key.isdigit() and len(key) == 20 else None
    if last is None or last > _LARGEST_ID:
        return column > at
    return sa.or_(column > at, sa.and_(column == at, Campaign.id > last))


def _drafts(since: datetime, until: datetime) -> list[CalendarEntry]:
    """Return campaigns of a series that were returned to draft."""
    rows = db.session.execute(
        sa.select(CampaignOccurrence, CampaignSeries, Campaign)
        .join(CampaignSeries, CampaignSeries.id == CampaignOccurrence.series_id)
        .join(Campaign, Campaign.id == CampaignOccurrence.campaign_id)
        .where(
            Campaign.status == "draft",
            CampaignSeries.ended_at.is_(None),
            CampaignOccurrence.local_at >= (since - DAY).date().isoformat(),
            CampaignOccurrence.local_at < (until + 2 * DAY).date().isoformat(),
        )
        .limit(MOST)
    )
    found = []
    for occurrence, of, campaign in rows:
        at = series.occurrence_time(of, datetime.fromisoformat(occurrence.local_at))
        if since <= at < until:
            title = title_of(campaign.name, campaign.subject)
            found.append(
                CalendarEntry(
                    at, _key(campaign.id), campaign.public_id, title, "draft",
                    occurrence.local_at, of.public_id,
                )
            )  # fmt: skip
    return found


def _without_campaign(since: datetime, until: datetime) -> list[CalendarEntry]:
    first, last = (since - DAY).date(), (until + 2 * DAY).date()
    titles = _titles()
    return [
        CalendarEntry(
            one.at,
            f"{_SERIES}{one.series.id:020} {one.local:%Y%m%d%H%M}",
            one.series.public_id,
            titles.get(one.series.template_id, ""),
            "skipped" if one.is_skipped else "planned",
            f"{one.local:%Y-%m-%dT%H:%M}",
            one.series.public_id,
        )
        for one in series.ahead(since=first, until=last)
        if since <= one.at < until
    ]


def _titles() -> dict[int, str]:
    rows = db.session.execute(
        sa.select(Campaign.id, Campaign.name, Campaign.subject)
        .join(CampaignSeries, CampaignSeries.template_id == Campaign.id)
        .where(CampaignSeries.ended_at.is_(None))
    )
    return {row.id: title_of(row.name, row.subject) for row in rows}
