"""How a campaign is tested on a small group first: the share, the wait, and the limits.

`delivery.canary` carries the plan out; `delivery.canary_policy` judges by its bands.
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
LEAST_PERCENT, MOST_PERCENT, MOST_MINUTES = 0.1, 50.0, 24 * 60
FEWEST_PEOPLE = 50
"""Size below which a test group tells too little, however small its share is."""
FEWEST_OF_GROUP = 5
"""Recipients of each mailbox provider that are in the test group, if it has so many."""

MeasureName = Literal["refusals", "deferrals", "bounces", "complaints"]


@dataclass(frozen=True, slots=True)
class Band:
    """In percent: below `go_on` all is well, above `stop` nothing more is sent."""

    go_on: float
    stop: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, from which count on it is no coincidence, and its usual band."""

    name: MeasureName
    fewest: int
    band: Band


MEASURES = (
    # About 2 % of a list in use are dead addresses. From 5 % mailbox providers doubt the sender,
    # from 10 % many of them block it.
    Measure("refusals", 3, Band(5, 10)),
    # Some servers defer every stranger once. Many deferrals mean that a provider throttles.
    Measure("deferrals", 3, Band(15, 40)),
    # Nearly all dead addresses are refused at once; what bounces later is rare.
    Measure("bounces", 3, Band(2, 5)),
    # Gmail and Yahoo ask senders to stay below 0.1 % and never to reach 0.3 %.
    Measure("complaints", 2, Band(0.1, 0.3)),
)

Bands = Mapping[MeasureName, Band]
USUAL: Bands = {measure.name: measure.band for measure in MEASURES}


class BandRequest(BaseModel):
    """The two limits of a measure, in percent. None: no number was given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    go_on: float | None = None
    stop: float | None = None


class CanaryRequest(BaseModel):
    """The test group as it is asked for. A measure that is left out keeps its usual band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: float | None = USUAL_PERCENT
    minutes: int | None = USUAL_MINUTES
    bands: Mapping[MeasureName, BandRequest] = {}


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """`percent` of the audience get it first and are observed for `minutes`. 0 percent: off."""

    percent: float = 0.0
    minutes: int = USUAL_MINUTES
    bands: Bands = field(default_factory=lambda: dict(USUAL))


def plan_for(campaign: Campaign, request: CanaryRequest | None) -> CanaryPlan:
    """Return the plan that was asked for. Raises ReasonError.

    Without a request it is off, and what was set before is kept with it.
    """
    if request is None:
        return replace(plan_in(campaign), percent=0.0)
    if request.percent is None or not LEAST_PERCENT <= request.percent <= MOST_PERCENT:
        raise ReasonError(
            "canary.percent", field=FIELD, least_percent=LEAST_PERCENT, most_percent=MOST_PERCENT
        )
    if request.minutes is None or not 1 <= request.minutes <= MOST_MINUTES:
        raise ReasonError("canary.minutes", field=FIELD, most=MOST_MINUTES)
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
    """Return the plan as it was set; the usual bands where none were."""
    stored = campaign.canary_bands
    bands = {name: Band(*stored.get(name, (band.go_on, band.stop))) for name, band in USUAL.items()}
    return CanaryPlan(campaign.canary_percent, campaign.canary_minutes, bands)


def configure(campaign_id: int, plan: CanaryPlan) -> bool:
    """Set it for a draft; copies of the draft keep it. False: it is no draft."""
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
    """Return about how many get it first; 0 when they are so few that everybody does."""
    count = max(FEWEST_PEOPLE, ceil(people * percent / 100))
    return count if percent and count < people else 0
