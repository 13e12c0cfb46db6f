"""`campaigns bench` on a small scale: it measures real runs and prints JSON."""

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
def test_sending_is_measured_and_reported() -> None:
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
def test_a_slow_relay_is_measured_with_one_and_two_workers_and_without_pipelining() -> None:
    figures = bench("send", "--relay-ms", "2", "--probe", *SMALL)
    assert figures["relay_ms"] == 2
    one = figures["messages_per_second"]
    # In 4 milliseconds, each connection sends at most one message.
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
def test_expanding_is_measured() -> None:
    figures = bench("expand", *SMALL)
    assert figures["expand_seconds"] > 0


@pytest.mark.process
def test_importing_is_measured() -> None:
    figures = bench("import", *SMALL)
    assert figures["rows_per_second"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["rows_per_second"] / figures["reference_rows_per_second"], rel=0.05, abs=0.005
    )  # the ratio is rounded to hundredths


@pytest.mark.process
def test_segments_are_measured() -> None:
    figures = bench("segments", "--subscribers", "1000", "--deliveries", "10000", "--json")
    assert (figures["subscribers"], figures["deliveries"]) == (1000, 10_000)
    assert figures["database"] == "sqlite"
    for name in ("field_count_p95_ms", "behaviour_count_p95_ms", "freeze_ratio"):
        assert figures[name] > 0, name


def test_contradictory_options_are_refused(run: Run) -> None:
    assert "bench send` only" in run("bench", "expand", "--relay-ms", "5").output
    assert "bench segments` only" in run("bench", "expand", "--deliveries", "5000").output
    refused = run("bench", "send", "--postgresql", "--database-url", "postgresql://x/y")
    assert refused.exit_code == 2
    assert "not both" in refused.output


# --- the slow relay ---------------------------------------------------------------------------

DELAY_MS = 30


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server(extensions=("PIPELINING", "8BITMIME")) as server:
        yield server


@contextmanager
def relay_to(port: int, *options: str) -> Iterator[int]:
    near = free_port()
    command = [sys.executable, "-m", relay.__name__, str(near), str(port), str(DELAY_MS), *options]
    process = subprocess.Popen(command)
    try:
        yield near
    finally:
        process.kill()
        process.wait()


def greeted(port: int) -> smtplib.SMTP:
    """A connection after EHLO; waits until the port is open."""
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


def test_every_reply_is_delayed_by_a_round_trip(server: ScriptedServer) -> None:
    with relay_to(server.port) as port, greeted(port) as client:
        begun = time.monotonic()
        client.noop()
        assert time.monotonic() - begun >= 2 * DELAY_MS / 1000
        assert client.has_extn("pipelining")
        client.docmd("MAIL", "FROM:<a@example.org>")
        client.docmd("RCPT", "TO:<b@example.org>")
        assert client.data("long\r\n" * 50_000)[0] == 250
    assert len(server.received[0].data) > 250_000


def test_the_relay_can_hide_pipelining(server: ScriptedServer) -> None:
    with relay_to(server.port, "hide-pipelining") as port, greeted(port) as client:
        assert not client.has_extn("pipelining")
        assert client.has_extn("8bitmime")
