"""Rates of bounces and complaints by account, mailbox provider and day; alarms and pauses.

What comes back is counted with each event (`count`). What was sent is counted from time to time
(`check`), as counting with every email would make workers wait for each other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import NAMES, OTHER
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, insert_ignoring, upsert
from campaigns.events import feedback_rules
from campaigns.events.models import FeedbackCount, FeedbackWatch, RateAlarm
from campaigns.events.policy import (
    MEASURES,
    FeedbackRules,
    Measure,
    Tally,
    limit_of,
    rate_level,
)
from campaigns.events.sending_accounts import SendingAccounts
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason

CHECK_INTERVAL = timedelta(seconds=20)
COUNT_INTERVAL = timedelta(minutes=10)
ALARM_DAYS = 7
"""Number of days whose rates may still lead to an alarm."""
SHOWN = timedelta(days=3)
"""Time for which an alarm is shown on the home page."""
MAX_SHOWN = 3
AT_ONCE = 5
"""Number of campaigns checked in one sweep."""
_DAY_SECONDS = 86_400
_TALLIES = ("delivered", "hard", "soft", "blocked", "complaints")
_PAUSED: Mapping[Measure, str] = {
    "complaints": "status.complaint_rate",
    "hard": "status.bounce_rate",
    "blocked": "status.block_rate",
}


@dataclass(frozen=True, slots=True)
class TallyEntry:
    """A delivery that counts, for the first time, as bounced, complained or delivered."""

    campaign_id: int
    mailbox_group: str
    at: datetime
    """When it was sent."""
    tally: Tally


def count(found: Iterable[TallyEntry], *, now: datetime) -> None:
    """Add to the counts of these campaigns. Locks in the order of keys."""
    wanted = list(found)
    if not wanted:
        return
    counts: Counter[tuple[int, int, date, str, str]] = Counter()
    accounts = SendingAccounts({one.campaign_id for one in wanted})
    for one in wanted:
        account_id = accounts.at(one.campaign_id, one.at)
        day = one.at.astimezone(UTC).date()
        counts[one.campaign_id, account_id, day, one.mailbox_group, one.tally] += 1
    rows = [
        {
            "campaign_id": campaign_id,
            "account_id": account_id,
            "day": day,
            "mailbox_group": group,
            "sent": 0,
            **{name: counts[campaign_id, account_id, day, group, name] for name in _TALLIES},
        }
        for campaign_id, account_id, day, group in sorted({key[:4] for key in counts})
    ]
    insert = upsert(FeedbackCount)
    added = {name: getattr(FeedbackCount, name) + insert.excluded[name] for name in _TALLIES}
    db.session.connection().execute(
        insert.on_conflict_do_update(index_elements=_KEY, set_=added), rows
    )
    _note_change({one.campaign_id for one in wanted}, now)


_KEY = ["campaign_id", "account_id", "day", "mailbox_group"]


def _note_change(campaign_ids: Iterable[int], now: datetime) -> None:
    insert = upsert(FeedbackWatch)
    db.session.connection().execute(
        insert.on_conflict_do_update(index_elements=["campaign_id"], set_={"changed_at": now}),
        [
            {"campaign_id": campaign_id, "changed_at": now, "judged": {}}
            for campaign_id in sorted(campaign_ids)
        ],
    )


# --- what was sent --------------------------------------------------------------------------------


def due(*, now: datetime) -> Sequence[int]:
    """Return a few campaigns with news, or with sent emails that are not counted yet."""
    checked, counted = FeedbackWatch.checked_at, FeedbackWatch.counted_at
    is_active = Campaign.status.in_(("sending", "paused"))
    return db.session.scalars(
        sa.select(Campaign.id)
        .outerjoin(FeedbackWatch, FeedbackWatch.campaign_id == Campaign.id)
        .where(
            Campaign.started_at.is_not(None),
            sa.or_(
                sa.and_(
                    FeedbackWatch.campaign_id.is_not(None),
                    sa.or_(checked.is_(None), checked < FeedbackWatch.changed_at),
                    sa.or_(checked.is_(None), checked <= now - CHECK_INTERVAL),
                ),
                sa.and_(is_active, sa.or_(counted.is_(None), counted <= now - COUNT_INTERVAL)),
                sa.and_(
                    Campaign.finished_at > now - timedelta(days=1),
                    sa.or_(counted.is_(None), counted < Campaign.finished_at),
                ),
            ),
        )
        .order_by(Campaign.id)
        .limit(AT_ONCE)
    ).all()


def _count_sent(campaign: Campaign) -> None:
    """Count what was sent of a campaign, by account, day and mailbox group."""
    begin: datetime | None = None
    parts: list[tuple[int, list[sa.ColumnElement[bool]]]] = []
    for one in campaign.earlier_senders:
        end = datetime.fromisoformat(one["until"])
        until = [Delivery.sent_at <= end]
        parts.append((one["provider_id"] or 0, [*_since(begin), *until]))
        begin = end
    parts.append((campaign.provider_id or 0, _since(begin)))
    counts: Counter[tuple[int, date, str]] = Counter()
    for account_id, period in parts:
        epoch = sa.cast(sa.extract("epoch", Delivery.sent_at), sa.BigInteger)
        day = (epoch // sa.literal_column(str(_DAY_SECONDS), sa.Integer())).label("day")
        rows = db.session.execute(
            sa.select(day, Delivery.mailbox_group, sa.func.count())
            .where(
                Delivery.campaign_id == campaign.id,
                Delivery.status == "sent",
                Delivery.sent_at.is_not(None),
                *period,
            )
            .group_by(day, Delivery.mailbox_group)
        )
        for number, group, sent in rows:
            counts[account_id, date(1970, 1, 1) + timedelta(days=number), group] += sent
    if counts:
        insert = upsert(FeedbackCount)
        rows_of = [
            {
                "campaign_id": campaign.id,
                "account_id": account_id,
                "day": day,
                "mailbox_group": group,
                "sent": sent,
                **dict.fromkeys(_TALLIES, 0),
            }
            for (account_id, day, group), sent in sorted(counts.items())
        ]
        statement = insert.on_conflict_do_update(
            index_elements=_KEY, set_={"sent": insert.excluded.sent}
        )
        db.session.connection().execute(statement, rows_of)


def _since(begin: datetime | None) -> list[sa.ColumnElement[bool]]:
    return [Delivery.sent_at > begin] if begin else []


# --- alarms and pauses ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rate that became too high: of an account on a day, at one mailbox provider or ("") all."""

    account_id: int
    day: date
    measure: Measure
    mailbox_group: str
    count: int
    sent: int
    limit: float

    def reason(self) -> Reason:
        """Return the reason that describes it."""
        return Reason(
            _ALARMS[self.measure],
            {
                "count": self.count,
                "sent": self.sent,
                "provider": _name_of(self.mailbox_group),
                "day_date": self.day.isoformat(),
                "rate_percent": 100 * self.count / self.sent if self.sent else 100,
                "limit_percent": self.limit,
            },
        )


def _name_of(mailbox_group: str) -> str | Reason:
    """Return the name of a mailbox provider as a part of a sentence."""
    if mailbox_group in ("", OTHER):
        return Reason("alert.other_providers" if mailbox_group else "alert.every_provider")
    return NAMES.get(mailbox_group, mailbox_group)


_ALARMS: Mapping[Measure, str] = {
    "complaints": "alert.complaint_rate",
    "hard": "alert.bounce_rate",
    "blocked": "alert.block_rate",
}


def recent_alarms(*, now: datetime) -> list[tuple[str, Reason]]:
    """Return recent alarms about whole accounts: their names, and what is wrong."""
    rules = feedback_rules.load()
    rows = db.session.execute(
        sa.select(RateAlarm, ProviderAccount.name)
        .join(ProviderAccount, ProviderAccount.id == RateAlarm.account_id)
        .where(RateAlarm.at > now - SHOWN, RateAlarm.mailbox_group == "")
        .order_by(RateAlarm.day.desc(), RateAlarm.account_id, RateAlarm.measure)
        .limit(MAX_SHOWN)
    )
    return [(name, _alarm_of(row, rules).reason()) for row, name in rows]


def _alarm_of(row: RateAlarm, rules: FeedbackRules) -> Alarm:
    measure = next(one for one in MEASURES if one == row.measure)
    limit = limit_of(measure, "alarm", rules)
    return Alarm(row.account_id, row.day, measure, row.mailbox_group, row.count, row.sent, limit)


def check(campaign_id: int, *, now: datetime) -> list[Alarm]:
    """Pause the campaign if a rate is far too high; return new alarms about its accounts.

    Locks counts before the watch, as `count` does, and the watch only once all is counted.
    """
    campaign = db.session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None:
        return []
    rules = feedback_rules.load()
    is_counted = _must_count(campaign, rules, now)
    if is_counted:
        _count_sent(campaign)
    _note_first(campaign_id, now)
    watch = db.session.get_one(
        FeedbackWatch, campaign_id, with_for_update=True, populate_existing=True
    )
    if is_counted:
        watch.counted_at = now
    watch.checked_at = now
    _pause(campaign_id, watch, rules, now)
    return [one for one in _alarms(campaign_id, rules, now) if _is_new(one, now)]


def _must_count(campaign: Campaign, rules: FeedbackRules, now: datetime) -> bool:
    """Return whether to count what was sent: a rate is certain only if all are counted."""
    watch = db.session.get(FeedbackWatch, campaign.id, populate_existing=True)
    if watch is None or watch.counted_at is None or watch.counted_at <= now - COUNT_INTERVAL:
        return True
    if campaign.finished_at is not None and watch.counted_at < campaign.finished_at:
        return True
    return bool(_excesses(campaign.id, watch, rules)[0] or _alarms(campaign.id, rules, now))


def _note_first(campaign_id: int, now: datetime) -> None:
    row = {"campaign_id": campaign_id, "changed_at": now, "judged": {}}
    db.session.execute(insert_ignoring(FeedbackWatch), [row])


@dataclass(frozen=True, slots=True)
class RateExcess:
    """A rate of a campaign for which to pause it: of all its emails, or of a day at a provider.

    `count` and `sent` are those since the last pause for this measure.
    """

    measure: Measure
    count: int
    sent: int
    mailbox_group: str = ""
    day: date | None = None

    def reason(self, rules: FeedbackRules) -> Reason:
        """Return the reason that describes it."""
        params: dict[str, Any] = {
            "count": self.count,
            "sent": self.sent,
            "rate_percent": 100 * self.count / self.sent if self.sent else 100,
            "limit_percent": limit_of(self.measure, "pause", rules),
        }
        if self.day is None:
            return Reason(_PAUSED[self.measure], params)
        where = {"provider": _name_of(self.mailbox_group), "day_date": self.day.isoformat()}
        return Reason("status.complaint_rate_at", {**params, **where})


Totals = dict[str, tuple[int, int]]
"""By measure, and by measure, account, day and mailbox group: (count, sent)."""


def _excesses(
    campaign_id: int, watch: FeedbackWatch, rules: FeedbackRules
) -> tuple[list[RateExcess], Totals]:
    """Return the rates for which to pause, those of the whole campaign first; and all totals.

    Each mailbox provider judges complaints alone and day by day, so each of these rates counts.
    """
    rows = db.session.scalars(
        sa.select(FeedbackCount)
        .where(FeedbackCount.campaign_id == campaign_id)
        .order_by(FeedbackCount.day, FeedbackCount.account_id, FeedbackCount.mailbox_group)
        .execution_options(populate_existing=True)
    ).all()
    sent = sum(row.sent for row in rows)
    totals: Totals = {}
    found: list[RateExcess] = []
    for measure in MEASURES:
        count_of_all = sum(getattr(row, measure) for row in rows)
        parts: list[tuple[str, RateExcess]] = [(measure, RateExcess(measure, count_of_all, sent))]
        if measure == "complaints":
            parts += [_part(row) for row in rows]
        for key, one in parts:
            totals[key] = one.count, one.sent
            known, known_sent = watch.judged.get(key, (0, 0))
            new = replace(one, count=one.count - known, sent=one.sent - known_sent)
            if rate_level(measure, new.count, new.sent, rules) == "pause":
                found.append(new)
    return found, totals


def _part(row: FeedbackCount) -> tuple[str, RateExcess]:
    """Return the complaints of a day at a mailbox provider, with their key."""
    key = f"complaints/{row.account_id}/{row.day.isoformat()}/{row.mailbox_group}"
    part = RateExcess("complaints", row.complaints, row.sent, row.mailbox_group, row.day)
    return key, part


def _pause(campaign_id: int, watch: FeedbackWatch, rules: FeedbackRules, now: datetime) -> None:
    found, totals = _excesses(campaign_id, watch, rules)
    if found and lifecycle.pause(campaign_id, now=now, reason=found[0].reason(rules)):
        # Only what comes from now on counts for these measures.
        measures = {one.measure for one in found}
        judged = {key: total for key, total in totals.items() if key.split("/")[0] in measures}
        watch.judged = {**watch.judged, **judged}


def _alarms(campaign_id: int, rules: FeedbackRules, now: datetime) -> list[Alarm]:
    """Return the rates of the campaign's accounts, by day, that are too high."""
    earliest = (now - timedelta(days=ALARM_DAYS)).date()
    # Counts outlive a deleted account; an alarm needs one that exists.
    accounts = (
        sa.select(FeedbackCount.account_id)
        .join(ProviderAccount, ProviderAccount.id == FeedbackCount.account_id)
        .where(FeedbackCount.campaign_id == campaign_id)
    )
    rows = db.session.execute(
        sa.select(
            FeedbackCount.account_id,
            FeedbackCount.day,
            FeedbackCount.mailbox_group,
            sa.func.sum(FeedbackCount.sent).label("sent"),
            *(sa.func.sum(getattr(FeedbackCount, name)).label(name) for name in MEASURES),
        )
        .where(
            FeedbackCount.account_id.in_(accounts),
            FeedbackCount.account_id != 0,
            FeedbackCount.day >= earliest,
        )
        .group_by(FeedbackCount.account_id, FeedbackCount.day, FeedbackCount.mailbox_group)
    ).all()
    totals: Counter[tuple[int, date, str, str]] = Counter()
    for row in rows:
        for group in ("", row.mailbox_group):
            for name in ("sent", *MEASURES):
                totals[row.account_id, row.day, group, name] += int(getattr(row, name))
    alarms = []
    for account_id, day, group in sorted({key[:3] for key in totals}):
        for measure in MEASURES:
            number = totals[account_id, day, group, measure]
            sent = totals[account_id, day, group, "sent"]
            if rate_level(measure, number, sent, rules):
                limit = limit_of(measure, "alarm", rules)
                alarms.append(Alarm(account_id, day, measure, group, number, sent, limit))
    return alarms


def _is_new(alarm: Alarm, now: datetime) -> bool:
    """Store an alarm. Returns whether it is new to the owners."""
    row = {
        "account_id": alarm.account_id,
        "day": alarm.day,
        "measure": alarm.measure,
        "mailbox_group": alarm.mailbox_group,
        "count": alarm.count,
        "sent": alarm.sent,
        "at": now,
    }
    added = insert_ignoring(RateAlarm).returning(RateAlarm.account_id)
    return db.session.scalar(added, row) is not None
