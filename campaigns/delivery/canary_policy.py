"""Decide about the rest of the audience from the results of a test group.

Pure: no database, no clock. `delivery.canary` counts, calls this, and acts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from campaigns.audience.mailbox_providers import OTHER, name_of
from campaigns.campaign.canary_plan import MEASURES, Bands, Measure, MeasureName
from campaigns.reason import Reason

MIN_RESULTS = 30
"""Results needed to judge the whole test group before its time is up."""
MIN_RESULTS_OF_GROUP = 10
"""Results needed to judge a mailbox group on its own."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of deliveries. `open` have no result yet; all others are part of `results`."""

    open: int = 0
    results: int = 0
    refusals: int = 0
    deferrals: int = 0
    bounces: int = 0
    complaints: int = 0

    @property
    def used(self) -> int:
        """Number of deliveries that count for the quota."""
        return self.open + self.results

    def count(self, measure: Measure) -> int:
        """Return how many results fall under a measure."""
        value: int = getattr(self, measure.name)
        return value

    def percent(self, measure: Measure) -> float:
        """Return the share of a measure among the results, in percent."""
        return 100 * self.count(measure) / self.results if self.results else 0.0


def sum_of(figures: Iterable[Figures]) -> Figures:
    """Return the sum of all groups."""
    every = list(figures)
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: sum(getattr(one, name) for one in every) for name in names})


@dataclass(frozen=True, slots=True)
class CanaryVerdict:
    """What to do, and why. `group`: the mailbox group to hold."""

    what: Literal["watch", "go_on", "hold", "stop"]
    reason: Reason | None = None
    group: str = ""


def judge(
    groups: Mapping[str, Figures], bands: Bands, *, is_over: bool, may_hold: bool
) -> CanaryVerdict | None:
    """Return the verdict on these mailbox groups; None while there is none.

    Clearly bad results do not wait for the end of the test. A single bad group is held
    (`may_hold`), and the others are judged without it; a second bad group stops everything.
    """
    total = sum_of(groups.values())
    judged = {
        name: found for name, found in groups.items() if found.results >= MIN_RESULTS_OF_GROUP
    }
    bad = [name for name, found in judged.items() if beyond(found, bands)]
    if len(bad) == 1 and may_hold and len(groups) > 1:
        return CanaryVerdict("hold", _beyond(judged[bad[0]], bands, bad[0]), bad[0])
    if bad:
        return _stopped(_beyond(judged[bad[0]], bands, bad[0]))
    if beyond(total, bands) and (is_over or total.results >= MIN_RESULTS):
        return _stopped(_beyond(total, bands))
    if not (is_over and total.results):
        return None
    if not unsure(total, bands):
        return CanaryVerdict("go_on", _passed(total))
    if may_hold and (culprit := _culprit(groups, judged, bands)):
        return CanaryVerdict("hold", _unsure(groups[culprit], bands, culprit), culprit)
    return CanaryVerdict("stop", Reason("canary.unsure", {"why": _unsure(total, bands)}))


def beyond(found: Figures, bands: Bands) -> list[Measure]:
    """Return the measures above their band."""
    return [
        measure
        for measure in MEASURES
        if found.count(measure) >= measure.fewest
        and found.percent(measure) > bands[measure.name].stop
    ]


def unsure(found: Figures, bands: Bands) -> list[Measure]:
    """Return the measures not below their band."""
    return [
        measure
        for measure in MEASURES
        if found.count(measure) >= measure.fewest
        and found.percent(measure) >= bands[measure.name].go_on
    ]


def _culprit(
    groups: Mapping[str, Figures], judged: Mapping[str, Figures], bands: Bands
) -> str | None:
    """Return the one group without which the results would be good."""
    found = [name for name, figures in judged.items() if unsure(figures, bands)]
    if len(found) != 1 or len(groups) == 1:
        return None
    others = sum_of(figures for name, figures in groups.items() if name != found[0])
    return None if unsure(others, bands) else found[0]


# --- why -----------------------------------------------------------------------------------------

_ABOVE: Mapping[MeasureName, str] = {
    "refusals": "canary.refusals_above",
    "deferrals": "canary.deferrals_above",
    "bounces": "canary.bounces_above",
    "complaints": "canary.complaints_above",
}
_NOT_BELOW: Mapping[MeasureName, str] = {
    "refusals": "canary.refusals_not_below",
    "deferrals": "canary.deferrals_not_below",
    "bounces": "canary.bounces_not_below",
    "complaints": "canary.complaints_not_below",
}


def _passed(found: Figures) -> Reason:
    shares = {f"{measure.name}_percent": found.percent(measure) for measure in MEASURES}
    return Reason("canary.passed", {"count": found.results, **shares})


def _stopped(why: Reason) -> CanaryVerdict:
    return CanaryVerdict("stop", Reason("canary.stopped", {"why": why}))


def _beyond(found: Figures, bands: Bands, group: str = "") -> Reason:
    measure = beyond(found, bands)[0]
    return _finding(_ABOVE, measure, found, bands[measure.name].stop, group)


def _unsure(found: Figures, bands: Bands, group: str = "") -> Reason:
    measure = unsure(found, bands)[0]
    return _finding(_NOT_BELOW, measure, found, bands[measure.name].go_on, group)


def _finding(
    codes: Mapping[MeasureName, str], measure: Measure, found: Figures, limit: float, group: str
) -> Reason:
    params = {
        "whom": _whom(group),
        "count": found.results,
        "share_percent": found.percent(measure),
        "limit_percent": limit,
    }
    return Reason(codes[measure.name], params)


def _whom(group: str) -> Reason | str:
    if not group:
        return Reason("canary.all_providers")
    return Reason("canary.other_providers") if group == OTHER else name_of(group)
