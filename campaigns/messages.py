"""The values of the pipeline: Recipient -> Message -> SendResult -> ProviderEvent.

Small frozen values, created by one step and read by the next. No step calls back up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["sent", "deferred", "failed", "unknown", "unsent"]
"""The outcome of one attempt to send.

sent      the next server accepted the message
deferred  it replied "later" (4xx) to this message
failed    it replied "never" (5xx) to this message
unknown   the connection broke after the body was sent and before the reply
unsent    no part of its body was sent. Without a step, it was never begun: due again at once, and
          not counted as a try. With a step, the server repeatedly hung up there: counted as a try
"""

Scope = Literal["recipient", "sender", "connection"]
"""What a result other than `sent` concerns: the recipient, our account, or the connection."""

Step = Literal["", "mail", "rcpt", "data", "dot"]
"""The step that was answered; "" if none was."""

EventKind = Literal[
    "delivered", "deferred", "bounced", "complained", "opened", "clicked", "unsubscribed"
]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person a message is rendered for. Ids are 0 in previews and test emails."""

    delivery_id: int
    subscriber_id: int
    list_id: int
    address: str
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    mailbox_group: str = "other"
    first_name: str = ""
    last_name: str = ""
    tags: tuple[str, ...] = ()
    """Names of their tags; read only for templates that show them."""
    segments: int = 0
    """The segments they are in, one bit for each that the content names, in its order."""


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message, ready for a provider.

    `data` is the whole message with CRLF line endings and without dot-stuffing; `mail_from` is
    the envelope sender (the return path), `address` the one envelope recipient.

    `is_tidy` promises that it can be sent unchecked: every line ends in CRLF, including the last,
    there is no other CR or LF, no line begins with a dot, all is ASCII.
    """

    delivery_id: int
    mail_from: str
    address: str
    data: bytes
    is_tidy: bool = False


@dataclass(frozen=True, slots=True)
class SendResult:
    """A provider's result for one message. `reply` is the server's text."""

    delivery_id: int
    outcome: Outcome
    reply: str = ""
    code: int = 0
    scope: Scope = "recipient"
    step: Step = ""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """An event about one delivery.

    `dedupe` is the same for the same event, however often it is reported.
    """

    kind: EventKind
    delivery_id: int
    at: datetime
    dedupe: str
    link_number: int | None = None
    user_agent: str = ""
    ip: str = ""
