"""A provider that keeps messages in memory and follows a script. For tests only.

It is not in `registry.KINDS`, so no page or command can choose it. A test adds a `MemoryKind` for
as long as it runs.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from campaigns.messages import Message, Outcome, Scope, SendResult, Step
from campaigns.providers.base import CheckResult, Provider, ProviderTroubleError, Source
from campaigns.providers.kind import Draft, Kind, KindModel
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason

REFUSED_EARLY: tuple[Step, ...] = ("mail", "rcpt")
"""Steps before the body: a message refused there was not begun."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """The result of a message. With `trouble` the account fails instead."""

    outcome: Outcome = "sent"
    reply: str = "250 2.0.0 accepted"
    code: int = 250
    scope: Scope = "recipient"
    step: Step = "dot"
    after_seconds: float = 0.0
    """Time between the body and its reply, in seconds."""
    trouble: Reason | None = None
    is_permanent: bool = False


ACCEPT = Scripted()
DEFER = Scripted("deferred", "451 4.3.0 try again later", 451, step="rcpt")
BOUNCE = Scripted("failed", "550 5.1.1 no such user", 550, step="rcpt")
BREAK_OFF = Scripted("unknown", "", 0, "connection")
"""The connection breaks after the body was sent."""


def slow(seconds: float, then: Scripted = ACCEPT) -> Scripted:
    """Delay the reply by this time after the body, in seconds."""
    return replace(then, after_seconds=seconds)


def fail(reason: Reason, *, permanent: bool = False) -> Scripted:
    """Let the account fail."""
    return Scripted(trouble=reason, is_permanent=permanent)


Script = Callable[[Message], Scripted]


def accept_all(_: Message) -> Scripted:
    """Accept every message."""
    return ACCEPT


@dataclass(slots=True)
class MemoryOutbox:
    """The messages that went through a memory provider, in order. Outlives the provider."""

    accepted: list[Message] = field(default_factory=list)
    offered: list[Message] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        return [message.address for message in self.accepted]


class MemoryProvider:
    """Serves one source over one connection, in its own thread. See `base.Provider`."""

    def __init__(self, script: Script = accept_all, outbox: MemoryOutbox | None = None) -> None:
        self.outbox = outbox or MemoryOutbox()
        self._script = script
        self._changed = threading.Condition()
        self._source: Source | None = None
        self._connections = 0
        self._is_troubled = self._is_closed = False
        self._is_busy = False
        self._is_woken = False
        self._given_up = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(self, source: Source, connections: int) -> None:
        with self._changed:
            self._source, self._connections = source, connections
            self._is_closed, self._is_woken = False, True
            self._given_up.clear()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="memory", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def open_connections(self) -> int:
        return int(self._is_busy or (self._connections > 0 and not self._is_closed))

    def wake(self) -> None:
        with self._changed:
            self._is_troubled, self._is_woken = False, True
            self._changed.notify_all()

    def is_idle(self) -> bool:
        return not self._is_busy

    def close(self, *, wait_seconds: float = 0) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_busy, wait_seconds)
        self._given_up.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    # --- in its own thread --------------------------------------------------------------------

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            source, message = taken
            try:
                self._offer(source, message)
            finally:
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()

    def _next(self) -> tuple[Source, Message] | None:
        """Wait for a message. Returns None once the provider is closed."""
        with self._changed:
            while not self._is_closed:
                source = self._source
                if source is not None and self._connections and not self._is_troubled:
                    self._is_woken = False
                    if (message := source.take()) is not None:
                        self._is_busy = True
                        return source, message
                at = source.next_at() if source is not None else None
                if not self._is_woken:
                    self._changed.wait(None if at is None else max(0.0, at - time.monotonic()))
                else:
                    self._is_woken = False
            return None

    def _offer(self, source: Source, message: Message) -> None:
        self.outbox.offered.append(message)
        what = self._script(message)
        if what.trouble is not None:
            source.release(message)
            self._is_troubled = True
            source.account_failed(ProviderTroubleError(what.trouble, permanent=what.is_permanent))
            return
        if what.step not in REFUSED_EARLY and not source.begin(message):
            source.release(message)
            return
        if what.after_seconds and self._given_up.wait(what.after_seconds):
            what = BREAK_OFF  # closed before its reply
        if what.outcome == "sent":
            self.outbox.accepted.append(message)
        source.report(
            SendResult(
                message.delivery_id, what.outcome, what.reply, what.code, what.scope, what.step
            )
        )


class MemorySettings(KindModel):
    """A memory account has no settings."""


class MemoryCredentials(KindModel):
    """A memory account has no secrets."""


class MemoryKind(Kind[MemorySettings, MemoryCredentials, None]):
    """All accounts of the kind share a script and an outbox."""

    title = "Memory"
    settings = MemorySettings
    credentials = MemoryCredentials

    def __init__(self, script: Script = accept_all) -> None:
        self.script = script
        self.outbox = MemoryOutbox()

    def check(self, draft: Draft[MemorySettings, MemoryCredentials]) -> None:
        """Accept everything."""

    def uses(self, settings: MemorySettings) -> Mapping[str, tuple[str, ...]]:
        return {}

    def login(self, settings: MemorySettings, credentials: Mapping[str, str]) -> None:
        return None

    def open(self, login: None, account: ProviderAccount, *, apart: bool) -> Provider:
        return MemoryProvider(self.script, self.outbox)

    def test(self, login: None, *, sender: str) -> CheckResult:
        return CheckResult(ok=True, reasons=())

    def address(self, settings: MemorySettings) -> str:
        return "memory"
