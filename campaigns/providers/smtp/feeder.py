"""Pass messages and results between an account's connections and its source."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from campaigns.messages import Message, SendResult
from campaigns.providers.base import ProviderTroubleError, Source
from campaigns.reason import Reason

log = structlog.get_logger()

MAX_FIRST, MAX_FOLLOWING = 5, 10
"""How often a message may break its connection, as the first on it and after answered messages.

Then it is `unsent`, so that a server that hangs up at one recipient is not tried forever. This is
more than the failures that stop an account: an account in trouble costs no recipient an attempt."""
MAX_FIRST_AFTER_FOLLOWING = 2
"""The same for a first message that has also broken a working connection: it is the cause."""
MAX_REMEMBERED = 10_000


class Feeder:
    """Shared by all connections of an account. Used in the loop's thread only."""

    def __init__(
        self,
        on_trouble: Callable[[ProviderTroubleError], None],
        ask_again_at: Callable[[float], None],
    ) -> None:
        self._on_trouble, self._call_source_at = on_trouble, ask_again_at
        self._returns: dict[int, tuple[int, int]] = {}
        self.source: Source | None = None
        self.is_open = False
        self.is_dry = True
        """The source had nothing when it was last asked."""
        self._kept: Message | None = None
        self.unanswered = 0
        """Connections in a row that ended without a reply to a body."""
        self.taken = self.ended = 0

    @property
    def is_idle(self) -> bool:
        """Whether all messages taken have ended. Safe from any thread: `ended` is read first."""
        ended = self.ended
        return ended == self.taken

    def has_more(self) -> bool:
        """Return whether another connection has work: takes a message and keeps it for `take`."""
        if self._kept is None:
            self._kept = self.take()
        return self._kept is not None

    def shut(self) -> None:
        """Take nothing more."""
        self.is_open = False
        message, self._kept = self._kept, None
        if message is not None:
            self.release(message)

    def take(self) -> Message | None:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        if not self.is_open or self.source is None:
            return None
        self.taken += 1
        message = None
        try:
            message = self.source.take()
        except Exception as error:
            log.exception("the source failed to give a message")
            self._fail("connection.message_failed", error)
        if message is None:
            self.ended += 1
            self.is_dry = True
            if (moment := self.source.next_at()) is not None:
                self._call_source_at(moment)
        return message

    def begin(self, message: Message) -> bool:
        try:
            return self.source is not None and self.source.begin(message)
        except Exception as error:
            log.exception("the source failed to begin a message")
            self._fail("connection.journal_failed", error)
            return False

    def release(self, message: Message) -> None:
        self.is_dry = False
        try:
            if self.source is not None:
                self.source.release(message)
        except Exception:
            log.exception("the source failed to take back a message", delivery=message.delivery_id)
        self.ended += 1

    def report(self, result: SendResult) -> None:
        if self.unanswered and result.outcome not in ("unknown", "unsent"):
            self.unanswered = 0
        if self._returns:
            self._returns.pop(result.delivery_id, None)
        try:
            if self.source is not None:
                self.source.report(result)
        except Exception:
            log.exception("the source failed to take a result", delivery=result.delivery_id)
        self.ended += 1

    def hand_back(self, message: Message, result: SendResult, *, is_first: bool) -> None:
        first, following = self._returns.get(message.delivery_id, (0, 0))
        first, following = first + is_first, following + (not is_first)
        if (
            first >= MAX_FIRST
            or following >= MAX_FOLLOWING
            or (following and first >= MAX_FIRST_AFTER_FOLLOWING)
        ):
            self.report(replace(result, step=result.step or "mail"))
            return
        if len(self._returns) >= MAX_REMEMBERED:
            self._returns.clear()
        self._returns[message.delivery_id] = (first, following)
        self.release(message)

    def account_failed(self, error: ProviderTroubleError) -> None:
        try:
            if self.source is not None:
                self.source.account_failed(error)
        except Exception:
            log.exception("a failure of the account could not be reported")

    def _fail(self, code: str, error: Exception) -> None:
        reason = Reason(code, {"error": str(error)})
        self._on_trouble(ProviderTroubleError(reason, permanent=False))
