"""Measure SMTP alone: a constant message of 14 kB, sent repeatedly to a server that discards it.

    smtp-sink -u nobody 127.0.0.1:2525 512

The figures cover everything from taking a message to reporting its result, without rendering.
"""

import threading
import time

from campaigns.messages import Message, SendResult
from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.smtp import SmtpLogin, SmtpProvider

BODY = (
    b"Subject: x\r\n\r\n"
    + b"a constant line of seventy-six, dots. and all the rest of what is read so\r\n" * 184
)
TIMEOUT_SECONDS = 600


class _Constant:
    """A source of identical messages."""

    def __init__(self, count: int) -> None:
        self._left = self.open = count
        self.sent = 0
        self.done = threading.Event()
        self.failure: ProviderTroubleError | None = None

    def take(self) -> Message | None:
        if self._left <= 0:
            return None
        self._left -= 1
        number = self._left
        return Message(
            number, "b+aaaaaaaaaaaaaaaaaaaaaaa@example.org", f"r{number}@mail.example", BODY, True
        )

    def next_at(self) -> float | None:
        return None

    def begin(self, message: Message) -> bool:
        return True

    def release(self, message: Message) -> None:
        self._left += 1

    def report(self, result: SendResult) -> None:
        self.sent += result.outcome == "sent"
        self.open -= 1
        if not self.open:
            self.done.set()

    def account_failed(self, error: ProviderTroubleError) -> None:
        self.failure = error
        self.done.set()


def measure(port: int, messages: int, connections: int) -> dict[str, float]:
    """Return messages per second, and CPU microseconds per message. Raises ProviderTroubleError."""
    source = _Constant(messages)
    provider = SmtpProvider(SmtpLogin("127.0.0.1", port, "none"))
    begun, used = time.monotonic(), time.process_time()
    provider.serve(source, connections)
    provider.wake()
    source.done.wait(TIMEOUT_SECONDS)
    used, seconds = time.process_time() - used, time.monotonic() - begun
    provider.close()
    if source.failure is not None:
        raise source.failure
    return {
        "messages": messages,
        "connections": connections,
        "body_bytes": len(BODY),
        "sent": source.sent,
        "per_second": round(messages / seconds, 1),
        "cpu_us": round(used / messages * 1_000_000, 2),
    }
