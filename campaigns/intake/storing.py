"""Store emails, however they arrived: write `incoming` rows and ring for their job."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.events import incoming


@dataclass(frozen=True, slots=True)
class Arrived:
    """An email with its envelope, as far as it is known."""

    raw: bytes
    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()

    def as_delivered(self) -> bytes:
        """Return it with the envelope in front, as a mail server writes it on delivery."""
        lines = [f"Delivered-To: {address}" for address in self.rcpt_to]
        if self.mail_from is not None:
            lines.insert(0, f"Return-Path: <{self.mail_from}>")
        clean = ("".join(char for char in line if char.isprintable()) for line in lines)
        return "".join(f"{line}\r\n" for line in clean).encode() + self.raw


def store(
    emails: Sequence[Arrived],
    *,
    source: str,
    mailbox_id: int | None = None,
    account_id: int | None = None,
) -> int:
    """Store them in one transaction; returns how many were new. Identical ones are stored once."""
    new = 0
    with transaction(durable=True):
        for email in emails:
            body = email.as_delivered()
            added = incoming.receive(
                channel="email",
                source=source,
                endpoint_id=mailbox_id,
                account_id=account_id,
                body=body,
                dedupe=incoming.digest("email", mailbox_id, body),
                now=utcnow(),
            )
            new += added is not None
    if new:
        services().doorbell.ring("incoming")
    return new
