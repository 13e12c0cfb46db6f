"""The measurement of rendering gives figures that fit together."""

import pytest

from campaigns.cli.benchmarks.render import measure


def test_what_a_message_costs_is_measured() -> None:
    figures = measure(0.2)
    assert figures["message_bytes"] > 9_000
    for name in ("", "standard_library_"):
        rate = figures[f"{name}messages_per_second"]
        assert rate * figures[f"{name}us_per_message"] == pytest.approx(1_000_000)
