"""What a provider is: it takes messages from a source and reports the fate of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol

from campaigns.messages import Message, SendResult
from campaigns.reason import Reason

BeforeBody = Callable[[Message], None]
"""Called right before the body of a message is written: from here on its fate may be unknown."""


class ProviderTroubleError(Exception):
    """The account itself does not work, and nothing more was offered. The text is packed.

    `permanent`: trying again is useless until the settings change (refused login, unknown host).
    """

    def __init__(self, reason: Reason, *, permanent: bool) -> None:
        super().__init__(reason.pack())
        self.reason = reason
        self.permanent = permanent


class UnusableAccountError(RuntimeError):
    """What is stored about the account cannot be used. The text is a packed reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.pack())
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether messages could leave through an account, and what was found out about it."""

    ok: bool
    reasons: tuple[Reason, ...]


class Source(Protocol):
    """Messages for one account. The provider takes from it, and reports to it.

    Every call comes from the provider's own thread, one at a time, and must be quick. For each
    message taken there is exactly one end: `release` or `report`.
    """

    def take(self) -> Message | None:
        """The next message, ready to be offered. None: nothing now; see `next_at`."""
        ...

    def next_at(self) -> float | None:
        """After `take` gave nothing: the moment, by `time.monotonic`, to ask again by itself.

        None: not before `wake` is called.
        """
        ...

    def begin(self, message: Message) -> bool:
        """The body is about to be written: its fate may be unknown from here on.

        False, or an exception: it must not leave any more, and is put back.
        """
        ...

    def release(self, message: Message) -> None:
        """Taken, and nothing of it was accepted: free to be offered again.

        Its body has not left, or the server refused it only to get a new connection.
        """
        ...

    def report(self, result: SendResult) -> None:
        """The fate of a message."""
        ...

    def account_failed(self, error: ProviderTroubleError) -> None:
        """The account does not work. Nothing more is taken until `wake` is called."""
        ...


class Provider(Protocol):
    """An open way out that works by itself, in a thread of its own, for one source."""

    def serve(self, source: Source, connections: int) -> None:
        """Take from this source from now on, over at most so many connections.

        Returns at once. Called again, it changes the number, or the source once nothing of the
        last one is open any more. Connections above a lower number are closed: idle ones at once,
        the others after their message.
        """
        ...

    @property
    def open_connections(self) -> int:
        """How many are open or being opened; never too few. Any thread may ask."""
        ...

    def wake(self) -> None:
        """The source has something again. Any thread may call it. Ends a trouble, too."""
        ...

    def is_idle(self) -> bool:
        """Nothing that was taken is without a fate."""
        ...

    def close(self, *, wait_seconds: float = 0) -> None:
        """Take nothing more, put back what has not begun, and let go of the connections.

        Waits so long for the replies to bodies that have left; what is still without one then
        is settled as `unknown`. May be called twice.
        """
        ...


# --- one message after the other --------------------------------------------------------------


def send_one(
    provider: Provider, message: Message, *, before_body: BeforeBody, timeout: float | None = None
) -> SendResult:
    """Hand over one message and wait for its fate. Raises ProviderTroubleError.

    `before_body` runs in the caller's thread while the provider's waits for it. An exception
    out of it ends the sending: the body never leaves.
    """
    return next(send_one_by_one(provider, [message], before_body, timeout))


def send_one_by_one(
    provider: Provider,
    messages: Iterable[Message],
    before_body: BeforeBody,
    timeout: float | None = None,
) -> Iterator[SendResult]:
    """Hand over message after message; a result for each. Like `send_one`.

    Lazy: a message is taken from `messages` only when it is about to be offered.
    """
    source = SingleMessageSource(provider)
    provider.serve(source, 1)
    for message in messages:
        yield source.offer(message, before_body, timeout)


class SingleMessageSource:
    """A source that holds one message at a time; its owner waits for what becomes of it."""

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
            # Also a job's time limit, which comes at any moment: nothing may go on alone.
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
        """Time is up. Closing gives a fate to a body that has left; else nothing has."""
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
