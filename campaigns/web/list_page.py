"""The figures on the page of one list."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import url_for

from campaigns.audience.models import AudienceList
from campaigns.events import scores
from campaigns.reports import list_history
from campaigns.reports.figures import Counts
from campaigns.reports.list_history import ListHistory, SentCampaign, Week
from campaigns.web import audience_labels
from campaigns.web.words import gettext as _

Level = Literal["good", "watch", "bad"]

BOUNCES = (0.02, 0.05)
COMPLAINTS = (0.001, 0.003)
"""Shares from which a rate is to be watched, and from which it is bad. Mailbox providers ask for
complaints below 0.1% and act from 0.3%; with bounces above 5%, most senders get blocked."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of the last campaigns, and its level by common limits."""

    part: int
    whole: int
    level: Level


@dataclass(frozen=True, slots=True)
class WeekBar:
    """A week of the chart. `height` in percent of the highest; `ended_at`: the end of the week."""

    week: Week
    ended_at: datetime
    height: float


def parts(counts: Counts, entry: AudienceList, *, now: datetime) -> Mapping[str, Any]:
    """Return what the template shows. `history` is None while a large list is being counted."""
    history = counts.list_history(entry.id)
    campaigns = list_history.last_campaigns(entry.id)
    bounces, complaints = _rates(counts, campaigns)
    return {
        "figures": counts.lists([entry.id])[entry.id],
        "history": history,
        "bars": _bars(history, now) if history else [],
        "last_campaign": campaigns[0] if campaigns else None,
        "campaign_count": len(campaigns),
        "bounces": bounces,
        "complaints": complaints,
        "good_bounces": 100 * BOUNCES[0],
        "good_complaints": 100 * COMPLAINTS[0],
        "sources": audience_labels.SUBSCRIPTION_SOURCES,
        "bands": audience_labels.BANDS,
        "rule": scores,
        "sunset_url": _sunset_url(entry),
    }


def _bars(history: ListHistory, now: datetime) -> list[WeekBar]:
    most = max((week.size for week in history.weeks), default=0) or 1
    return [
        WeekBar(week, now - week.weeks_ago * list_history.WEEK, round(100 * week.size / most, 2))
        for week in history.weeks
    ]


def _rates(counts: Counts, campaigns: Sequence[SentCampaign]) -> tuple[Rate, Rate]:
    ids = [campaign.id for campaign in campaigns]
    balances, engagements = counts.balances(ids), counts.engagements(ids)
    sent = sum(balance.sent for balance in balances.values())
    failed = sum(balance.failed for balance in balances.values())
    bounced = sum(one.bounced for one in engagements.values())
    complained = sum(one.complained for one in engagements.values())
    return (
        rate(failed + bounced, sent + failed, BOUNCES),
        rate(complained, sent, COMPLAINTS),
    )


def rate(part: int, whole: int, limits: tuple[float, float]) -> Rate:
    """Return a rate, judged by the shares from which it is to be watched, and bad."""
    watch, bad = limits
    share = part / whole if whole else 0.0
    return Rate(part, whole, "bad" if share >= bad else "watch" if share >= watch else "good")


def _sunset_url(entry: AudienceList) -> str:
    """Return the URL of a new segment: people long on this list who no longer open or click."""
    rules = [
        {"kind": "engagement", "op": "is_one_of", "bands": ["inactive"]},
        {
            "kind": "list",
            "op": "is",
            "list": entry.id,
            "state": "subscribed",
            "since": "before_last_days",
            "days": scores.INACTIVE_DAYS,
        },
    ]
    stored = {"version": 1, "root": {"kind": "all", "rules": rules}}
    name = _("Inactive for %(days)s days: %(list)s", days=scores.INACTIVE_DAYS, list=entry.name)
    rules_text = json.dumps(stored, separators=(",", ":"))
    return url_for("segment_pages.new", name=name, rules=rules_text)
