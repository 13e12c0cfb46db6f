"""When a mailbox group suddenly refuses very many recipients."""

from datetime import UTC, datetime, timedelta

from campaigns.delivery.refusal_spike import Recent
from campaigns.delivery.retry import Limits

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def test_b4_five_hundred_refusals_are_a_spike_long_before_the_last() -> None:
    recent = Recent(Limits())
    found = [recent.add(10, 10, now=minutes(0.01 * number)) for number in range(50)]
    assert found.index(True) == 1, "at the twentieth refusal"
    assert recent.since() is not None


def test_a_few_dead_addresses_of_an_old_list_are_no_spike() -> None:
    recent = Recent(Limits())
    assert not any(recent.add(20, 100, now=minutes(number / 10)) for number in range(200))


def test_refusals_hours_apart_are_no_spike() -> None:
    recent = Recent(Limits())
    assert not any(recent.add(10, 10, now=minutes(11 * number)) for number in range(50))


def test_earlier_successes_do_not_hide_a_spike() -> None:
    recent = Recent(Limits())
    for number in range(100):
        recent.add(0, 1000, now=minutes(number / 100))
    assert not recent.add(49, 50, now=minutes(1.1)), "the last thousand still count"
    assert recent.add(60, 200, now=minutes(1.2))
    assert recent.since() == minutes(1.2)


def test_counting_starts_again_after_a_hold() -> None:
    recent = Recent(Limits())
    assert recent.add(30, 30, now=NOON)
    recent.forget()
    assert recent.since() is None
    assert not recent.add(19, 19, now=NOON)


def test_the_limit_can_be_set() -> None:
    limits = Limits(flood_refusals=5, flood_share=0.5)
    assert Recent(limits).add(5, 8, now=NOON)
    assert not Recent(limits).add(4, 4, now=NOON)
    assert not Recent(limits).add(5, 10, now=NOON)
