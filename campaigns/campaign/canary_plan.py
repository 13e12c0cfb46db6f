"""The plan for a test group: its share, the observation period, and the thresholds.

`delivery.canary` carries it out; `delivery.canary_policy` compares results with its bands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from campaigns.campaign.models import Campaign
from campaigns.db import db, rows_changed
from campaigns.reason import ReasonError

FIELD = "canary"

USUAL_PERCENT, USUAL_MINUTES = 2.0, 30
LEAST_PERCENT, MAX_PERCENT, MAX_MINUTES = 0.1, 50.0, 24 * 60
FEWEST_PEOPLE = 50
"""Smallest useful test group, whatever its share."""
FEWEST_OF_GROUP = 5
"""Smallest number of recipients of each mailbox provider in the test group, if available."""

MeasureName = Literal["refusals", "deferrals", "bounces", "complaints"]


@dataclass(frozen=True, slots=True)
class Band:
    """Thresholds in percent: below `go_on` all is well, above `stop` sending stops at once.

    In between, it stops at the end of the test.
    """

    go_on: float
    stop: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, from which count it is significant, and its default band."""

    name: MeasureName
    fewest: int
    band: Band


MEASURES = (
    # About 2 % of a maintained list are dead addresses. From 5 % mailbox providers distrust the
    # sender, from 10 % many block it.
    Measure("refusals", 3, Band(5, 10)),
    # Some servers defer every new sender once. Many deferrals mean that a provider throttles.
    Measure("deferrals", 3, Band(15, 40)),
    # Nearly all dead addresses are refused at once; later bounces are rare.
    Measure("bounces", 3, Band(2, 5)),
    # Gmail and Yahoo ask senders to stay below 0.1 % and never to reach 0.3 %.
    Measure("complaints", 2, Band(0.1, 0.3)),
)

Bands = Mapping[MeasureName, Band]
USUAL: Bands = {measure.name: measure.band for measure in MEASURES}


class BandRequest(BaseModel):
    """The two thresholds of a measure, in percent. None: not a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    go_on: float | None = None
    stop: float | None = None


class CanaryRequest(BaseModel):
    """The requested test group. A measure left out keeps its default band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: float | None = USUAL_PERCENT
    minutes: int | None = USUAL_MINUTES
    bands: Mapping[MeasureName, BandRequest] = {}


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """`percent` of the audience get the campaign first, and are observed for `minutes`. 0: off."""

    percent: float = 0.0
    minutes: int = USUAL_MINUTES
    bands: Bands = field(default_factory=lambda: dict(USUAL))


def plan_for(campaign: Campaign, request: CanaryRequest | None) -> CanaryPlan:
    """Return the requested plan. Raises ReasonError.

    Without a request it is off, and keeps its former settings.
    """
    if request is None:
        return replace(plan_in(campaign), percent=0.0)
    if request.percent is None or not LEAST_PERCENT <= request.percent <= MAX_PERCENT:
        raise ReasonError(
            "canary.percent", field=FIELD, least_percent=LEAST_PERCENT, most_percent=MAX_PERCENT
        )
    if request.minutes is None or not 1 <= request.minutes <= MAX_MINUTES:
        raise ReasonError("canary.minutes", field=FIELD, most=MAX_MINUTES)
    asked = {name: _band(name, band) for name, band in request.bands.items()}
    return CanaryPlan(request.percent, request.minutes, {**USUAL, **asked})


_BAND_REFUSED: Mapping[MeasureName, str] = {
    "refusals": "canary.refusals_band",
    "deferrals": "canary.deferrals_band",
    "bounces": "canary.bounces_band",
    "complaints": "canary.complaints_band",
}


def _band(name: MeasureName, asked: BandRequest) -> Band:
    go_on, stop = asked.go_on, asked.stop
    if go_on is None or stop is None or not 0 < go_on <= stop <= 100:
        raise ReasonError(_BAND_REFUSED[name], field=FIELD)
    return Band(go_on, stop)


def plan_in(campaign: Campaign) -> CanaryPlan:
    """Return the stored plan, with default bands for measures that have none."""
    stored = campaign.canary_bands
    bands = {name: Band(*stored.get(name, (band.go_on, band.stop))) for name, band in USUAL.items()}
    return CanaryPlan(campaign.canary_percent, campaign.canary_minutes, bands)


def configure(campaign_id: int, plan: CanaryPlan) -> bool:
    """Store the plan of a draft, which copies keep. False: it is not a draft."""
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft")
        .values(
            canary_percent=plan.percent,
            canary_minutes=plan.minutes,
            canary_bands={name: [band.go_on, band.stop] for name, band in plan.bands.items()},
        )
    )
    return rows_changed(changed) == 1


def how_many(people: int, percent: float) -> int:
    """Return the approximate size of the test group; 0 if the audience is too small for one."""
    count = max(FEWEST_PEOPLE, ceil(people * percent / 100))
    return count if percent and count < people else 0
