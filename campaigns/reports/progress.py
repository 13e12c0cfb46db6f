"""Compute the speed of a campaign from samples. Pure arithmetic.

The speed is the difference of two balances some seconds apart. The polling page carries the
samples, so no query over sent times has to run every other second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WINDOW_SECONDS = 10.0
LONGEST_SECONDS = 30.0
_SHORTEST_SECONDS = 0.8
_EXACTNESS = timedelta(milliseconds=1)
"""Precision of times in text form."""
_MAX_SAMPLES = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """The number of deliveries done at one time."""

    at: datetime
    done: int


def parse_samples(text: str, *, now: datetime) -> list[Sample]:
    """Parse the text of `dump_samples`. It comes from a browser: invalid parts are ignored."""
    samples = []
    for part in text.split("-")[-_MAX_SAMPLES:]:
        at, _, done = part.partition(".")
        if not (at.isascii() and at.isdigit() and done.isascii() and done.isdigit()):
            continue
        if len(at) > 14 or len(done) > 12:
            continue
        sample = Sample(datetime.fromtimestamp(int(at) / 1000, UTC), int(done))
        if sample.at <= now:
            samples.append(sample)
    return sorted(samples, key=lambda sample: sample.at)


def dump_samples(samples: Sequence[Sample]) -> str:
    """Return samples as text for a URL: `<milliseconds>.<done>` joined by `-`."""
    return "-".join(f"{int(s.at.timestamp() * 1000)}.{s.done}" for s in samples[-_MAX_SAMPLES:])


def slide(samples: Sequence[Sample], newest: Sample) -> list[Sample]:
    """Add a sample and drop those outside the window, except the latest of them, its edge."""
    edge = newest.at - timedelta(seconds=WINDOW_SECONDS)
    recent = [sample for sample in samples if sample.at > edge]
    older = [sample for sample in samples if sample.at <= edge]
    # An old edge (of a suspended page) would show a past speed as the current one.
    kept_edge = [s for s in older[-1:] if s.at > edge - timedelta(seconds=LONGEST_SECONDS)]
    # Large campaigns are counted at intervals, so the same count may appear twice.
    return [*kept_edge, *(s for s in recent if newest.at - s.at >= _EXACTNESS), newest]


def per_second(samples: Sequence[Sample]) -> float | None:
    """Return the speed over the samples; None while there are too few."""
    if len(samples) < 2:
        return None
    seconds = (samples[-1].at - samples[0].at).total_seconds()
    if seconds < _SHORTEST_SECONDS:
        return None
    return max(0.0, (samples[-1].done - samples[0].done) / seconds)
