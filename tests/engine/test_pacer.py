"""The moments at which messages of a limited account leave a worker."""

import pytest

from campaigns.engine.pacer import CATCH_UP_SECONDS, Pacer


def left(pacer: Pacer, start: float, count: int, *, tick: float = 0.001) -> list[float]:
    """When so many messages leave, if somebody looks every millisecond."""
    moments: list[float] = []
    now = start
    while len(moments) < count:
        if pacer.due_at(now) <= now:
            pacer.use(now)
            moments.append(round(now - start, 3))
        else:
            now += tick
    return moments


def test_messages_leave_at_the_moments_that_were_given_out() -> None:
    pacer = Pacer()
    pacer.add(100.1, 0.1, 2)
    pacer.add(100.5, 0.1, 2)  # in between is the turn of another worker
    assert left(pacer, 100.0, 4) == pytest.approx([0.1, 0.2, 0.5, 0.6], abs=0.002)


def test_after_a_pause_there_is_no_burst() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.02, 50)
    moments = left(pacer, 103.0, 50)
    assert moments[-1] >= 49 * 0.02 - CATCH_UP_SECONDS - 0.001
    assert sum(moment < 0.5 for moment in moments) <= 25 + 2


def test_a_little_delay_is_made_good() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.01, 100)
    first = left(pacer, 100.02, 99)
    assert first[-1] == pytest.approx(0.96, abs=0.002)


def test_what_waited_before_there_was_a_limit_keeps_to_it() -> None:
    pacer = Pacer()
    pacer.add(100.0, 0.1, 1)
    assert left(pacer, 100.0, 4) == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.004)
