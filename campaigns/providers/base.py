"""What a provider is: it takes messages and gives one result for each."""

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
