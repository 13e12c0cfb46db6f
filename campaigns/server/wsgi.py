"""Call the app (WSGI, PEP 3333) from an ASGI request."""

import contextvars
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote_to_bytes

Headers = list[tuple[bytes, bytes]]

MEMORY_BYTES = 1024 * 1024
"""Size up to which a response of known length is built in memory."""


class WsgiApp(Protocol):
    """A WSGI application (PEP 3333)."""

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any], /
    ) -> Iterable[bytes]:
        """Answer one request."""
        ...


def environ_of(scope: Mapping[str, Any], body: BinaryIO, size: int) -> dict[str, Any]:
    """Build the WSGI environment of a request whose body, of `size` bytes, has been read."""
    host, port = scope.get("server") or ("127.0.0.1", "80")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope.get("client") else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:  # X_Forwarded_For must not be taken for X-Forwarded-For
            continue
        name, value = (
            raw_name.decode("latin-1").upper().replace("-", "_"),
            raw_value.decode("latin-1"),
        )
        if name in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            continue
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        if key in environ:
            environ[key] += ("; " if name == "COOKIE" else ",") + value
        else:
            environ[key] = value
    if size or scope["method"] not in {"GET", "HEAD"}:
        environ["CONTENT_LENGTH"] = str(size)
    return environ


class Call:
    """One call of the app. Its steps may run in different threads, never at the same time."""

    def __init__(self, app: WsgiApp, environ: dict[str, Any]) -> None:
        self._app, self._environ = app, environ
        # Flask keeps its request state in context variables: take them to each thread.
        self._context = contextvars.Context()
        self._rest: Iterable[bytes] = ()
        self.status = 500
        self.headers: Headers = []
        self.body: bytes | None = None
        """The whole body; None if `blocks` has to produce it."""

    def run(self) -> None:
        """Call the app, and build its response if it is short."""
        self._context.run(self._run)

    def blocks(self) -> Iterator[bytes]:
        """Yield the body in blocks, if `body` is None."""
        rest = iter(self._rest)
        while (block := self._context.run(next, rest, None)) is not None:
            yield block

    def close(self) -> None:
        """Let the app free the resources of this response. May be called twice."""
        self._context.run(self._close)

    def _close(self) -> None:
        rest, self._rest = self._rest, ()
        close = getattr(rest, "close", None)
        if close is not None:
            close()

    def _run(self) -> None:
        self._rest = self._app(self._environ, self._start_response)
        if self._is_short():
            try:
                self.body = b"".join(self._rest)
            finally:
                self._close()

    def _is_short(self) -> bool:
        if self._environ["REQUEST_METHOD"] == "HEAD" or self.status in {
            HTTPStatus.NO_CONTENT,
            HTTPStatus.NOT_MODIFIED,
        }:
            return True
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        return length.isdigit() and int(length) <= MEMORY_BYTES

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return _write


def _write(_: bytes) -> object:
    raise NotImplementedError("the app yields its body")
