"""A scripted SMTP server for tests: real sockets, with faults on demand."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Script = Callable[[str, "Session"], str | None]
"""Called with each command line ("<body>" after the final dot, "<connect>" at the start). Returns a
reply line to use in place of the usual one, `CLOSE` to hang up without a reply, `SILENT` to never
answer, or None.
"""

CLOSE, SILENT = "CLOSE", "SILENT"


def waiting_for(event: threading.Event, step: str = "<body>") -> Script:
    """A script that answers this step only once the event is set."""

    def script(line: str, session: "Session") -> None:
        if line == step:
            event.wait(20)

    return script


@dataclass
class Received:
    mail_from: str
    rcpt_to: str
    data: bytes


@dataclass
class Session:
    """What a script knows of its connection."""

    number: int
    messages: int = 0
    commands: list[str] = field(default_factory=list)


@dataclass
class ScriptedServer:
    port: int
    received: list[Received] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        return [message.rcpt_to for message in self.received]


@contextmanager
def scripted_server(
    script: Script = lambda line, session: None,
    *,
    extensions: tuple[str, ...] = ("SIZE 10000000", "8BITMIME"),
    tls: ssl.SSLContext | None = None,
    implicit_tls: bool = False,
    accept_login: Callable[[str], bool] = lambda _: True,
) -> Iterator[ScriptedServer]:
    """Run on a free loopback port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = ScriptedServer(listener.getsockname()[1])
    stop = threading.Event()
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        while not stop.is_set():
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            open_sockets.append(raw)
            session = Session(number=len(server.sessions) + 1)
            server.sessions.append(session)
            handler = _Handler(server, session, script, extensions, tls, accept_login, stop)
            thread = threading.Thread(target=handler.run, args=(raw, implicit_tls), daemon=True)
            thread.start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for raw in open_sockets:
            raw.close()
        thread.join(2)


class _Handler:
    def __init__(
        self,
        server: ScriptedServer,
        session: Session,
        script: Script,
        extensions: tuple[str, ...],
        tls: ssl.SSLContext | None,
        accept_login: Callable[[str], bool],
        stop: threading.Event,
    ) -> None:
        self._server, self._session, self._script = server, session, script
        self._extensions, self._tls, self._stop = extensions, tls, stop
        self._accept_login = accept_login
        self._sender = self._recipient = ""

    def run(self, raw: socket.socket, implicit_tls: bool) -> None:
        try:
            if implicit_tls and self._tls is not None:
                raw = self._tls.wrap_socket(raw, server_side=True)
            self._talk(raw)
        except (OSError, ValueError, StopIteration):
            pass
        finally:
            raw.close()

    def _talk(self, raw: socket.socket) -> None:
        stream = raw.makefile("rb")
        if not self._answer(raw, "<connect>", "220 scripted.example ESMTP"):
            return
        while True:
            line = stream.readline()
            if not line:
                return
            text = line.decode("utf-8").strip()
            self._session.commands.append(text)
            verb = text.split(" ")[0].upper()
            if verb == "QUIT":
                raw.sendall(b"221 2.0.0 bye\r\n")
                return
            if verb == "STARTTLS" and self._tls is not None:
                if not self._say(raw, self._script(text, self._session) or "220 go ahead"):
                    return
                raw = self._tls.wrap_socket(raw, server_side=True)
                self._tls_on = True
                stream = raw.makefile("rb")
                continue
            if verb == "DATA":
                reply = self._script(text, self._session) or "354 go on"
                if not self._say(raw, reply):
                    return
                if not reply.startswith("354"):
                    continue
                self._read_body(stream)
                if not self._answer(raw, "<body>", "250 2.0.0 Ok: queued as 4XyZ12abc", body=True):
                    return
                continue
            if not self._answer(raw, text, self._usual(verb, text)):
                return

    _tls_on = False
    _is_granted = False  # the last MAIL or RCPT

    def _usual(self, verb: str, text: str) -> str:
        if verb == "EHLO":
            names = [*self._extensions]
            if self._tls is not None and not self._tls_on:
                names.append("STARTTLS")
            lines = ["scripted.example", *names]
            return "\r\n".join(
                f"250{' ' if number == len(lines) else '-'}{line}"
                for number, line in enumerate(lines, start=1)
            )
        if verb == "AUTH":
            return "235 2.7.0 ok" if self._accept_login(text) else "535 5.7.8 bad credentials"
        if verb == "MAIL":
            self._sender = text.partition("<")[2].partition(">")[0]
        if verb == "RCPT":
            self._recipient = text.partition("<")[2].partition(">")[0]
        return "250 2.1.0 ok"

    def _read_body(self, stream: object) -> None:
        lines = []
        while True:
            line = stream.readline()  # type: ignore[attr-defined]
            if not line:
                raise OSError("closed in the body")
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self._body = b"".join(lines)

    def _answer(self, raw: socket.socket, line: str, usual: str, body: bool = False) -> bool:
        if body and not self._is_granted:
            usual, body = "554 5.5.1 no valid recipients", False
        reply = self._script(line, self._session) or usual
        if line.startswith(("MAIL", "RCPT")):
            self._is_granted = reply.startswith("2")
        if body and reply.startswith("2"):
            self._session.messages += 1
            self._server.received.append(Received(self._sender, self._recipient, self._body))
        return self._say(raw, reply)

    def _say(self, raw: socket.socket, reply: str) -> bool:
        if reply == CLOSE:
            return False
        if reply == SILENT:
            self._stop.wait(60)
            return False
        raw.sendall(reply.encode() + b"\r\n")
        return True
