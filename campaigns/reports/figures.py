"""The figures of campaigns, lists and people: counted for one page, or read from snapshots.

Small counts are made whenever they are shown. Large ones are made in the background and stored
(`reports.snapshots`); pages show them with their time and do not wait for a million rows. A page
still counts in three cases: without a snapshot; if a campaign has changed its state
since, so that figures of a finished, cancelled or paused one are correct at once; and if the
snapshot of a sending campaign is too old and counting is fast.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience import lists as audience_lists
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign
from campaigns.db import db
from campaigns.delivery import canary
from campaigns.delivery.canary_policy import Figures
from campaigns.reports import bounces, engagement, list_history, replies, resend_options, snapshots
from campaigns.reports.balance import Balance, campaign_balances
from campaigns.reports.bounces import BounceFigures
from campaigns.reports.engagement import Engagement, Hour, LinkFigures, campaign_engagements
from campaigns.reports.groups import GroupCount, Tally, tally
from campaigns.reports.list_history import ListHistory
from campaigns.reports.replies import ReasonFigures
from campaigns.reports.resend_options import ResendOptions, UndecidedGroup
from campaigns.reports.snapshots import Counted, Snapshot, Subject
from campaigns.stored import from_stored

FINAL = ("sent", "cancelled")
MOVING = ("sending", "paused")
LARGE = 10_000
"""Number of rows from which counts are stored."""
TOO_OLD = timedelta(seconds=120)
"""Age that snapshots of active campaigns never reach while the clock runs."""
PATIENCE_SECONDS = 0.1
"""How long a page counts, in seconds; after that it shows the remaining old snapshots."""
WORTH_SAYING = timedelta(seconds=5)
MAX_REQUESTED = 5
"""Largest number of counts that one page requests."""
NEW = timedelta(days=30)

_RESEND_OPTIONS = "chances"
"""Name of the resend options in a stored snapshot; earlier versions read it, too."""

LASTS_WHILE_SENDING = timedelta(seconds=15)
LASTS = timedelta(seconds=60)
LASTS_AS_HISTORY = timedelta(hours=1)
FRACTION_OF_AGE = 0.02
"""Fraction of a campaign's age for which its counts last: old campaigns change rarely."""


@dataclass(frozen=True, slots=True)
class SubscriberCounts:
    """All subscribers, and new ones of the last 30 days."""

    total: int = 0
    new: int = 0


class Counts:
    """The figures of one page, each counted or loaded once.

    `wanted`: (subject, id) to count in the background; the edge rings for them.
    """

    def __init__(self, *, now: datetime, with_details: bool = False) -> None:
        """Create it. `with_details`: for the page of one campaign, which shows more than tables."""
        self._now = now
        self._with_details = with_details
        self._snapshots: dict[int, Snapshot] = {}
        self._counted: set[int] = set()
        self._totals: dict[int, Mapping[str, int]] = {}
        self._balances: dict[int, Balance] = {}
        self._engagements: dict[int, Engagement] = {}
        self._spent_seconds = 0.0
        self._moments: list[datetime] = []
        self.wanted: list[tuple[Subject, int]] = []

    @property
    def as_of(self) -> datetime | None:
        """Return the time of the oldest figure shown, if it is worth mentioning."""
        return min(self._moments, default=None)

    # --- campaigns

    def balances(self, ids: Collection[int]) -> dict[int, Balance]:
        """Return the balance of each of these campaigns that exists."""
        self._look_at(ids)
        new = [one for one in ids if one in self._counted and one not in self._balances]
        self._take(campaign_balances(new))
        return {one: self._balances[one] for one in ids if one in self._balances}

    def engagements(self, ids: Collection[int]) -> dict[int, Engagement]:
        """Return the engagement of each of these campaigns, if any."""
        self._look_at(ids)
        new = [one for one in ids if one in self._counted and one not in self._engagements]
        self._engagements |= campaign_engagements(new)
        return {one: self._engagements[one] for one in ids if one in self._engagements}

    def balance(self, campaign_id: int) -> Balance:
        """Return the balance of one campaign."""
        return self.balances([campaign_id]).get(campaign_id, Balance())

    def engagement(self, campaign_id: int) -> Engagement:
        """Return the engagement of one campaign."""
        return self.engagements([campaign_id]).get(campaign_id, Engagement())

    def kept_at(self, campaign_id: int) -> datetime | None:
        """Return the time of a campaign's snapshot; None if it was counted for this page."""
        self._look_at([campaign_id])
        return self._snapshots[campaign_id].at if campaign_id in self._snapshots else None

    def groups(self, campaign: Campaign) -> Sequence[GroupCount]:
        """Return mailbox groups of an active campaign, largest first, from the same snapshot."""
        if campaign.status not in MOVING:
            return []
        if (details := self._details(campaign)) is not None:
            return [_group(row) for row in details["groups"]]
        found = tally(campaign.id, self._totals.get(campaign.id))
        self._take({campaign.id: _balance(campaign, found)})
        return found.groups

    def reasons(self, campaign: Campaign) -> list[ReasonFigures]:
        """Return the most frequent reasons why emails were not sent."""
        if (details := self._details(campaign)) is not None:
            return [from_stored(ReasonFigures, row) for row in details["reasons"]]
        return replies.campaign_reasons(campaign.id)

    def resend_options(self, campaign: Campaign) -> ResendOptions:
        """Return which of its deliveries can be resent or retried."""
        if (details := self._details(campaign)) is not None:
            return _resend_options(details[_RESEND_OPTIONS])
        return resend_options.resend_options(campaign.id)

    def delivered(self, campaign_id: int) -> int:
        """Return how many of its emails the provider has reported as delivered."""
        self._look_at([campaign_id])
        entry = self._snapshots.get(campaign_id)
        if entry is not None and "delivered" in entry.figures:
            return int(entry.figures["delivered"])
        return bounces.delivered(campaign_id)

    def bounces(self, campaign: Campaign) -> list[BounceFigures]:
        """Return its bounces by class."""
        details = self._details(campaign)
        if details is not None and "bounces" in details:
            return [from_stored(BounceFigures, row) for row in details["bounces"]]
        return bounces.campaign_bounces(campaign.id)

    def hours(self, campaign: Campaign) -> list[Hour]:
        """Return first opens and clicks in the hours after its start; empty before it."""
        if (details := self._details(campaign)) is not None:
            return [from_stored(Hour, row) for row in details["hours"]]
        return _hours(campaign)

    def links(self, campaign: Campaign) -> list[LinkFigures]:
        """Return its tracked links, most clicked first."""
        if (details := self._details(campaign)) is not None:
            return [from_stored(LinkFigures, row) for row in details["links"]]
        return engagement.campaign_links(campaign.id)

    def first_ones(self, campaign: Campaign) -> Mapping[str, Figures]:
        """Return the results of its test group by mailbox group, during the test."""
        if (details := self._details(campaign)) is not None:
            return {
                group: from_stored(Figures, row) for group, row in details["first_ones"].items()
            }
        return _first_ones(campaign)

    def _details(self, campaign: Campaign) -> Mapping[str, Any] | None:
        """Return the stored details. None: they must be counted."""
        self._look_at([campaign.id])
        entry = self._snapshots.get(campaign.id)
        return entry.details if entry and self._with_details else None

    def _look_at(self, ids: Collection[int]) -> None:
        """Decide for each campaign whether to count or to show its snapshot."""
        new = [one for one in ids if one not in self._counted and one not in self._snapshots]
        if not new:
            return
        found = snapshots.load("campaign", new, now=self._now, with_details=self._with_details)
        for number in new:
            entry = found.get(number)
            if entry is not None and self._with_details:
                self._totals[number] = entry.details["totals"]
            if entry is None or not entry.is_current:
                self._counted.add(number)
            elif self._is_too_old(entry):
                self._counted.add(number)
                if not self._with_details:
                    with self._timed():
                        self._take(campaign_balances([number]))
            else:
                self._snapshots[number] = entry
                self._show("campaign", number, entry)
                self._balances[number] = from_stored(Balance, entry.figures["balance"])
                self._engagements[number] = from_stored(Engagement, entry.figures["engagement"])

    def _take(self, balances: Mapping[int, Balance]) -> None:
        """Add new counts. Large ones will be stored in the background from now on."""
        self._balances |= balances
        for number, balance in balances.items():
            if balance.rows >= LARGE:
                self._want("campaign", number)

    # --- lists and people

    def lists(self, ids: Sequence[int]) -> dict[int, audience_lists.ListFigures]:
        """Return the number of subscribers of each of these lists."""
        found = snapshots.load("list", ids, now=self._now)
        shown: dict[int, audience_lists.ListFigures] = {}
        for number in ids:
            entry = found.get(number)
            if entry is None:
                continue
            if self._is_too_old(entry):
                with self._timed():
                    shown |= self._count_lists([number])
            else:
                self._show("list", number, entry)
                shown[number] = from_stored(audience_lists.ListFigures, entry.figures["list"])
        return shown | self._count_lists([number for number in ids if number not in shown])

    def _count_lists(self, ids: Sequence[int]) -> dict[int, audience_lists.ListFigures]:
        counted = dict(audience_lists.figures(ids)) if ids else {}
        for number, figures in counted.items():
            if _places(figures) >= LARGE:
                self._want("list", number)
        return counted

    def list_history(self, list_id: int) -> ListHistory | None:
        """Return the history of a list. None: it is large, and being counted for the first time."""
        entry = snapshots.load("list_history", [list_id], now=self._now).get(list_id)
        if entry is not None:
            self._show("list_history", list_id, entry)
            return ListHistory.from_row(entry.figures["history"])
        if _places(self.lists([list_id])[list_id]) < LARGE:
            return list_history.list_history(list_id, now=self._now)
        self._want("list_history", list_id)
        return None

    def people(self) -> SubscriberCounts:
        """Return the number of subscribers."""
        entry = snapshots.load("people", [0], now=self._now).get(0)
        if entry is not None and not self._is_too_old(entry):
            self._show("people", 0, entry)
            return from_stored(SubscriberCounts, entry.figures["people"])
        with self._timed():
            found = _count_people(self._now)
        if found.total >= LARGE:
            self._want("people", 0)
        return found

    # --- snapshots

    def _is_too_old(self, entry: Snapshot) -> bool:
        # A page with a snapshot never makes a very long count.
        is_old = entry.age > max(TOO_OLD, 2 * entry.new_for)
        moves = entry.figures.get("moves", True)
        return is_old and moves and self._spent_seconds < PATIENCE_SECONDS

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._spent_seconds += time.perf_counter() - begun

    def _show(self, subject: Subject, number: int, entry: Snapshot) -> None:
        if not entry.is_new:
            self._want(subject, number)
        if entry.age > WORTH_SAYING:
            self._moments.append(entry.at)

    def _want(self, subject: Subject, number: int) -> None:
        if len(self.wanted) < MAX_REQUESTED and (subject, number) not in self.wanted:
            self.wanted.append((subject, number))


# --- in the background ----------------------------------------------------------------------------


def is_to_be_counted(subject: Subject, number: int, *, now: datetime) -> bool:
    """Return whether it is due, and was not just counted."""
    entry = snapshots.load(subject, [number], now=now).get(number)
    return entry is None or not entry.is_current or not entry.is_new


def count(subject: Subject, number: int, *, now: datetime) -> Counted | None:
    """Count one subject, to store it. None: it is too small, or deleted."""
    if subject == "people":
        people = _count_people(now)
        return Counted(LASTS, {"people": asdict(people)}) if people.total >= LARGE else None
    if subject == "list":
        figures = audience_lists.figures([number])[number]
        return Counted(LASTS, {"list": asdict(figures)}) if _places(figures) >= LARGE else None
    if subject == "list_history":
        return _count_list_history(number, now)
    return _count_campaign(number, now)


def _count_list_history(list_id: int, now: datetime) -> Counted | None:
    if _places(audience_lists.figures([list_id])[list_id]) < LARGE:
        return None
    found = list_history.list_history(list_id, now=now)
    return Counted(LASTS_AS_HISTORY, {"history": found.as_row()})


def _count_campaign(number: int, now: datetime) -> Counted | None:
    # Read before counting, so that a change of state in between is noticed.
    campaign = db.session.get(Campaign, number, populate_existing=True)
    if campaign is None:
        return None
    before = snapshots.load("campaign", [number], now=now, with_details=True).get(number)
    totals = before.details["totals"] if before else None
    groups: Sequence[GroupCount] = []
    if campaign.status in MOVING:
        found = tally(number, totals or None)
        balance, groups, totals = _balance(campaign, found), found.groups, found.totals
    else:
        balance = campaign_balances([number])[number]
    if balance.rows < LARGE:
        return None
    moves = campaign.status not in FINAL or balance.waiting > 0
    return Counted(
        lasts=LASTS_WHILE_SENDING if moves else _lasts_at_rest(campaign, now),
        state=snapshots.state_of(campaign.status, campaign.updated_at),
        figures={
            "moves": moves,
            "balance": asdict(balance),
            "engagement": asdict(engagement.campaign_engagement(number)),
            "delivered": bounces.delivered(number),
        },
        details={
            "totals": dict(totals or {}),
            "groups": [_group_row(group) for group in groups],
            "reasons": [asdict(reason) for reason in replies.campaign_reasons(number)],
            "bounces": [asdict(found) for found in bounces.campaign_bounces(number)],
            _RESEND_OPTIONS: _resend_options_row(resend_options.resend_options(number)),
            "hours": [asdict(hour) for hour in _hours(campaign)],
            "links": [asdict(link) for link in engagement.campaign_links(number)],
            "first_ones": {group: asdict(row) for group, row in _first_ones(campaign).items()},
        },
    )


def _lasts_at_rest(campaign: Campaign, now: datetime) -> timedelta:
    return max(LASTS, FRACTION_OF_AGE * (now - (campaign.finished_at or campaign.updated_at)))


def _balance(campaign: Campaign, found: Tally) -> Balance:
    return Balance(audience=campaign.audience, **found.statuses)


def _places(figures: audience_lists.ListFigures) -> int:
    return figures.subscribed + figures.pending + figures.unsubscribed


def _count_people(now: datetime) -> SubscriberCounts:
    # Two counts, each from an index only; one with a CASE would read every row.
    everyone = sa.select(sa.func.count()).select_from(Subscriber)
    new = everyone.where(Subscriber.created_at >= now - NEW)
    return SubscriberCounts(db.session.scalar(everyone) or 0, db.session.scalar(new) or 0)


def _hours(campaign: Campaign) -> list[Hour]:
    if campaign.started_at is None:
        return []
    return engagement.first_hours(campaign.id, campaign.started_at)


def _first_ones(campaign: Campaign) -> Mapping[str, Figures]:
    return canary.figures(campaign.id) if campaign.canary_state in canary.STAGES else {}


# --- as JSON, which has no datetimes --------------------------------------------------------------


def _group_row(group: GroupCount) -> dict[str, Any]:
    return {**asdict(group), "due_at": group.due_at.isoformat() if group.due_at else None}


def _group(row: Mapping[str, Any]) -> GroupCount:
    due_at = datetime.fromisoformat(row["due_at"]) if row["due_at"] else None
    return from_stored(GroupCount, {**row, "due_at": due_at})


def _resend_options_row(found: ResendOptions) -> dict[str, Any]:
    floods = [{**asdict(flood), "held_at": flood.held_at.isoformat()} for flood in found.floods]
    return {**asdict(found), "floods": floods}


def _resend_options(row: Mapping[str, Any]) -> ResendOptions:
    floods = [
        from_stored(UndecidedGroup, {**flood, "held_at": datetime.fromisoformat(flood["held_at"])})
        for flood in row["floods"]
    ]
    return from_stored(ResendOptions, {**row, "floods": floods})
