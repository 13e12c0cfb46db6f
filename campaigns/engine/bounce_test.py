"""A test of what comes back: an email to an address that does not exist, and its bounce.

The email carries a token like any other, but of no delivery, so that nothing follows from what
comes back of it.
"""

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.engine.signing import sign_message, signing_for
from campaigns.events.models import Incoming
from campaigns.messages import Message, SendResult
from campaigns.providers.base import send_one
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.presets import echoed_header
from campaigns.providers.registry import open_provider
from campaigns.secrets import Vault
from campaigns.tokens import (
    FIRST_TEST_ID,
    BadTokenError,
    Signer,
    delivery_token,
    read_delivery_token,
)
from campaigns.transactional.plain_mail import EmailText, Sender, build

SIMULATORS = {
    "amazon-ses": "bounce@simulator.amazonses.com",
    "postmark": "hardbounce@bounce-testing.postmarkapp.com",
    "resend": "bounced@resend.dev",
}
"""Addresses at which a provider simulates a bounce, by the key of the well-known provider."""
SECONDS = 15.0
"""Longest wait for the provider to accept the email."""
GIVE_UP = timedelta(minutes=10)
MAX_ROWS = 200
"""Number of posts and emails since the test that are searched for its bounce."""


@dataclass(frozen=True, slots=True)
class BounceTest:
    """A test that was sent. `token` is all that the page has to remember."""

    token: str
    sent_at: datetime

    @classmethod
    def begin(cls, signer: Signer, *, now: datetime) -> "BounceTest":
        """Return a new test. Its number contains the time in milliseconds."""
        return cls(delivery_token(signer, FIRST_TEST_ID + int(now.timestamp() * 1_000)), now)

    @classmethod
    def of(cls, signer: Signer, token: str) -> "BounceTest | None":
        """Return the test with this token; None if it is not one of ours."""
        try:
            number = read_delivery_token(signer, token) - FIRST_TEST_ID
        except BadTokenError:
            return None
        if number < 0:
            return None
        return cls(token, datetime.fromtimestamp(number / 1_000, UTC))


def address_for(account: ProviderAccount, sender: str) -> str:
    """Return an address that bounces: the provider's simulator, else one at our own domain."""
    simulated = SIMULATORS.get(account.preset)
    return simulated or f"bounce-test-{secrets.token_hex(6)}@{sender.rpartition('@')[2]}"


def message_of(
    test: BounceTest, account: ProviderAccount, sender: SenderAddress, said: EmailText
) -> Message:
    """Build the email, which carries the token as the emails of a campaign do."""
    address = address_for(account, sender.address)
    message = build(Sender(sender.address, sender.name), address, said, now=test.sent_at)
    domain = sender.address.rpartition("@")[2]
    name = f"Message-ID: <{test.token}@{domain}>".encode()
    data = re.sub(rb"^Message-ID: <[^>]*>", name, message.data, count=1, flags=re.MULTILINE)
    if header := echoed_header(account.preset):
        data = f"{header % test.token}\r\n".encode("ascii") + data
    is_ours = not account.rewrites_return_path
    mail_from = f"b+{test.token}@{domain}" if is_ours else sender.address
    return replace(message, data=data, mail_from=mail_from)


def send(
    account: ProviderAccount, sender: SenderAddress, message: Message, vault: Vault
) -> SendResult:
    """Send it now. Raises ProviderTroubleError, UnusableAccountError, SecretUnreadableError."""
    if (signing := signing_for(sender.address, vault)) is not None:
        message = replace(message, data=sign_message(message.data, signing))
    provider = open_provider(account, vault, apart=True)
    db.session.rollback()  # no transaction stays open while sending
    try:
        return send_one(provider, message, before_body=lambda _: None, timeout=SECONDS)
    finally:
        provider.close()


def came_back(test: BounceTest, account_id: int) -> Incoming | None:
    """Return the first post or email that carries the token of this test."""
    token = test.token.encode()
    for shared in (Incoming.account_id == account_id, Incoming.account_id.is_(None)):
        some = (
            sa.select(Incoming)
            .where(shared, Incoming.received_at >= test.sent_at, Incoming.state != "refused")
            .order_by(Incoming.id.desc())
            .limit(MAX_ROWS)
        )
        found = [row for row in db.session.scalars(some) if token in row.body.lower()]
        if found:
            return found[-1]
    return None
