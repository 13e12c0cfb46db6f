"""The chart of opens and clicks by hour."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.reports.engagement import Hour


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of the chart; heights in percent of its highest bar."""

    hour: Hour
    opened_height: float
    clicked_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Opens and clicks by hour, as bars."""

    bars: list[Bar]
    top: int
    """The value at the upper edge: a round even number."""
    is_empty: bool
    hours_so_far: int


def chart_of(hours: list[Hour], started_at: datetime | None, now: datetime) -> Chart | None:
    """Return the chart; None before the start."""
    if started_at is None:
        return None
    top = _round_up(max(max(hour.opened, hour.clicked) for hour in hours))
    age = (now - started_at).total_seconds()
    return Chart(
        bars=[
            Bar(hour, round(100 * hour.opened / top, 2), round(100 * hour.clicked / top, 2))
            for hour in hours
        ],
        top=top,
        is_empty=not any(hour.opened or hour.clicked for hour in hours),
        hours_so_far=min(len(hours), int(age // 3600) + 1),
    )


def _round_up(value: int) -> int:
    """Return the smallest of 2, 4, 6, 8, 10, 20, 40, ... that is not less."""
    step = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if factor * step >= value:
                return factor * step
        step *= 10
