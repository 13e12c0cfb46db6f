"""What reads a mailbox: the interface, and what can go wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from campaigns.reason import Parameter, Reason

CONNECT_SECONDS = 30.0
BATCH = 50
"""Number of emails that are read before they are stored and moved."""
BATCH_BYTES = 10 * 1024 * 1024
"""Size of a batch after which no further email is added to it."""


class MailboxTroubleError(Exception):
    """The mailbox cannot be read now. `reason` says why, and what to do."""

    def __init__(self, code: str, **params: Parameter) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)


@dataclass(frozen=True, slots=True)
class MailboxLogin:
    """How to open a mailbox, with decrypted secrets."""

    protocol: str
    host: str
    port: int
    security: str
    username: str
    password: str = field(default="", repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    """Returns an OAuth 2 access token. Raises ProviderTroubleError."""
    refuse_token: Callable[[], None] | None = field(default=None, repr=False)
    folder: str = "INBOX"
    done_folder: str = ""


@dataclass(frozen=True, slots=True)
class FoundEmail:
    """An email in the mailbox. `key` is the server's; `size` counts bytes not read as well."""

    key: str
    raw: bytes


class MailboxReader(Protocol):
    """An open mailbox. Every method raises MailboxTroubleError."""

    def read(self) -> Sequence[FoundEmail]:
        """Return the next few emails that are not done; none if there are no more."""
        ...

    def done(self, keys: Sequence[str]) -> None:
        """Put emails aside that are stored: never before."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when an email arrives, or after these seconds. May return early."""
        ...

    def close(self) -> None:
        """Disconnect. Never raises."""
        ...
