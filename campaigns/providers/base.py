"""The interface of a provider: it takes messages from a source and reports the result of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from campaigns.messages import Message, SendResult
from campaigns.reason import Reason

BeforeBody = Callable[[Message], None]
"""Called right before the body of a message is written: from here on its result may be unknown."""


class ProviderTroubleError(Exception):
    """The account does not work and gets no further messages. The text is a packed reason.

    `permanent`: a retry is useless until the settings change (refused login, unknown host).
    """

    def __init__(self, reason: Reason, *, permanent: bool) -> None:
        super().__init__(reason.pack())
        self.reason = reason
        self.permanent = permanent


class UnusableAccountError(RuntimeError):
    """The stored settings of the account cannot be used. The text is a packed reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.pack())
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a connection test: whether an account can send, and the findings."""

    ok: bool
    reasons: tuple[Reason, ...]


class Source(Protocol):
    """Messages for one account. The provider takes messages from it and reports to it.

    The provider's own thread makes all calls, one at a time; each must be quick. Every message
    taken ends with exactly one `release` or `report`.
    """

    def take(self) -> Message | None:
        """Return the next message, ready to be offered. None: nothing now, see `next_at`."""
        ...

    def next_at(self) -> float | None:
        """Return when to call `take` again after it returned None, by `time.monotonic`.

        None: only after `wake`.
        """
        ...

    def begin(self, message: Message) -> bool:
        """Note that the body is about to be written: its result may be unknown from here on.

        False or an exception: the message must not be sent, and is released.
        """
        ...

    def release(self, message: Message) -> None:
        """Take back a message of which nothing was accepted: it may be offered again.

        Its body was not sent, or the server refused it only because it wants a new connection.
        """
        ...

    def report(self, result: SendResult) -> None:
        """Take the result of a message."""
        ...

    def account_failed(self, error: ProviderTroubleError) -> None:
        """Note that the account does not work. Nothing is taken until `wake` is called."""
        ...


class Provider(Protocol):
    """Sends the messages of one source, in its own thread."""

    def serve(self, source: Source, connections: int) -> None:
        """Take messages from this source, over at most `connections` connections.

        Returns at once. Another call changes the number, or the source once the last one has no
        open messages. Surplus connections are closed: idle ones at once, busy ones after their
        message.
        """
        ...

    @property
    def open_connections(self) -> int:
        """Return how many are open or being opened, never too few. Safe from any thread."""
        ...

    def wake(self) -> None:
        """Tell the provider to take again, also after trouble. Safe from any thread."""
        ...

    def is_idle(self) -> bool:
        """Return whether every message that was taken has ended."""
        ...

    def close(self, *, wait_seconds: float = 0) -> None:
        """Take nothing more, release what has not begun, and close the connections.

        Waits up to the timeout for replies to bodies that were sent; messages without one are
        reported as `unknown`. May be called twice.
        """
        ...


# --- one message at a time --------------------------------------------------------------------


def send_one(
    provider: Provider, message: Message, *, before_body: BeforeBody, timeout: float | None = None
) -> SendResult:
    """Send one message and wait for its result. Raises ProviderTroubleError.

    `before_body` runs in the caller's thread while the provider's thread waits. If it raises, the
    body is not sent.
    """
    return next(send_one_by_one(provider, [message], before_body, timeout))


def send_one_by_one(
    provider: Provider,
    messages: Iterable[Message],
    before_body: BeforeBody,
    timeout: float | None = None,
) -> Iterator[SendResult]:
    """Send messages one by one and yield a result for each, like `send_one`.

    A message is taken from `messages` only when it is about to be offered.
    """
    source = SingleMessageSource(provider)
    provider.serve(source, 1)
    for message in messages:
        yield source.offer(message, before_body, timeout)


class SingleMessageSource:
    """A source of one message at a time; its owner waits for the result."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._offered: Message | None = None
        self._news: SimpleQueue[Message | SendResult | ProviderTroubleError] = SimpleQueue()
        self._permissions: SimpleQueue[bool] = SimpleQueue()
        self._is_over = False

    def offer(self, message: Message, before_body: BeforeBody, timeout: float | None) -> SendResult:
        try:
            self._offered = message
            self._provider.wake()
            return self._wait(before_body, None if timeout is None else monotonic() + timeout)
        except Empty:
            return self._give_up()
        except BaseException:
            # Also the time limit of a job, which can strike anywhere: stop the provider's thread
            # too.
            self._is_over = True
            self._permissions.put(False)
            self._provider.close()
            raise

    def _wait(self, before_body: BeforeBody, until: float | None) -> SendResult:
        while True:
            left = None if until is None else max(0.0, until - monotonic())
            news = self._news.get(timeout=left)
            if isinstance(news, ProviderTroubleError):
                raise news
            if isinstance(news, SendResult):
                return news
            before_body(news)
            self._permissions.put(True)

    def _give_up(self) -> SendResult:
        """Close the provider when time is up, which reports a body that was sent as unknown."""
        self._is_over = True
        self._permissions.put(False)
        self._provider.close()
        while not self._news.empty():
            if isinstance(news := self._news.get(), SendResult):
                return news
        raise ProviderTroubleError(Reason("connection.took_too_long"), permanent=False)

    # --- the provider's side ------------------------------------------------------------------

    def take(self) -> Message | None:
        message, self._offered = self._offered, None
        return None if self._is_over else message

    def next_at(self) -> float | None:
        return None

    def begin(self, message: Message) -> bool:
        if self._is_over:
            return False
        self._news.put(message)
        return self._permissions.get()

    def release(self, message: Message) -> None:
        self._offered = message

    def report(self, result: SendResult) -> None:
        self._news.put(result)

    def account_failed(self, error: ProviderTroubleError) -> None:
        self._news.put(error)
