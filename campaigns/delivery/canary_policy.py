"""What the first mails of a campaign say about the others: the judgement.

Pure: no database, no clock. `delivery.canary` counts, asks this, and acts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from campaigns import formatting
from campaigns.audience.mailbox_providers import OTHER, name_of

MeasureName = Literal["refusals", "deferrals", "bounces", "complaints"]

ENOUGH = 30
"""With so many results the whole is judged before the time is up."""
ENOUGH_OF_GROUP = 10
"""With so many results a mailbox group is judged by itself."""


@dataclass(frozen=True, slots=True)
class Band:
    """In percent: below `go_on` all is well, above `stop` nothing more leaves."""

    go_on: float
    stop: float


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, from how many on it is no accident any more, and its usual band."""

    name: MeasureName
    title: str
    words: str
    fewest: int
    band: Band
    why: str


MEASURES = (
    Measure(
        "refusals", "Refused", "were refused", 3, Band(5, 10),
        "Of a list in use about 2% are dead addresses. From 5% on mailbox providers doubt the "
        "sender, from 10% on many of them block it.",
    ),
    Measure(
        "deferrals", "Put off", "were put off", 3, Band(15, 40),
        "Some servers put off every stranger once, so a few are usual. Many mean that a provider "
        "slows the sender down.",
    ),
    Measure(
        "bounces", "Bounced later", "bounced later", 3, Band(2, 5),
        "Nearly all dead addresses are refused at once. What comes back later is rare.",
    ),
    Measure(
        "complaints", "Complained", "complained", 2, Band(0.1, 0.3),
        "Gmail and Yahoo ask senders to stay below 0.1% and never to reach 0.3%.",
    ),
)  # fmt: skip

Bands = Mapping[str, Band]
USUAL: Bands = {measure.name: measure.band for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Figures:
    """`open` are on their way; `results` have an answer, and the others are counted of them."""

    open: int = 0
    results: int = 0
    refusals: int = 0
    deferrals: int = 0
    bounces: int = 0
    complaints: int = 0

    @property
    def used(self) -> int:
        return self.open + self.results

    def count(self, measure: Measure) -> int:
        value: int = getattr(self, measure.name)
        return value

    def percent(self, measure: Measure) -> float:
        return 100 * self.count(measure) / self.results if self.results else 0.0


def sum_of(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    every = list(figures)
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: sum(getattr(one, name) for one in every) for name in names})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why in words for the user. `group`: which one is to be held."""

    what: Literal["watch", "go_on", "hold", "stop"]
    words: str = ""
    group: str = ""


def judge(
    groups: Mapping[str, Figures], bands: Bands, *, is_over: bool, may_hold: bool
) -> Verdict | None:
    """The verdict on these mailbox groups; None while there is nothing to say.

    What is clearly bad does not wait for the end of the time. One group alone is held (`may_hold`)
    and the others are judged without it; when a second one is bad, everything stops.
    """
    total = sum_of(groups.values())
    judged = {name: found for name, found in groups.items() if found.results >= ENOUGH_OF_GROUP}
    bad = [name for name, found in judged.items() if beyond(found, bands)]
    if len(bad) == 1 and may_hold and len(groups) > 1:
        return _hold(bad[0], groups[bad[0]], beyond(groups[bad[0]], bands), bands, is_beyond=True)
    if bad:
        worst = groups[bad[0]]
        return _stop(worst, beyond(worst, bands), bands, f"to {_whom(bad[0])} ")
    if beyond(total, bands) and (is_over or total.results >= ENOUGH):
        return _stop(total, beyond(total, bands), bands)
    if not (is_over and total.results):
        return None
    if not unsure(total, bands):
        return Verdict("go_on", f"The first {total.results:,} went well: {in_words(total)}.")
    if may_hold and (culprit := _culprit(groups, judged, bands)):
        found = groups[culprit]
        return _hold(culprit, found, unsure(found, bands), bands, is_beyond=False)
    return _ask(total, unsure(total, bands), bands)


def beyond(found: Figures, bands: Bands) -> list[Measure]:
    """The measures that are above their band."""
    return [
        measure
        for measure in MEASURES
        if found.count(measure) >= measure.fewest
        and found.percent(measure) > bands[measure.name].stop
    ]


def unsure(found: Figures, bands: Bands) -> list[Measure]:
    """The measures that are not below their band."""
    return [
        measure
        for measure in MEASURES
        if found.count(measure) >= measure.fewest
        and found.percent(measure) >= bands[measure.name].go_on
    ]


def _culprit(
    groups: Mapping[str, Figures], judged: Mapping[str, Figures], bands: Bands
) -> str | None:
    """The one group without which all would be well."""
    found = [name for name, figures in judged.items() if unsure(figures, bands)]
    if len(found) != 1 or len(groups) == 1:
        return None
    others = sum_of(figures for name, figures in groups.items() if name != found[0])
    return None if unsure(others, bands) else found[0]


# --- in words ------------------------------------------------------------------------------------


def in_words(found: Figures) -> str:
    """`1.2% refused, 0% put off, ...`"""
    return ", ".join(
        f"{percent(found.percent(measure))} {measure.title.lower()}" for measure in MEASURES
    )


def percent(value: float) -> str:
    """A percentage, such as "0.3%"."""
    return formatting.share(value / 100, formatting.DEFAULT_LOCALE)


def _hold(
    group: str, found: Figures, why: list[Measure], bands: Bands, *, is_beyond: bool
) -> Verdict:
    what = _too_much(found, why[0], bands, is_beyond=is_beyond)
    return Verdict("hold", f"Of the first {found.results:,} to {_whom(group)} {what}.", group)


def _whom(group: str) -> str:
    return "all other providers" if group == OTHER else name_of(group)


def _stop(found: Figures, why: list[Measure], bands: Bands, whom: str = "") -> Verdict:
    what = _too_much(found, why[0], bands, is_beyond=True)
    return Verdict(
        "stop",
        f"Stopped after a few: of the first {found.results:,} {whom}{what}."
        " Everybody else waits, and nothing leaves until you decide.",
    )


def _ask(found: Figures, why: list[Measure], bands: Bands) -> Verdict:
    what = _too_much(found, why[0], bands, is_beyond=False)
    return Verdict(
        "stop",
        f"Neither good nor bad: of the first {found.results:,} {what}."
        " Everybody else waits. Look at the replies of the servers and decide.",
    )


def _too_much(found: Figures, measure: Measure, bands: Bands, *, is_beyond: bool) -> str:
    band = bands[measure.name]
    limit = f"above {percent(band.stop)}" if is_beyond else f"not below {percent(band.go_on)}"
    return f"{percent(found.percent(measure))} {measure.words} ({limit})"
