"""The ASGI front: slow, broken or oversized requests never reach a thread of the app."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaigns.app import MAX_REQUEST_BYTES, create_app
from campaigns.audience.imports.uploads import MAX_FILE_BYTES
from campaigns.server import front as front_module
from campaigns.server import health
from campaigns.server.front import Front
from campaigns.server.request_slots import NoSlotError, RequestSlots
from campaigns.server.spool import Spool, SpoolFullError
from campaigns.tokens import Signer, click_path, open_token
from campaigns.web.static_files import asset
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.server.asgi import Exchange

SIGNER = Signer([SECRET_KEY])
GRACE_SECONDS = 0.2
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Environment:
    """A front with a small function as its app, and the requests that reached it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        values = settings_for_tests(folder, web_threads=2, **settings)
        self.app: Flask = create_app(values)
        self.front = Front(self.app, values, grace_seconds=GRACE_SECONDS)
        self.reached: list[Environ] = []
        self.bodies: list[bytes] = []

    def answer_with(self, blocks: Iterable[bytes], *, length: int | None = None) -> None:
        def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            self.reached.append(environ)
            self.bodies.append(environ["wsgi.input"].read())
            headers = [("Content-Type", "text/plain")]
            if length is not None:
                headers.append(("Content-Length", str(length)))
            start_response("200 OK", headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else blocks

        self.app.wsgi_app = app  # type: ignore[method-assign]

    def run(self, *exchanges: Exchange) -> list[Exchange]:
        async def all_of_them() -> list[Exchange]:
            return await asyncio.gather(*(one.run(self.front) for one in exchanges))

        return asyncio.run(asyncio.wait_for(all_of_them(), 20))


@pytest.fixture(autouse=True)
def _patient_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look at the database may take longer on a machine busy with other tests."""
    monkeypatch.setattr(health, "WAIT_SECONDS", 20)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    environment = Environment(tmp_path)
    environment.answer_with([b"ok"], length=2)
    yield environment
    environment.front.close()


def a_post(*parts: bytes | float | None, length: int | None = None, **values: Any) -> Exchange:
    """A POST with these body parts, chunked if no length is given."""
    size = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    return Exchange("/anything", method="POST", headers=size, parts=parts, **values)


def test_a_body_arrives_complete_with_a_length_or_in_chunks(
    environment: Environment,
) -> None:
    for length in (10, None):
        [done] = environment.run(a_post(b"hello", b"world", length=length))
        assert (done.status, done.body) == (200, b"ok")
        assert environment.bodies[-1] == b"helloworld"
        assert environment.reached[-1]["CONTENT_LENGTH"] == "10"
        assert "HTTP_TRANSFER_ENCODING" not in environment.reached[-1]


def test_a_large_body_is_spooled_to_a_file_that_leaves_nothing_behind(
    environment: Environment, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 4096
    [done] = environment.run(a_post(body[:300_000], body[300_000:], length=len(body)))
    assert done.status == 200
    assert environment.bodies == [body]
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("length", [1000, None])
def test_a_stalled_body_times_out_without_reaching_the_app(
    environment: Environment, length: int | None
) -> None:
    [done] = environment.run(a_post(b"abc", 5.0, b"def", length=length))
    assert (done.status, environment.reached) == (408, [])
    assert b"did not arrive in time" in done.body


def test_a_trickling_body_times_out(environment: Environment) -> None:
    trickle = [part for _ in range(100) for part in (b"x", 0.05)]
    [done] = environment.run(a_post(*trickle, length=100))
    assert (done.status, environment.reached) == (408, [])


def test_a_body_has_a_total_deadline(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "BODY_SECONDS", 0.3)
    steady = [part for _ in range(100) for part in (b"x" * 4096, 0.05)]
    [done] = environment.run(a_post(*steady, length=409_600))
    assert (done.status, environment.reached) == (408, [])


def test_an_oversized_body_is_refused_before_it_is_read(environment: Environment) -> None:
    # The body is not read: a refused upload uses neither a thread nor the disk.
    too_large = a_post(b"x", 60.0, b"y", length=MAX_REQUEST_BYTES + 1)
    chunks = a_post(*[b"x" * 500_000] * 6)
    done = environment.run(too_large, chunks)
    assert [one.status for one in done] == [413, 413]
    assert environment.reached == []
    assert b"form or file is too large" in done[0].body


def test_only_uploads_of_logged_in_users_may_be_large(environment: Environment) -> None:
    huge = {"content-length": str(MAX_REQUEST_BYTES + 1)}
    [done] = environment.run(Exchange("/imports", method="POST", headers=huge, parts=[b"x", None]))
    assert done.status == 413
    assert MAX_FILE_BYTES > MAX_REQUEST_BYTES


def test_a_request_aborted_in_the_body_never_reaches_the_app(environment: Environment) -> None:
    [done] = environment.run(a_post(b"abc", None, length=1000))
    assert (done.status, environment.reached) == (400, [])


def test_an_invalid_chunk_is_a_bad_request(environment: Environment) -> None:
    # The server below reports it as the end of the connection.
    [done] = environment.run(a_post(b"abcde", None))
    assert (done.status, environment.reached) == (400, [])


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 30, "1,1", ""])
def test_an_invalid_length_is_a_bad_request(environment: Environment, length: str) -> None:
    [done] = environment.run(Exchange("/", method="POST", headers={"content-length": length}))
    assert (done.status, environment.reached) == (400, [])


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "identity", "chunked;a"])
def test_other_transfer_codings_are_a_bad_request(environment: Environment, coding: str) -> None:
    [done] = environment.run(Exchange("/", method="POST", headers={"transfer-encoding": coding}))
    assert (done.status, environment.reached) == (400, [])


def test_a_length_beside_chunks_is_a_bad_request(environment: Environment) -> None:
    both = {"content-length": "5", "transfer-encoding": "chunked"}
    [done] = environment.run(Exchange("/health", headers=both))
    assert (done.status, environment.reached) == (400, [])


@pytest.mark.parametrize("method", ["get", "post", "Head"])
def test_methods_not_in_capitals_are_a_bad_request(environment: Environment, method: str) -> None:
    [done] = environment.run(Exchange("/", method=method))
    assert (done.status, environment.reached) == (400, [])


def test_head_gets_the_headers_of_a_get_and_no_body(environment: Environment) -> None:
    [done] = environment.run(Exchange("/x", method="HEAD"))
    assert (done.status, done.body, done.headers["content-length"]) == (200, b"", "2")


def test_a_large_answer_waits_for_its_client_in_a_file(
    environment: Environment, tmp_path: Path
) -> None:
    environment.answer_with(b"x" * 100_000 for _ in range(30))
    [done] = environment.run(Exchange("/export"))
    assert (len(done.body), done.is_whole) == (3_000_000, True)
    assert done.headers["content-length"] == "3000000"
    assert list((tmp_path / "spool").iterdir()) == []


def test_slow_readers_occupy_no_thread_and_time_out(environment: Environment) -> None:
    blocks = [b"x" * 100_000] * 30
    environment.answer_with(blocks)  # without a length, like an export

    async def request_all() -> tuple[list[Exchange], Exchange]:
        slow = [Exchange(f"/{n}", read_seconds=60.0) for n in range(6)]
        reading = [asyncio.create_task(one.run(environment.front)) for one in slow]
        while not all(one.status for one in slow):
            await asyncio.sleep(0.01)
        environment.answer_with([b"ok"], length=2)
        quick = await Exchange("/page").run(environment.front)
        assert not any(task.done() for task in reading)
        await asyncio.gather(*reading)
        return slow, quick

    slow, quick = asyncio.run(asyncio.wait_for(request_all(), 20))
    assert quick.body == b"ok"
    assert not any(one.is_whole for one in slow)


def test_an_export_stops_when_its_client_disconnects(environment: Environment) -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                time.sleep(0.01)
                yield b"x"
        finally:
            closed.set()

    environment.answer_with(endless())
    [done] = environment.run(Exchange("/export", parts=[b"", 0.1, None]))
    assert (done.status, closed.is_set()) == (0, True)


def test_an_export_that_fails_midway_is_an_error_and_not_a_short_file(
    environment: Environment,
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"row"
        raise RuntimeError("the database went away")

    environment.answer_with(broken())
    [done] = environment.run(Exchange("/export"))
    assert done.status == 500


def test_slots_are_counted_in_total_and_per_client() -> None:
    limit = RequestSlots(total=3, per_client=2)
    with limit.one("a"), limit.one("a"):
        with pytest.raises(NoSlotError) as own, limit.one("a"):
            pass
        with limit.one("b"), pytest.raises(NoSlotError) as full, limit.one("c"):
            pass
    assert (own.value.is_client, full.value.is_client) == (True, False)
    with limit.one("a"), limit.one("b"), limit.one("c"):
        pass


def test_too_many_slow_bodies_of_one_client_are_refused_and_others_are_not(
    environment: Environment,
) -> None:
    environment.front._bodies = RequestSlots(total=10, per_client=3)
    slow = [a_post(b"x", 5.0, b"y", length=2, address=f"2001:db8::{n}") for n in range(5)]
    other = a_post(b"xy", length=2, address="2001:db8:0:1::1")
    done = environment.run(*slow, other)
    assert sorted(one.status for one in done[:5]) == [408, 408, 408, 429, 429]
    assert done[-1].status == 200
    refused = next(one for one in done if one.status == 429)
    assert refused.headers["retry-after"] == "10"
    assert b"Too many requests from your network" in refused.body


def test_clients_behind_a_trusted_proxy_are_distinguished(tmp_path: Path) -> None:
    environment = Environment(tmp_path, trusted_proxies=1)
    forwarded = {"x-forwarded-for": "9.9.9.9, 198.51.100.7", "x-forwarded-proto": "https"}
    scope = Exchange(headers=forwarded).scope
    assert environment.front._client(scope) == "198.51.100.7"
    assert environment.front._is_secure(scope)
    environment.front.close()
    environment = Environment(tmp_path)
    assert environment.front._client(scope) == "192.0.2.1"
    assert not environment.front._is_secure(scope)
    environment.front.close()


def test_health_opens_clicks_and_static_files_need_no_thread(environment: Environment) -> None:
    environment.answer_with([b"ok"], length=2)
    held = threading.Event()
    for _ in range(2):
        environment.front._pool.submit(held.wait)
    click = "/c/" + click_path(SIGNER, 7, 1, "https://shop.example/größe")
    try:
        done = environment.run(
            Exchange(f"/o/{open_token(SIGNER, 7)}.gif"),
            Exchange(click),
            Exchange("/health"),
            Exchange(asset("css/app.css")),
        )
    finally:
        held.set()
    assert [one.status for one in done] == [200, 302, 200, 200]
    assert done[0].headers["content-type"] == "image/gif"
    assert done[1].headers["location"] == "https://shop.example/gr%C3%B6%C3%9Fe"
    assert environment.reached == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["open", "click", "health", "static", "font", "old", "missing"])
def test_the_front_answers_like_the_app(tmp_path: Path, name: str, method: str) -> None:
    environment = Environment(tmp_path)
    click = click_path(SIGNER, 0, 1, "https://shop.example/a?b=1&c=%20")
    path = {
        "open": "/o/broken.gif", "click": f"/c/{click}", "health": "/health",
        "static": asset("css/app.css"), "font": asset("vendor/inter/latin.woff2"),
        "old": "/static/0123456789ab/css/app.css", "missing": "/static/css/none.css",
    }[name]  # fmt: skip
    [ours] = environment.run(Exchange(path, method=method))
    theirs = environment.app.test_client().open(path, method=method)
    assert (ours.status, ours.body) == (theirs.status_code, theirs.data)
    # The app also sends Vary: Cookie for them, which never applies here.
    same = {key.lower(): value for key, value in theirs.headers if value != "Cookie"}
    assert ours.headers == same
    environment.front.close()


def test_a_broken_link_is_left_to_the_app_and_its_page(environment: Environment) -> None:
    for path in ("/c/a/b", "/c/a", "/c/a/b/c", "/o/x", "/o/a/b.gif"):
        environment.run(Exchange(path))
    assert [environ["PATH_INFO"] for environ in environment.reached] == [
        "/c/a/b", "/c/a", "/c/a/b/c", "/o/x", "/o/a/b.gif",
    ]  # fmt: skip


def test_a_header_with_an_underscore_is_not_mistaken_for_another(environment: Environment) -> None:
    environment.run(Exchange("/", headers={"x_forwarded_for": "1.2.3.4", "cookie": "a=b"}))
    assert "HTTP_X_FORWARDED_FOR" not in environment.reached[0]
    assert environment.reached[0]["HTTP_COOKIE"] == "a=b"


def test_the_total_size_of_spooled_bodies_is_limited(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1_000_000)
    first, second = spool.body(), spool.body()
    first.write(b"x" * 800_000)
    with pytest.raises(SpoolFullError):
        second.write(b"x" * 300_000)
    first.close()
    second.close()
    third = spool.body()
    third.write(b"x" * 900_000)
    assert third.size == 900_000
    third.close()
