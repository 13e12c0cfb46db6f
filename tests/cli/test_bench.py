"""`campaigns bench` in a small form: it measures real runs and says so in JSON."""

import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from campaigns.cli.benchmarks import costs, environment, relay
from tests.cli.conftest import Run
from tests.product import COMMAND, free_port
from tests.smtp_server import ScriptedServer, scripted_server

SMALL = ("--recipients", "200", "--runs", "1", "--json")


def bench(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [COMMAND, "bench", *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


@pytest.mark.process
def test_it_sends_everything_and_reports_it() -> None:
    figures = bench(*SMALL)
    assert figures["recipients"] == 200
    assert figures["messages_per_second"] > 0
    assert figures["database"] == "sqlite"
    assert 13_000 < figures["message_bytes"] < 15_000
    assert figures["render"]["us_per_message"] > 0
    if costs.are_known():
        assert figures["cpu_us_per_message"] > 0
        assert 20 < figures["worker_rss_mb"] < 1000
    if environment.postfix_program("smtp-source"):
        rates = figures["messages_per_second"], figures["reference_messages_per_second"]
        assert figures["ratio"] == pytest.approx(rates[0] / rates[1], rel=0.01)


@pytest.mark.process
def test_a_long_line_is_measured_with_one_worker_two_and_without_pipelining() -> None:
    figures = bench("send", "--relay-ms", "2", "--probe", *SMALL)
    assert figures["relay_ms"] == 2
    one = figures["messages_per_second"]
    # In 4 milliseconds each connection brings one message at best.
    assert 0 < one < figures["connections_per_worker"] / 0.004
    gain = one / figures["not_pipelined_messages_per_second"]
    assert figures["pipelining_gain"] == pytest.approx(gain, rel=0.05)
    assert figures["scaling"] == pytest.approx(
        figures["two_workers_messages_per_second"] / one, rel=0.05
    )
    # What else was served, with all processes.
    assert figures["probe"]["probes_not_sent"] == 0
    assert figures["probe"]["pages"] >= 1


@pytest.mark.process
def test_freezing_is_measured_too() -> None:
    figures = bench("expand", *SMALL)
    assert figures["expand_seconds"] > 0


@pytest.mark.process
def test_importing_is_measured_too() -> None:
    figures = bench("import", *SMALL)
    assert figures["rows_per_second"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["rows_per_second"] / figures["reference_rows_per_second"], rel=0.05
    )


def test_what_does_not_fit_together_is_said(run: Run) -> None:
    assert "bench send` only" in run("bench", "expand", "--relay-ms", "5").output
    refused = run("bench", "send", "--postgresql", "--database-url", "postgresql://x/y")
    assert refused.exit_code == 2
    assert "not both" in refused.output


# --- the long line ----------------------------------------------------------------------------

DELAY_MS = 30


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(extensions=("PIPELINING", "8BITMIME")) as server:
        yield server


@contextmanager
def a_line_to(port: int, *options: str) -> Iterator[int]:
    near = free_port()
    command = [sys.executable, "-m", relay.__name__, str(near), str(port), str(DELAY_MS), *options]
    process = subprocess.Popen(command)
    try:
        yield near
    finally:
        process.kill()
        process.wait()


def greeted(port: int) -> smtplib.SMTP:
    """A connection on which EHLO was said; waits until somebody listens."""
    deadline = time.monotonic() + 10
    while True:
        try:
            client = smtplib.SMTP("127.0.0.1", port, timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            client.ehlo()
            return client


def test_every_answer_takes_its_way_there_and_back(server: ScriptedServer) -> None:
    with a_line_to(server.port) as port, greeted(port) as client:
        begun = time.monotonic()
        client.noop()
        assert time.monotonic() - begun >= 2 * DELAY_MS / 1000
        assert client.has_extn("pipelining")
        client.docmd("MAIL", "FROM:<a@example.org>")
        client.docmd("RCPT", "TO:<b@example.org>")
        assert client.data("long\r\n" * 50_000)[0] == 250
    assert len(server.received[0].data) > 250_000


def test_it_can_hide_that_the_server_pipelines(server: ScriptedServer) -> None:
    with a_line_to(server.port, "hide-pipelining") as port, greeted(port) as client:
        assert not client.has_extn("pipelining")
        assert client.has_extn("8bitmime")
