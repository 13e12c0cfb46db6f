"""Between an account's connections and its source: counts, and lets no error of the source out."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from campaigns.messages import Message, SendResult
from campaigns.providers.base import ProviderTroubleError, Source
from campaigns.reason import Reason

log = structlog.get_logger()

MOST_FIRST, MOST_FOLLOWING = 5, 10
"""How often a message may end its connection as the first on it, and as the follower of messages
that were answered; then it is `unsent`, at a step, so that a server that hangs up at one recipient
every time ends. More than the failures in a row that stop the account: an account in trouble
costs no recipient a try."""
MOST_FIRST_AFTER_FOLLOWING = 2
"""Where it ended a connection that worked before, and ends fresh ones too, it is the message."""
MOST_REMEMBERED = 10_000


class Feeder:
    """All connections of an account share one. Used in the loop's thread only."""

    def __init__(
        self,
        on_trouble: Callable[[ProviderTroubleError], None],
        ask_again_at: Callable[[float], None],
    ) -> None:
        self._on_trouble, self._ask_again_at = on_trouble, ask_again_at
        self._returns: dict[int, tuple[int, int]] = {}
        self.source: Source | None = None
        self.is_open = False
        self.is_dry = True
        """The source had nothing when it was last asked."""
        self._kept: Message | None = None
        self.unanswered = 0
        """So many connections in a row ended without an answer to a body."""
        self.taken = self.ended = 0

    @property
    def is_idle(self) -> bool:
        """Right from any thread: the ends are read first, so it errs to the safe side."""
        ended = self.ended
        return ended == self.taken

    def has_more(self) -> bool:
        """Whether there is work for one more connection; it is kept for whoever takes next."""
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
            log.exception("no message could be taken")
            self._fail("connection.message_failed", error)
        if message is None:
            self.ended += 1
            self.is_dry = True
            if (moment := self.source.next_at()) is not None:
                self._ask_again_at(moment)
        return message

    def begin(self, message: Message) -> bool:
        try:
            return self.source is not None and self.source.begin(message)
        except Exception as error:
            log.exception("a message could not be begun")
            self._fail("connection.journal_failed", error)
            return False

    def release(self, message: Message) -> None:
        self.is_dry = False
        try:
            if self.source is not None:
                self.source.release(message)
        except Exception:
            log.exception("a message could not be put back", delivery=message.delivery_id)
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
            log.exception("a result could not be noted", delivery=result.delivery_id)
        self.ended += 1

    def hand_back(self, message: Message, result: SendResult, *, is_first: bool) -> None:
        first, following = self._returns.get(message.delivery_id, (0, 0))
        first, following = first + is_first, following + (not is_first)
        if (
            first >= MOST_FIRST
            or following >= MOST_FOLLOWING
            or (following and first >= MOST_FIRST_AFTER_FOLLOWING)
        ):
            self.report(replace(result, step=result.step or "mail"))
            return
        if len(self._returns) >= MOST_REMEMBERED:
            self._returns.clear()
        self._returns[message.delivery_id] = (first, following)
        self.release(message)

    def account_failed(self, error: ProviderTroubleError) -> None:
        try:
            if self.source is not None:
                self.source.account_failed(error)
        except Exception:
            log.exception("a trouble could not be noted")

    def _fail(self, code: str, error: Exception) -> None:
        reason = Reason(code, {"error": str(error)})
        self._on_trouble(ProviderTroubleError(reason, permanent=False))
