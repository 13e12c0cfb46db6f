"""The connections of an SMTP account: as many as there is work for, opened gradually."""

import random
import socket
import threading
import time
from functools import partial

import structlog

from campaigns.providers.base import ProviderTroubleError, Source
from campaigns.providers.smtp.connection import Connection
from campaigns.providers.smtp.feeder import Feeder
from campaigns.providers.smtp.login import SmtpLogin, connect, features, plain, take_socket
from campaigns.providers.smtp.loop import Loop, shared_loop
from campaigns.providers.smtp.session import Features, Session
from campaigns.providers.smtp.timeouts import PATIENT, Timeouts
from campaigns.reason import Reason

log = structlog.get_logger()

MAX_UNANSWERED = 3
"""Connections in a row that end without a reply to a body: more would mean more `unknown`."""
MAX_FAILURES = 3
"""Useless connections in a row, with none left open, after which the account is in trouble."""


class SmtpProvider:
    """Serves one source. The public methods may be called from any thread.

    A connection is opened only when all others are busy. After a useless one (not opened, or lost
    before any reply) the next is tried alone and after a pause.
    """

    def __init__(
        self,
        login: SmtpLogin,
        *,
        timeouts: Timeouts = PATIENT,
        messages_per_connection: int = 0,
        apart: bool = False,
    ) -> None:
        """Create a provider without connections.

        `messages_per_connection`: messages after which a connection is replaced; 0: never. `apart`:
        in its own loop, which ends with `close`.
        """
        self._login, self._timeouts = login, timeouts
        self._messages_per_connection = messages_per_connection
        self._is_apart = apart
        self._start_in(None)

    def _start_in(self, loop: Loop | None) -> None:
        """Start without connections: those of another loop (a parent process) are not ours."""
        self._loop: Loop | None = loop
        self._feeder = Feeder(self._stop_for, self._call_source_at)
        self._asks_at: float | None = None
        self._most = 0
        self._session_limit = 0  # messages per session, as learned from refusals; 0: unlimited
        self._asked: tuple[Source, int] | None = None  # served after the current source
        self._connections: list[Connection] = []
        self._opening = 0
        self._round = 0  # increases with each close: connections opened before are dropped
        self._failures = 0
        self._failed_at = self._not_before = self._unanswered_at = 0.0
        self._is_troubled = self._is_woken = False
        self._closing: tuple[float, threading.Event] | None = None

    # --- from any thread ----------------------------------------------------------------------

    def serve(self, source: Source, connections: int) -> None:
        loop = (self._loop or Loop()) if self._is_apart else shared_loop()
        if loop is not self._loop:
            self._start_in(loop)
        loop.soon(partial(self._serve, source, connections))

    def wake(self) -> None:
        if not self._is_woken and self._loop is not None:
            self._is_woken = True
            self._loop.soon(self._wake)

    def is_idle(self) -> bool:
        return self._feeder.is_idle

    @property
    def open_connections(self) -> int:
        opening = self._opening  # read first: one that opens meanwhile is counted twice, not missed
        return opening + len(self._connections)

    def close(self, *, wait_seconds: float = 0) -> None:
        loop = self._loop
        if loop is None or not loop.is_alive:
            return
        done = threading.Event()
        if loop.is_here:
            self._close(loop, 0, done)
            return
        loop.soon(partial(self._close, loop, wait_seconds, done))
        done.wait(wait_seconds + 5)
        if self._is_apart:
            self._loop = None
            loop.stop()

    # --- in the loop's thread -----------------------------------------------------------------

    def tick(self, now: float) -> bool:
        """Check timeouts, for the loop. False: nothing has one."""
        for connection in tuple(self._connections):
            connection.tick(now)
        if self._closing is not None and now >= self._closing[0]:
            self._drop_all()
        self._end_closing()
        if self._asked is not None and self._feeder.is_idle:
            self._serve(*self._asked)
        self._pump()
        is_waiting = self._feeder.is_open and not self._feeder.is_dry
        return bool(self._connections or self._opening or self._asked or is_waiting)

    def _serve(self, source: Source, connections: int) -> None:
        if self._closing is not None:
            self._drop_all()
        self._asked = None
        if source is not self._feeder.source and not self._feeder.is_idle:
            self._asked = (source, connections)
            self._feeder.shut()
        else:
            self._feeder.source, self._most = source, connections
            if connections:
                self._feeder.is_open = not self._is_troubled
            else:
                self._feeder.shut()  # messages in progress finish
        self._close_surplus()
        self._resume()

    def _wake(self) -> None:
        self._is_woken = False
        if self._is_troubled:
            self._is_troubled = False
            self._feeder.is_open = self._asked is None
            self._not_before = 0.0
        self._resume()

    def _call_source_at(self, moment: float) -> None:
        """Call the source again at this time, without a `wake`."""
        if self._loop is not None and (self._asks_at is None or moment < self._asks_at):
            self._asks_at = moment
            self._loop.at(moment, self._ask_again)

    def _ask_again(self) -> None:
        self._asks_at = None
        self._feeder.is_dry = False
        self._pump()

    def _resume(self) -> None:
        self._feeder.is_dry = False
        self._pump()
        if self._loop is not None:
            self._loop.watch(self)

    def _close(self, loop: Loop, wait_seconds: float, done: threading.Event) -> None:
        self._feeder.shut()
        self._is_troubled = False
        self._asked = None
        self._round += 1
        self._opening = 0
        if self._closing is not None:
            self._closing[1].set()
        self._closing = (time.monotonic() + wait_seconds, done)
        for connection in tuple(self._connections):
            connection.stop()
        if wait_seconds <= 0:
            self._drop_all()
        self._end_closing()
        loop.watch(self)

    def _drop_all(self) -> None:
        for connection in tuple(self._connections):
            connection.drop("closed")
        self._end_closing()

    def _end_closing(self) -> None:
        if self._closing is not None and self._feeder.is_idle:
            _, done = self._closing
            self._closing = self._feeder.source = None
            if self._is_apart:
                self._drop_all()  # after this, nobody would read the reply to QUIT
            done.set()

    def _stop_for(self, trouble: ProviderTroubleError) -> None:
        """Take nothing more until `wake`, but wait for replies to bodies that were sent."""
        if not self._is_troubled:
            self._is_troubled = True
            self._feeder.shut()
            self._feeder.account_failed(trouble)

    # --- connections --------------------------------------------------------------------------

    def _close_surplus(self) -> None:
        """Close surplus connections: idle ones now, busy ones after their message."""
        connections = [connection for connection in self._connections if not connection.is_leaving]
        surplus = len(connections) - self._most
        connections.sort(key=lambda connection: not connection.is_idle)
        for connection in connections[: max(0, surplus)]:
            connection.stop()

    def _pump(self) -> None:
        """Give work to idle connections; open another one when all are busy."""
        feeder = self._feeder
        for connection in tuple(self._connections):
            if feeder.is_dry or not feeder.is_open:
                return
            connection.start()
        if self._loop is not None and feeder.is_open and not feeder.is_dry:
            self._open_more(self._loop)

    def _open_more(self, loop: Loop) -> None:
        if time.monotonic() < self._not_before:
            return
        if self._failures and any(
            connection.session.answered and connection.opened_at > self._failed_at
            for connection in self._connections
        ):
            self._failures = 0
        at_once = max(1, len(self._connections))
        if self._failures or self._feeder.unanswered:
            # One at a time, and only when all open ones have proven to work.
            at_once = int(all(connection.session.answered for connection in self._connections))
        while (
            self._opening < at_once
            and len(self._connections) + self._opening < self._most
            and self._feeder.has_more()
        ):
            self._opening += 1
            begun_at = time.monotonic()
            opening = partial(self._open, loop, self._round, begun_at)
            try:
                threading.Thread(target=opening, name="smtp-connect", daemon=True).start()
            except RuntimeError as error:  # the system cannot start another thread
                self._not_opened(self._round, begun_at, self._failed(error))
                return

    def _open(self, loop: Loop, number: int, begun_at: float) -> None:
        """Open a connection, in its own thread: name lookup, TLS and login may all be slow."""
        try:
            smtp = connect(self._login, self._timeouts)
            offered = features(smtp)
            sock = take_socket(smtp)
        except ProviderTroubleError as trouble:
            loop.soon(partial(self._not_opened, number, begun_at, trouble))
        except Exception as error:
            log.exception("a connection could not be opened")
            loop.soon(partial(self._not_opened, number, begun_at, self._failed(error)))
        else:
            loop.soon(partial(self._opened, loop, number, sock, offered))

    def _failed(self, error: Exception) -> ProviderTroubleError:
        params = {"where": self._login.where, "error": plain(error)}
        return ProviderTroubleError(Reason("connection.failed", params), permanent=False)

    def _opened(self, loop: Loop, number: int, sock: socket.socket, offered: Features) -> None:
        if number != self._round:
            sock.close()
            return
        session = Session(self._feeder, offered, most_messages=self._most_messages)
        connection = Connection(loop, sock, session, self._timeouts, self._connection_over)
        self._connections.append(connection)
        self._opening -= 1  # afterwards, so that other threads never count too few
        self._close_surplus()  # the share may have shrunk while it was opening
        if not connection.is_leaving:
            connection.start()
        self._pump()

    def _not_opened(self, number: int, begun_at: float, trouble: ProviderTroubleError) -> None:
        if number != self._round:
            return
        self._opening -= 1
        self._count_failure(begun_at)
        if trouble.permanent or not (self._connections or self._opening):
            self._stop_for(trouble)

    def _connection_over(self, connection: Connection) -> None:
        self._connections.remove(connection)
        session, now = connection.session, time.monotonic()
        if session.session_limit:
            self._learn_session_limit(session.session_limit)
        if session.left_unknown and connection.opened_at > self._unanswered_at:
            self._unanswered_at = now
            self._feeder.unanswered += 1
        if session.was_broken and not session.answered:
            self._count_failure(connection.opened_at)
        if self._closing is not None:
            self._end_closing()
        elif self._feeder.unanswered >= MAX_UNANSWERED:
            self._feeder.unanswered = 0
            self._stop_for(
                ProviderTroubleError(
                    Reason(
                        "connection.answers_nothing",
                        {"where": self._login.where, "count": MAX_UNANSWERED},
                    ),
                    permanent=True,
                )
            )
        elif self._failures >= MAX_FAILURES and not (self._connections or self._opening):
            self._stop_for(
                ProviderTroubleError(
                    Reason(
                        "connection.takes_no_message",
                        {"where": self._login.where, "reply": session.over},
                    ),
                    permanent=False,
                )
            )
        elif self._loop is not None:
            self._loop.soon(self._pump)

    @property
    def _most_messages(self) -> int:
        """Return the number of messages after which a connection is replaced; 0: never."""
        known = [most for most in (self._messages_per_connection, self._session_limit) if most]
        return min(known, default=0)

    def _learn_session_limit(self, messages: int) -> None:
        """Replace open and later connections before the server refuses more messages."""
        if not self._session_limit or messages < self._session_limit:
            self._session_limit = messages
            for connection in self._connections:
                connection.session.most = self._most_messages

    def _count_failure(self, begun_at: float) -> None:
        """Count a failure; connections that were open together and broke together count once."""
        if begun_at <= self._failed_at:
            return
        self._failures += 1
        self._failed_at = time.monotonic()
        pause = self._timeouts.first_pause * 2 ** min(self._failures - 1, 16)
        pause = min(pause, self._timeouts.longest_pause)
        self._not_before = self._failed_at + pause * random.uniform(0.8, 1.2)  # noqa: S311
