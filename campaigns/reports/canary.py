"""The results of a campaign's test group, and the verdict."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaigns.campaign.canary_plan import MEASURES, Band, Bands, Measure, plan_in
from campaigns.campaign.models import Campaign
from campaigns.delivery import canary
from campaigns.delivery.canary_policy import Figures, beyond, sum_of, unsure
from campaigns.reason import Reason
from campaigns.reports.figures import Counts
from campaigns.stored import from_stored


@dataclass(frozen=True, slots=True)
class MeasureSeen:
    """One measure: its count among the results, and its position in the band."""

    measure: Measure
    count: int
    percent: float
    band: Band
    level: Literal["good", "between", "bad"]


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """One mailbox group: its quota in the test group, and its results."""

    group: str
    quota: int
    figures: Figures
    is_judged: bool


@dataclass(frozen=True, slots=True)
class CanaryCard:
    """The results to show. `is_asking`: the campaign is paused by them.

    `seconds_left`: of the observation.
    """

    state: str
    verdict: Reason | None
    first: int
    total: Figures
    seen: Sequence[MeasureSeen]
    groups: Sequence[GroupSeen]
    seconds_left: int
    minutes: int
    is_asking: bool

    @property
    def is_waiting(self) -> bool:
        """Whether the rest of the audience waits for the test."""
        return self.state == "watching"


def canary_card(campaign: Campaign, counts: Counts, *, now: datetime) -> CanaryCard | None:
    """Return the results of a campaign; None without a test group."""
    if not campaign.canary_state:
        return None
    figures = _figures(campaign, counts)
    left_out = canary.held(campaign.id)
    judged = [found for group, found in figures.items() if group not in left_out]
    until = campaign.canary_until
    is_watching = campaign.canary_state == "watching" and until is not None
    return CanaryCard(
        state=campaign.canary_state,
        verdict=Reason.unpack(campaign.canary_words),
        first=sum(campaign.canary_quota.values()),
        total=sum_of(figures.values()),
        seen=_seen(sum_of(judged), plan_in(campaign).bands),
        groups=_groups(campaign.canary_quota, figures, left_out),
        seconds_left=max(0, round((until - now).total_seconds())) if is_watching and until else 0,
        minutes=campaign.canary_minutes,
        is_asking=canary.is_asking(campaign),
    )


def _figures(campaign: Campaign, counts: Counts) -> Mapping[str, Figures]:
    """Return the current figures, or after the verdict those it was based on."""
    if campaign.canary_state in canary.STAGES:
        return counts.first_ones(campaign)
    return {group: from_stored(Figures, found) for group, found in campaign.canary_seen.items()}


def _seen(total: Figures, bands: Bands) -> list[MeasureSeen]:
    bad, between = beyond(total, bands), unsure(total, bands)
    return [
        MeasureSeen(
            measure,
            total.count(measure),
            total.percent(measure),
            bands[measure.name],
            "bad" if measure in bad else "between" if measure in between else "good",
        )
        for measure in MEASURES
    ]


def _groups(
    quota: Mapping[str, int], figures: Mapping[str, Figures], left_out: Collection[str]
) -> list[GroupSeen]:
    """Return the mailbox groups, largest first."""
    return [
        GroupSeen(group, count, figures.get(group, Figures()), group not in left_out)
        for group, count in sorted(quota.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
