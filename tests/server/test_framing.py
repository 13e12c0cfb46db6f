"""The boundaries of requests are never ambiguous, tested with the real web process."""

import re
import socket
from collections.abc import Iterator

import pytest

from campaigns import migrate
from tests.server.web_process import WebProcess, running_web

pytestmark = pytest.mark.process

CHUNKS = b"d\r\naddress=a&x=1\r\n0\r\n\r\n"
BODY = b"address=a&x=1"
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECONDS = 5.0


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    folder = tmp_path_factory.mktemp("framing") / "data"
    with running_web(folder, migrate.upgrade) as process:
        yield process


def answers(web: WebProcess, headers: bytes, body: bytes, line: bytes) -> list[int]:
    """The statuses of all answers, with another request sent right after this one."""
    with socket.create_connection(("127.0.0.1", web.port), SECONDS) as wire:
        last = SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        wire.sendall(line + b"\r\nHost: localhost\r\n" + headers + b"\r\n\r\n" + body + last)
        got = b""
        try:
            while block := wire.recv(65_536):
                got += block
        except ConnectionResetError:  # closed with unread bytes
            pass
    return [int(code) for code in re.findall(rb"HTTP/1\.1 ([0-9]{3})", got)]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 13\r\nContent-Length: 0", BODY),
        (b"Content-Length: 0\r\nContent-Length: 13", BODY),
        (b"Content-Length: 13, 13", BODY),
        (b"Content-Length: +13", BODY),
        (b"Content-Length: 0x0d", BODY),
        (b"Content-Length:\r\n 13", BODY),
        (b"Content-Length : 13", BODY),
        (b"X: a\r\n Content-Length: 13", BODY),
        (b"X: a\rContent-Length: 13", b""),
        (b"X: a\0b", b""),
        (b"X\0: a", b""),
        (b"Transfer-Encoding: identity", b""),
        (b"Transfer-Encoding: xchunked", CHUNKS),
        (b"Transfer-Encoding: \x0bchunked", CHUNKS),
        (b"Transfer-Encoding : chunked", CHUNKS),
        (b"Transfer-Encoding: chunked, identity", CHUNKS),
        (b"Transfer-Encoding: gzip, chunked", CHUNKS),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKS),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", CHUNKS),
        (b"Transfer-Encoding: chunked", CHUNKS.replace(b"\r\n", b"\n")),
        (b"Transfer-Encoding: chunked", b"0x" + CHUNKS),
        (b"Transfer-Encoding: chunked", b"1000000000000000" + CHUNKS),
    ],
)
def test_odd_framing_is_refused(web: WebProcess, headers: bytes, body: bytes) -> None:
    found = answers(web, headers, body, b"GET /login HTTP/1.1")
    assert found[0] == 400
    assert found[1:] in ([], [200]), "the next request is read as one request, or not at all"


def test_with_length_and_chunks_the_connection_closes_after_the_answer(web: WebProcess) -> None:
    """The chunks are used, and whatever a proxy took for the next request is dropped."""
    for headers in (
        b"Content-Length: 13\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    ):
        assert len(answers(web, headers, CHUNKS, b"GET /login HTTP/1.1")) == 1


@pytest.mark.parametrize("method", [b"get", b"post", b"head", b"Post"])
def test_methods_not_in_capitals_are_refused(web: WebProcess, method: bytes) -> None:
    assert answers(web, b"X: a", b"", method + b" /login HTTP/1.1")[0] == 400


def test_usual_framing_is_accepted(web: WebProcess) -> None:
    for headers, body in (
        (b"Content-Length: 13", BODY),
        (b"Content-Length: 13\r\nContent-Length: 13", BODY),
        (b"Transfer-Encoding: chunked", CHUNKS),
    ):
        assert answers(web, headers, body, b"GET /login HTTP/1.1") == [302, 200]
