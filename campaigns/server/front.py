"""The ASGI front: waits for slow clients without occupying a thread.

A request's body is read in full before the app sees it, and the app's response is buffered until
the client has read it. The app (WSGI) holds one of WEB_THREADS threads only while it computes.
Responses of unknown length, such as exports, are written to a file by separate threads. Health, the
open pixel, clicks and static files need no thread at all.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import structlog
from flask import Flask, Response
from flask_babel import lazy_gettext

from campaigns.app import (
    MAX_REQUEST_BYTES,
    add_security_headers,
    error_html,
    max_body_bytes,
)
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import EXTENSION, Services
from campaigns.public.health import health_answer
from campaigns.public.track import answer_click, answer_open
from campaigns.server.event_writer import EventWriter
from campaigns.server.health import Health
from campaigns.server.minimum_rate import GRACE_SECONDS, MinimumRate, TooSlowError
from campaigns.server.request_slots import NoSlotError, RequestSlots
from campaigns.server.spool import Body, Spool, SpoolFullError
from campaigns.server.thread_shares import ThreadShares
from campaigns.server.wsgi import Call, Headers, environ_of
from campaigns.web import static_files
from campaigns.web_limits import network_of

log = structlog.get_logger()

T = TypeVar("T")
Scope = Mapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BLOCK_BYTES = 64 * 1024
"""Size of the blocks in which long bodies are forwarded."""
DISK_BLOCK_BYTES = 256 * 1024
BODY_SECONDS = 120.0
"""Time limit for receiving a body of ordinary size, in seconds."""
LONG_SECONDS = 2 * 3600.0
"""Time limit for an upload, and for a client to read a response, in seconds."""
DRAIN_SECONDS = 1.0
"""Time for which the rest of a refused body is read, in seconds: browsers expect that."""
EXPORT_THREADS = 2
DISK_THREADS = 4

STATIC = b"/static/"

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})

_network_of = lru_cache(maxsize=4096)(network_of)


class RequestRefusedError(Exception):
    """The request is answered with this status, without the app."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ClientGoneError(Exception):
    """The client has disconnected."""


_REFUSALS = {
    400: (
        lazy_gettext("Malformed request"),
        lazy_gettext("The request could not be read. Reload the page and try again."),
    ),
    408: (
        lazy_gettext("Too slow"),
        lazy_gettext("The request did not arrive in time. Check your connection and try again."),
    ),
    413: (
        lazy_gettext("Too large"),
        lazy_gettext("The form or file is too large. Shorten it, or choose a smaller file."),
    ),
    429: (
        lazy_gettext("Too many requests"),
        lazy_gettext(
            "Too many requests from your network are in progress. Wait a moment, then try again."
        ),
    ),
    500: (
        lazy_gettext("Something went wrong"),
        lazy_gettext("The error has been logged. Nothing that was saved is lost."),
    ),
    503: (lazy_gettext("Busy"), lazy_gettext("The server is busy. Try again in a moment.")),
    507: (
        lazy_gettext("The disk is full"),
        lazy_gettext("Free some space on the server, then try again. Nothing is lost."),
    ),
}


class Front:
    """The ASGI application around the Flask app."""

    def __init__(
        self, app: Flask, settings: Settings, *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self._app, self._hops, self._grace = app, settings.trusted_proxies, grace_seconds
        services: Services = app.extensions[EXTENSION]
        self._signer = services.signer
        self._spool = Spool(settings.spool_dir)
        self._pool = ThreadPoolExecutor(settings.web_threads, "web")
        self._exporters = ThreadPoolExecutor(EXPORT_THREADS, "export")
        self._disk = ThreadPoolExecutor(DISK_THREADS, "disk")
        self._thread_shares = ThreadShares(settings.web_threads - settings.web_threads // 4)
        self._bodies = RequestSlots(total=1000, per_client=200)
        self._pages = RequestSlots(total=1000, per_client=200)
        self._exports = RequestSlots(total=64, per_client=8)
        self._health = Health(app)
        self._event_writer = EventWriter(app)
        with app.test_request_context():
            self._refusals = {code: error_html(code, *texts) for code, texts in _REFUSALS.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def close(self) -> None:
        """Write the remaining events and end the threads."""
        self._event_writer.close()
        self._health.close()
        for pool in (self._pool, self._exporters, self._disk):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            length = _declared_length(scope)
            answer = await self._without_app(scope)
            if answer is not None:
                await self._send_response(scope, send, answer)
            else:
                await self._through_app(scope, receive, send, length)
        except RequestRefusedError as refusal:
            await self._refuse(scope, send, refusal.code)
        except ClientGoneError:
            return
        except Exception:
            log.exception("a request failed in the web server", path=scope["path"])
            await self._refuse(scope, send, 500)

    # --- without the app -----------------------------------------------------------------------

    async def _without_app(self, scope: Scope) -> Response | None:
        """Return the response to a request that needs no thread; None for all others."""
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        path: bytes = scope["raw_path"]
        if path == b"/health":
            return health_answer(is_well=await self._health.is_well())
        if path.startswith(STATIC):
            name = path[len(STATIC) :].decode("latin-1")
            return static_files.quick_answer(name, _header(scope, b"accept-encoding"))
        if path.startswith((b"/o/", b"/c/")):
            return self._tracked(scope, path.decode("latin-1").split("/"))
        return None

    def _tracked(self, scope: Scope, parts: list[str]) -> Response | None:
        """Return the pixel or the redirect; the app answers malformed URLs with its error page."""
        user_agent = _header(scope, b"user-agent")
        answer: Response | None
        if parts[1] == "o" and len(parts) == 3 and parts[2].endswith(".gif"):
            token = parts[2].removesuffix(".gif")
            answer, event = answer_open(self._signer, token, at=utcnow(), user_agent=user_agent)
        elif parts[1] == "c" and len(parts) == 4:
            answer, event = answer_click(
                self._signer, parts[2], parts[3], at=utcnow(), user_agent=user_agent
            )
        else:
            return None
        if answer is not None and event is not None and scope["method"] == "GET":
            self._event_writer.put(event)
        return answer

    # --- through the app -----------------------------------------------------------------------

    async def _through_app(
        self, scope: Scope, receive: Receive, send: Send, length: int | None
    ) -> None:
        client = self._client(scope)
        body = self._spool.body()
        try:
            await self._read_body(scope, receive, body, client, length)
            call = Call(self._app, environ_of(scope, body.file(), body.size))
            await self._in_turn(client, call.run)
            if call.body is not None:
                await self._send_bytes(send, call.status, call.headers, call.body)
            else:
                await self._export(call, receive, send, client)
        finally:
            await self._close(body)

    async def _in_turn(self, client: str, work: Callable[[], T]) -> T:
        """Run the app's code in a pool thread."""
        with _slot(self._pages, client):
            async with self._thread_shares.one(client):
                return await _in(self._pool, work)

    # --- the body of a request -----------------------------------------------------------------

    async def _read_body(
        self, scope: Scope, receive: Receive, body: Body, client: str, length: int | None
    ) -> None:
        if length == 0:
            return
        limit = MAX_REQUEST_BYTES
        if length is None or length > limit:  # the app allows some users more
            environ = environ_of(scope, body.file(), 0)
            limit = await self._in_turn(client, lambda: max_body_bytes(self._app, environ))
        if length is not None and length > limit:
            await _drain(scope, receive)
            raise RequestRefusedError(413)
        with _slot(self._bodies, client):
            try:
                await self._spool_body(receive, body, limit)
            except TooSlowError:
                raise RequestRefusedError(408) from None
            except SpoolFullError:
                raise RequestRefusedError(507) from None

    async def _spool_body(self, receive: Receive, body: Body, limit: int) -> None:
        pace = self._pace(BODY_SECONDS if limit <= MAX_REQUEST_BYTES else LONG_SECONDS)
        block, size, more = bytearray(), 0, True
        while more:
            message = await pace.wait(receive())
            if message["type"] != "http.request":
                raise RequestRefusedError(400)  # truncated, or malformed chunks
            part, more = message.get("body", b""), message.get("more_body", False)
            pace.passed(len(part))
            size += len(part)
            if size > limit:
                raise RequestRefusedError(413)
            block += part
            if len(block) >= DISK_BLOCK_BYTES or not more:
                await self._write(body, bytes(block))
                block.clear()

    async def _write(self, body: Body, block: bytes) -> None:
        if body.fits(block):
            body.write(block)
        else:
            await _in(self._disk, lambda: body.write(block))

    async def _close(self, body: Body) -> None:
        if body.is_in_memory:
            body.close()
        else:  # freeing a large file may take a while
            await _in(self._disk, body.close)

    # --- responses -----------------------------------------------------------------------------

    async def _export(self, call: Call, receive: Receive, send: Send, client: str) -> None:
        """Write the response to a file, then send it: no thread waits for the client."""
        out = self._spool.body()
        try:
            with _slot(self._exports, client):
                await self._write_out(call, out, receive)
                headers = [pair for pair in call.headers if pair[0] != b"content-length"]
                headers.append((b"content-length", str(out.size).encode()))
                await self._send_file(send, call.status, headers, out)
        except SpoolFullError:
            raise RequestRefusedError(507) from None
        finally:
            call.close()
            await self._close(out)

    async def _write_out(self, call: Call, out: Body, receive: Receive) -> None:
        is_gone = threading.Event()
        watch = asyncio.create_task(_wait_for_disconnect(receive, is_gone))
        try:
            await _in(self._exporters, lambda: _write_blocks(call, out, is_gone))
        finally:
            watch.cancel()
        if is_gone.is_set():
            raise ClientGoneError

    async def _send_file(self, send: Send, status: int, headers: Headers, body: Body) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        file, pace, left = body.file(), self._pace(LONG_SECONDS), body.size
        while left:
            block = await _in(self._disk, lambda: file.read(BLOCK_BYTES))
            left -= len(block)
            await _send_block(send, pace, block, more=left > 0)
        if not body.size:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_bytes(self, send: Send, status: int, headers: Headers, body: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if len(body) <= BLOCK_BYTES:
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        pace, rest = self._pace(LONG_SECONDS), memoryview(body)
        while rest:
            block, rest = bytes(rest[:BLOCK_BYTES]), rest[BLOCK_BYTES:]
            await _send_block(send, pace, block, more=bool(rest))

    def _pace(self, total_seconds: float) -> MinimumRate:
        clock = asyncio.get_running_loop().time
        return MinimumRate(clock, total_seconds=total_seconds, grace_seconds=self._grace)

    async def _send_response(self, scope: Scope, send: Send, answer: Response) -> None:
        """Send a response made here, with the headers that the app adds to its own."""
        add_security_headers(answer, is_secure=self._is_secure(scope))
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.get_wsgi_headers({})
        ]
        body = b"" if scope["method"] == "HEAD" else answer.get_data()
        await self._send_bytes(send, answer.status_code, headers, body)

    async def _refuse(self, scope: Scope, send: Send, code: int) -> None:
        answer = Response(self._refusals[code], status=code, mimetype="text/html")
        if code in {429, 503}:
            answer.headers["Retry-After"] = "10"
        try:
            await self._send_response(scope, send, answer)
        except Exception:  # noqa: BLE001 (an answer had begun, or nobody is there any more)
            log.debug("a refusal could not be sent", code=code)

    # --- the client ----------------------------------------------------------------------------

    def _client(self, scope: Scope) -> str:
        address = scope["client"][0] if scope.get("client") else ""
        return _network_of(self._forwarded(scope, b"x-forwarded-for") or address)

    def _is_secure(self, scope: Scope) -> bool:
        return (self._forwarded(scope, b"x-forwarded-proto") or scope["scheme"]) == "https"

    def _forwarded(self, scope: Scope, name: bytes) -> str:
        """Return the header value of the outermost trusted proxy; "" if there is none."""
        if not self._hops:
            return ""
        values = [value.strip() for value in _header(scope, name).split(",")]
        return values[-self._hops] if len(values) >= self._hops else ""


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def _declared_length(scope: Scope) -> int | None:
    """Return the length of the body: 0 without a body, None if unknown until its end.

    Refuses requests that a proxy may delimit differently: two lengths, a length and chunks, or
    codings around the chunks. Otherwise a second request could be smuggled inside the first.
    """
    if not scope["method"].isupper():  # methods are case-sensitive; the app ignores case
        raise RequestRefusedError(400)
    found = [pair for pair in scope["headers"] if pair[0] in _FRAMING]
    if not found:
        return 0
    name, value = found[0]
    if len(found) > 1:
        raise RequestRefusedError(400)
    if name == b"transfer-encoding":
        if value.strip().lower() != b"chunked":
            raise RequestRefusedError(400)
        return None
    if not value.isdigit() or len(value) > 15:
        raise RequestRefusedError(400)
    return int(value)


async def _in(pool: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


@contextmanager
def _slot(slots: RequestSlots, client: str) -> Iterator[None]:
    """Hold a slot. Raises RequestRefusedError with a status that says who holds too many."""
    try:
        slot = slots.one(client)
        slot.__enter__()
    except NoSlotError as error:
        raise RequestRefusedError(429 if error.is_client else 503) from None
    try:
        yield
    finally:
        slot.__exit__(None, None, None)


async def _drain(scope: Scope, receive: Receive) -> None:
    """Keep reading briefly: a browser that is still sending does not show the response."""
    if _header(scope, b"expect"):
        return  # it sends only after our 100 Continue
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return


async def _wait_for_disconnect(receive: Receive, is_gone: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    is_gone.set()


def _write_blocks(call: Call, out: Body, is_gone: threading.Event) -> None:
    """Write the whole response, unless the client disconnects."""
    try:
        pending = bytearray()
        for block in call.blocks():
            if is_gone.is_set():
                return
            pending += block
            if len(pending) >= DISK_BLOCK_BYTES:
                out.write(bytes(pending))
                pending.clear()
        out.write(bytes(pending))
    finally:
        call.close()


async def _send_block(send: Send, pace: MinimumRate, block: bytes, *, more: bool) -> None:
    try:
        await pace.wait(send({"type": "http.response.body", "body": block, "more_body": more}))
    except TooSlowError:
        # The response is shorter than announced, so the server closes the connection.
        raise ClientGoneError from None
    pace.passed(len(block))
