"""What a provider is: it takes messages from a source and reports the fate of each."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from campaigns.messages import Message, SendResult

BeforeBody = Callable[[Message], None]
"""Called right before the body of a message is written: from here on its fate may be unknown."""


class ProviderTroubleError(Exception):
    """The account itself does not work: nothing more was offered.

    The text is a sentence for the user. `permanent`: trying again without a change of the
    settings is useless (refused login, unknown host name).
    """

    def __init__(self, sentence: str, *, permanent: bool) -> None:
        super().__init__(sentence)
        self.permanent = permanent


class Source(Protocol):
    """Messages for one account. The provider takes from it, and reports to it.

    Every call comes from the provider's own thread, one at a time, and must be quick. For each
    message taken there is exactly one end: `put_back` or `settle`.
    """

    def take(self) -> Message | None:
        """The next message, ready to be offered. None: nothing now; `wake` says when."""
        ...

    def begin(self, message: Message) -> bool:
        """The body is about to be written: its fate may be unknown from here on.

        False, or an exception: it must not leave any more, and is put back.
        """
        ...

    def put_back(self, message: Message) -> None:
        """Taken, and nothing of its body has left: free to be offered again."""
        ...

    def settle(self, result: SendResult) -> None:
        """The fate of a message."""
        ...

    def trouble(self, trouble: ProviderTroubleError) -> None:
        """The account does not work. Nothing more is taken until `wake` is called."""
        ...


class Serving(Protocol):
    """An open way out that works by itself, in a thread of its own, for one source."""

    def serve(self, source: Source, connections: int) -> None:
        """Take from this source from now on, over at most so many connections.

        Returns at once. Called again, it changes the number, or the source once the provider
        is idle.
        """
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


class Provider(Protocol):
    """An open way out. Used by one worker at a time; may be kept across jobs."""

    def send(self, messages: Iterable[Message], *, before_body: BeforeBody) -> Iterator[SendResult]:
        """Hand over the messages one by one; yields a result for each, as it is known.

        Lazy: a message is taken from `messages` only when it is about to be offered. Raises
        ProviderTroubleError when the account does not work; messages without a result were not
        offered then. An exception out of `before_body` ends the sending.
        """
        ...

    def close(self) -> None:
        """Let go of connections. May be called twice."""
        ...
