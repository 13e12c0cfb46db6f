"""The speed, computed from samples that the page sends back."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.reports.progress import (
    Sample,
    dump_samples,
    parse_samples,
    per_second,
    slide,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ago(seconds: float, done: int) -> Sample:
    return Sample(NOW - timedelta(seconds=seconds), done)


def test_samples_survive_the_round_trip_to_the_browser() -> None:
    samples = [ago(4, 10), ago(2, 30), ago(0, 50)]
    assert parse_samples(dump_samples(samples), now=NOW) == samples


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3", "-", "12", ".", "9" * 40 + ".1", "1." + "9" * 40, "²." + "1", "a.b"]
)
def test_invalid_samples_are_ignored(text: str) -> None:
    assert parse_samples(text, now=NOW) == []


def test_a_sample_from_the_future_is_ignored() -> None:
    assert parse_samples(dump_samples([ago(-5, 10)]), now=NOW) == []


def test_the_speed_is_that_of_the_last_ten_seconds() -> None:
    samples: list[Sample] = []
    for second in range(0, 31, 2):  # 10 a second at first, 100 in the last ten seconds
        done = 10 * second if second <= 20 else 200 + 100 * (second - 20)
        samples = slide(samples, Sample(NOW + timedelta(seconds=second), done))
    assert per_second(samples) == pytest.approx(100)


def test_one_sample_gives_no_speed() -> None:
    assert per_second([]) is None
    assert per_second([ago(0, 100)]) is None
    assert per_second([ago(0.1, 100), ago(0, 200)]) is None


def test_without_progress_the_speed_is_zero() -> None:
    assert per_second([ago(4, 100), ago(0, 100)]) == 0


def test_a_page_that_slept_does_not_show_its_old_speed() -> None:
    assert slide([ago(3600, 0)], ago(0, 9000)) == [ago(0, 9000)]
