"""300 slow connections to the real web process; everyone else is served as usual."""

import http.client
import os
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns import migrate
from campaigns.accounts import users
from campaigns.app import create_app
from campaigns.audience.models import Subscriber
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import transaction
from tests.server.web_process import WebProcess, running_web

pytestmark = pytest.mark.process

SLOW = 300
SUBSCRIBERS = 20_000
PAGE_SECONDS = 1.0
HEALTH_SECONDS = 0.2
SLOWDOWN = 3
"""How many times longer than without slow clients an answer may take, if that is more."""
WATCH_SECONDS = 10.0
PASSWORD = "correct horse battery"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    with running_web(tmp_path / "data", fill) as process:
        yield process


def fill(settings: Settings) -> None:
    """Create an owner, and enough subscribers for a large export."""
    migrate.upgrade(settings)
    with create_app(settings).app_context(), transaction() as session:
        users.create_user("owner@example.org", PASSWORD, now=utcnow())
        people = [
            {
                "address": f"p{number}@example.org",
                "address_normal": f"p{number}@example.org",
                "domain": "example.org",
                "name": f"Person {number} " + "x" * 400,
                "attributes": {},
            }
            for number in range(SUBSCRIBERS)
        ]
        session.execute(sa.insert(Subscriber), people)


@pytest.mark.parametrize("is_one_address", [True, False], ids=["one-address", "many-addresses"])
def test_300_slow_connections_do_not_affect_anyone_else(
    web: WebProcess, is_one_address: bool
) -> None:
    cookie = web.log_in("owner@example.org", PASSWORD)
    # A slow or busy machine answers late without them too.
    before = [percentile_95(times) for times in watch(web.port, cookie, seconds=2)]
    with ExitStack() as stack:
        for number in range(SLOW):
            source = "127.0.0.1" if is_one_address else f"127.0.1.{number % 250 + 1}"
            stack.enter_context(slow_connection(web.port, number, cookie, source))
        pages, health = watch(web.port, cookie)
    time.sleep(2)  # what they had asked for is answered
    after = [percentile_95(times) for times in watch(web.port, cookie, seconds=2)]
    # A slow or busy machine answers late without them too.
    page_seconds = max(PAGE_SECONDS, SLOWDOWN * before[0], SLOWDOWN * after[0])
    health_seconds = max(HEALTH_SECONDS, SLOWDOWN * before[1], SLOWDOWN * after[1])
    assert len(pages) >= 4
    assert len(health) >= 4
    assert percentile_95(health) < health_seconds, sorted(health)[-5:]
    assert percentile_95(pages) < page_seconds, sorted(pages)[-5:]
    assert max(health + pages) < 5 * page_seconds  # no request hangs
    assert web.process.poll() is None


def percentile_95(seconds: list[float]) -> float:
    """The 95th percentile: a busy machine may delay single answers."""
    return sorted(seconds)[len(seconds) * 19 // 20]


def slow_connection(port: int, number: int, cookie: str, source: str) -> socket.socket:
    """Send slow headers, send a slow body, or read a large export slowly, by number."""
    connection = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    start = [
        "GET /login HTTP/1.1\r\nHost: local",
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\naddress=",
        f"GET /subscribers/export.csv HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n",
    ][number % 3]
    connection.sendall(start.encode())
    return connection


def watch(
    port: int, cookie: str, *, seconds: float = WATCH_SECONDS
) -> tuple[list[float], list[float]]:
    """The seconds that pages and health took, requested in parallel for a while."""
    pages: list[float] = []
    health: list[float] = []
    end = time.monotonic() + seconds

    def ask(paths: Sequence[str], times: list[float]) -> None:
        while time.monotonic() < end:
            for path in paths:
                times.append(seconds_for(port, path, cookie))
                time.sleep(0.1)

    other = threading.Thread(target=ask, args=(["/health"], health))
    other.start()
    ask(["/login", "/", "/lists", "/suppressions"], pages)
    other.join()
    print(f"pages: median {statistics.median(pages):.3f} s, longest {max(pages):.3f} s")
    print(f"health: median {statistics.median(health):.3f} s, longest {max(health):.3f} s")
    return pages, health


def seconds_for(port: int, path: str, cookie: str) -> float:
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in {200, 302}, (path, answer.status)
    finally:
        connection.close()
    return time.monotonic() - begun


def test_silent_and_slow_connections_are_closed(web: WebProcess) -> None:
    starts = [b"", b"GET / HT", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"]
    connections = [socket.create_connection(("127.0.0.1", web.port), 40) for _ in starts]
    for connection, start in zip(connections, starts, strict=True):
        connection.sendall(start)
    answers = [connection.recv(100) for connection in connections]
    assert answers[:2] == [b"", b""]
    assert answers[2].startswith(b"HTTP/1.1 408")
    for connection in connections:
        connection.close()


def test_a_large_upload_streams_through_with_flat_memory(web: WebProcess) -> None:
    cookie = web.log_in("owner@example.org", PASSWORD)
    cookie, page = web.ask("/imports/new", cookie)
    token = page.decode().split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    head = (
        f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n--x\r\n'
        'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail,name\r\n'
    ).encode()
    row = b"somebody@example.org," + b"n" * 1000 + b"\r\n"
    block, count, tail = row * 1000, 150, b"\r\n--x--\r\n"
    before = web.resident_mb()
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.putrequest("POST", "/imports")
    connection.putheader("Cookie", cookie)
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(len(head) + count * len(block) + len(tail)))
    connection.endheaders(head)
    for _ in range(count):
        connection.send(block)
    connection.send(tail)
    answer = connection.getresponse()
    assert (answer.status, "/mapping" in str(answer.getheader("Location"))) == (302, True)
    connection.close()
    assert web.resident_mb() - before < 60
    [kept] = (web.data_dir / "uploads").iterdir()
    assert kept.stat().st_size == len("email,name\r\n") + count * len(block)
    assert list((web.data_dir / "spool").iterdir()) == []


def test_open_requests_are_finished_before_the_web_process_stops(web: WebProcess) -> None:
    connection = socket.create_connection(("127.0.0.1", web.port), 20)
    body = b"address=a"
    connection.sendall(
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" + body[:4]
    )
    web.ask("/health")  # accepted later, so the first one is accepted by now
    time.sleep(0.5)
    os.kill(web.process.pid, signal.SIGTERM)
    time.sleep(1)
    connection.sendall(body[4:])
    assert connection.recv(100).startswith(b"HTTP/1.1 400")  # without a CSRF token, but answered
    connection.close()
    assert web.process.wait(20) == 0
