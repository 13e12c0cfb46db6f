"""The times at which messages of a limited account leave a worker."""

import pytest

from campaigns.engine.pacer import CATCH_UP_SECONDS, Pacer


def left(pacer: Pacer, start: float, count: int, *, tick: float = 0.001) -> list[float]:
    """The times at which messages leave when the pacer is asked every millisecond."""
    times: list[float] = []
    now = start
    while len(times) < count:
        if pacer.due_at(now) <= now:
            pacer.use(now)
            times.append(round(now - start, 3))
        else:
            now += tick
    return times


def test_messages_leave_at_the_granted_times() -> None:
    pacer = Pacer()
    pacer.add(100.1, 0.1, 2)
    pacer.add(100.5, 0.1, 2)  # in between, another worker has its turn
    assert left(pacer, 100.0, 4) == pytest.approx([0.1, 0.2, 0.5, 0.6], abs=0.002)


def test_after_a_pause_there_is_no_burst() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.02, 50)
    times = left(pacer, 103.0, 50)
    assert times[-1] >= 49 * 0.02 - CATCH_UP_SECONDS - 0.001
    assert sum(time < 0.5 for time in times) <= 25 + 2


def test_a_small_delay_is_caught_up() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.01, 100)
    first = left(pacer, 100.02, 99)
    assert first[-1] == pytest.approx(0.96, abs=0.002)


def test_messages_that_waited_before_a_limit_was_set_keep_to_it() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.1, 1)
    assert left(pacer, 100.0, 4) == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.004)
