"""The figures of the rendering benchmark are consistent."""

import pytest

from campaigns.cli.benchmarks.render import measure


def test_the_cost_of_a_message_is_measured() -> None:
    figures = measure(0.02, compilations=1)
    assert figures["message_bytes"] > 9_000
    for name in ("", "standard_library_"):
        rate = figures[f"{name}messages_per_second"]
        assert rate * figures[f"{name}us_per_message"] == pytest.approx(1_000_000)
