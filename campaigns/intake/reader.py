"""The interface of mailbox readers, and their errors."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from campaigns.providers.base import ProviderTroubleError
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


MAX_ERROR = 200
Errors = tuple[type[Exception], ...]


@contextmanager
def logging_in(
    login: MailboxLogin, refused: Errors, words: Callable[[Exception], str]
) -> Iterator[None]:
    """Explain a refused login, and drop its access token. `words` returns the server's."""
    try:
        yield
    except refused as error:
        if login.refuse_token is not None:
            login.refuse_token()
        code = "intake.login_refused" if login.token is None else "intake.token_refused"
        raise MailboxTroubleError(code, host=login.host, error=shown(words(error))) from None


@contextmanager
def explained(
    login: MailboxLogin, *, away: Errors, refused: Errors, words: Callable[[Exception], str]
) -> Iterator[None]:
    """Turn errors into MailboxTroubleError: of the token, encryption, network and server."""
    # A host such as "imap..example.org" has no form in the DNS.
    gone: Errors = (OSError, UnicodeError, *away)
    try:
        yield
    except ProviderTroubleError as error:
        raise MailboxTroubleError("intake.no_token", error=error.reason) from None
    except ssl.SSLError as error:
        raise MailboxTroubleError(
            "intake.not_secure", host=login.host, error=shown(str(error))
        ) from None
    except gone as error:
        raise MailboxTroubleError(
            "intake.unreachable", host=login.host, port=str(login.port), error=shown(words(error))
        ) from None
    except refused as error:
        raise MailboxTroubleError(
            "intake.refused", host=login.host, error=shown(words(error))
        ) from None


def shown(text: str) -> str:
    """Return one short line of what a server said."""
    text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:MAX_ERROR].rstrip(".")


@dataclass(frozen=True, slots=True)
class FoundEmail:
    """An email in the mailbox. `key` is the server's."""

    key: str
    raw: bytes


class MailboxReader(Protocol):
    """An open mailbox. Every method raises MailboxTroubleError."""

    def read(self) -> Sequence[FoundEmail]:
        """Return the next few emails that are not done, each once; none if there are no more."""
        ...

    def done(self, keys: Sequence[str]) -> None:
        """Put aside emails that are stored, never before."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when an email arrives, or after these seconds. May return early."""
        ...

    def close(self) -> None:
        """Disconnect. Never raises."""
        ...
