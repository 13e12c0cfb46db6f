"""`campaigns bench` in a small form: it measures a real run and says so in JSON."""

import json
import subprocess

import pytest

from tests.product import COMMAND


@pytest.mark.slow
def test_the_benchmark_sends_everything_and_reports_it() -> None:
    done = subprocess.run(
        [COMMAND, "bench", "--recipients", "200", "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["recipients"] == 200
    assert figures["messages_per_second"] > 0
    assert figures["database"] == "sqlite"
