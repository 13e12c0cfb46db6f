"""The home page: figures of the workspace, and what needs attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Workspace
from campaigns.audience.models import AudienceList, ImportRun, Subscriber
from campaigns.campaign import series
from campaigns.campaign.models import Campaign
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.events import rates
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from campaigns.reports.balance import Balance
from campaigns.reports.engagement import Engagement
from campaigns.reports.figures import Counts

PERIOD = timedelta(days=30)
STARTED = ("preparing", "sending", "paused", "sent", "cancelled")


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """A campaign in a table: its facts, balance and engagement."""

    id: int
    public_id: str
    title: str
    status: str
    status_reason: str
    scheduled_at: datetime | None
    is_undo_window: bool
    started_at: datetime | None
    finished_at: datetime | None
    track_opens: bool
    track_clicks: bool
    balance: Balance
    engagement: Engagement


@dataclass(frozen=True, slots=True)
class Period:
    """Figures of the campaigns started in a period. Rates count only campaigns that track.

    `opened` of `open_base` recipients, `clicked` of `click_base`.
    """

    campaigns: int = 0
    sent: int = 0
    opened: int = 0
    open_base: int = 0
    clicked: int = 0
    click_base: int = 0

    @property
    def open_rate(self) -> float | None:
        """Share of recipients who opened; None if none can be counted."""
        return self.opened / self.open_base if self.open_base else None

    @property
    def click_rate(self) -> float | None:
        """Share of recipients who clicked; None if none can be counted."""
        return self.clicked / self.click_base if self.click_base else None


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """Current and new subscribers; the last 30 days compared with the 30 before."""

    subscribers: int
    new_subscribers: int
    now: Period
    before: Period


@dataclass(frozen=True, slots=True)
class Trouble:
    """A provider account that does not work, with its last error."""

    account: str
    sentence: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class FailedImport:
    """An import that failed."""

    public_id: str
    file_name: str
    error: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """What needs the attention of a user."""

    troubles: list[Trouble]
    asked: list[CampaignFigures]
    """Scheduled campaigns that missed their time and wait for a decision."""
    paused: list[CampaignFigures]
    failed_imports: list[FailedImport]
    rates: list[tuple[str, Reason]]
    """Accounts whose emails bounce or are reported as spam too often, and how."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """Progress of the setup."""

    has_account: bool
    has_sender: bool
    has_postal_address: bool
    has_list: bool
    has_subscribers: bool
    has_campaign: bool

    @property
    def is_done(self) -> bool:
        """Whether every step of the setup is done."""
        return all(
            (
                self.has_account,
                self.has_sender,
                self.has_postal_address,
                self.has_list,
                self.has_subscribers,
                self.has_campaign,
            )
        )


def active_campaigns(counts: Counts) -> list[CampaignFigures]:
    """Return preparing, sending and paused campaigns, latest start first."""
    return _with_figures(
        counts,
        Campaign.status.in_(("preparing", "sending", "paused")),
        order=(Campaign.started_at.desc(), Campaign.id.desc()),
        limit=20,
        with_engagement=False,
    )


def next_scheduled(counts: Counts, *, limit: int = 5) -> list[CampaignFigures]:
    """Return scheduled campaigns, next one first."""
    return _with_figures(
        counts,
        sa.and_(Campaign.status == "scheduled", Campaign.asked_at.is_(None)),
        order=(Campaign.scheduled_at, Campaign.id),
        limit=limit,
        with_engagement=False,
    )


def last_campaigns(counts: Counts, *, limit: int = 5) -> list[CampaignFigures]:
    """Return the latest campaigns with their results."""
    return _with_figures(
        counts,
        Campaign.status.in_(STARTED),
        order=(Campaign.started_at.desc(), Campaign.id.desc()),
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class DraftSummary:
    """A draft in a table."""

    public_id: str
    title: str
    updated_at: datetime


def last_drafts(*, limit: int = 3) -> list[DraftSummary]:
    """Return the latest edited drafts, without templates of recurring campaigns."""
    rows = db.session.execute(
        sa.select(Campaign.public_id, Campaign.name, Campaign.subject, Campaign.updated_at)
        .where(Campaign.status == "draft", Campaign.id.not_in(series.templates()))
        .order_by(Campaign.updated_at.desc(), Campaign.id.desc())
        .limit(limit)
    )
    return [
        DraftSummary(row.public_id, title_of(row.name, row.subject), row.updated_at) for row in rows
    ]


def _with_figures(
    counts: Counts,
    condition: Any,
    *,
    order: tuple[Any, ...],
    limit: int,
    with_engagement: bool = True,
) -> list[CampaignFigures]:
    found = db.session.execute(
        sa.select(
            Campaign.id,
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            Campaign.status,
            Campaign.status_reason,
            Campaign.scheduled_at,
            Campaign.is_undo_window,
            Campaign.started_at,
            Campaign.finished_at,
            Campaign.track_opens,
            Campaign.track_clicks,
        )
        .where(condition)
        .order_by(*order)
        .limit(limit)
    ).all()
    ids = [row.id for row in found]
    balances = counts.balances(ids)
    engagements = counts.engagements(ids) if with_engagement else {}
    return [
        CampaignFigures(
            id=row.id,
            public_id=row.public_id,
            title=title_of(row.name, row.subject),
            status=row.status,
            status_reason=row.status_reason,
            scheduled_at=row.scheduled_at,
            is_undo_window=row.is_undo_window,
            started_at=row.started_at,
            finished_at=row.finished_at,
            track_opens=row.track_opens,
            track_clicks=row.track_clicks,
            balance=balances.get(row.id, Balance()),
            engagement=engagements.get(row.id, Engagement()),
        )
        for row in found
    ]


def home_figures(counts: Counts, *, now: datetime) -> HomeFigures:
    """Return the figures of the tiles."""
    people = counts.people()
    started = db.session.execute(
        sa.select(
            Campaign.id, Campaign.started_at, Campaign.track_opens, Campaign.track_clicks
        ).where(Campaign.started_at > now - 2 * PERIOD, Campaign.started_at <= now)
    ).all()
    counts.balances([row.id for row in started])  # for both periods at once
    return HomeFigures(
        subscribers=people.total,
        new_subscribers=people.new,
        now=_period(counts, [row for row in started if row.started_at > now - PERIOD]),
        before=_period(counts, [row for row in started if row.started_at <= now - PERIOD]),
    )


def _period(counts: Counts, found: Sequence[Any]) -> Period:
    """Return the figures of these campaigns."""
    ids = [row.id for row in found]
    sent = {key: balance.sent for key, balance in counts.balances(ids).items()}
    came_back = counts.engagements(ids)
    with_opens = [row.id for row in found if row.track_opens]
    with_clicks = [row.id for row in found if row.track_clicks]
    nothing = Engagement()
    return Period(
        campaigns=len(ids),
        sent=sum(sent.values()),
        opened=sum(came_back.get(key, nothing).opened for key in with_opens),
        open_base=sum(sent.get(key, 0) for key in with_opens),
        clicked=sum(came_back.get(key, nothing).clicked for key in with_clicks),
        click_base=sum(sent.get(key, 0) for key in with_clicks),
    )


def alerts(counts: Counts, *, now: datetime) -> Alerts:
    """Return what needs a user's attention.

    That is failed provider accounts, missed and paused campaigns, and failed imports. For campaigns
    on hold after a restore, see `engine.restored`.
    """
    troubles = db.session.execute(
        sa.select(ProviderAccount.name, ProviderAccount.trouble, ProviderAccount.trouble_at)
        .where(ProviderAccount.trouble != "")
        .order_by(ProviderAccount.name)
    )
    failed = db.session.execute(
        sa.select(ImportRun.public_id, ImportRun.file_name, ImportRun.error)
        .where(ImportRun.status == "failed", ImportRun.created_at > now - timedelta(days=7))
        .order_by(ImportRun.id.desc())
        .limit(5)
    )
    paused = _with_figures(
        counts,
        sa.and_(
            Campaign.status == "paused",
            Campaign.status_reason != "",
            Campaign.restored_at.is_(None),
        ),
        order=(Campaign.started_at.desc(), Campaign.id.desc()),
        limit=5,
        with_engagement=False,
    )
    asked = _with_figures(
        counts,
        sa.and_(
            Campaign.status == "scheduled",
            Campaign.asked_at.is_not(None),
            Campaign.restored_at.is_(None),
        ),
        order=(Campaign.scheduled_at, Campaign.id),
        limit=5,
        with_engagement=False,
    )
    return Alerts(
        troubles=[Trouble(*row) for row in troubles],
        asked=asked,
        paused=paused,
        failed_imports=[FailedImport(*row) for row in failed],
        rates=rates.recent_alarms(now=now),
    )


def set_up() -> SetUp:
    """Return which setup steps are done."""
    postal = sa.select(Workspace.postal_address).where(Workspace.id == 1).scalar_subquery()
    row = db.session.execute(
        sa.select(
            postal.label("postal"),
            sa.exists(sa.select(ProviderAccount.id)).label("account"),
            sa.exists(sa.select(SenderAddress.id)).label("sender"),
            sa.exists(sa.select(AudienceList.id)).label("list"),
            sa.exists(sa.select(Subscriber.id)).label("subscribers"),
            sa.exists(sa.select(Campaign.id).where(Campaign.status.in_(STARTED))).label("campaign"),
        )
    ).one()
    return SetUp(
        has_account=row.account,
        has_sender=row.sender,
        has_postal_address=bool(row.postal and row.postal.strip()),
        has_list=row.list,
        has_subscribers=row.subscribers,
        has_campaign=row.campaign,
    )
