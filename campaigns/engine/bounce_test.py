"""A bounce test: an email to an address that does not exist, whose bounce must reach us.

The email carries a token like any other, but the token belongs to no delivery, so its bounce has no
consequences.
"""

import re
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from campaigns.db import db
from campaigns.engine.signing import sign_message, signing_for
from campaigns.messages import Message, SendResult
from campaigns.providers import return_domains
from campaigns.providers.base import send_one
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.presets import echoed_header
from campaigns.providers.registry import open_provider
from campaigns.secrets import Vault
from campaigns.transactional.plain_mail import EmailText, Sender, build

SIMULATORS = {
    "amazon-ses": "bounce@simulator.amazonses.com",
    "postmark": "hardbounce@bounce-testing.postmarkapp.com",
    "resend": "bounced@resend.dev",
}
"""Addresses at which a provider simulates a bounce, by the key of the well-known provider."""
SECONDS = 15.0
"""Longest wait for the provider to accept the email, in seconds."""
GIVE_UP = timedelta(minutes=10)


def address_for(account: ProviderAccount, sender: str) -> str:
    """Return an address that bounces: the provider's simulator, else one at our own domain."""
    simulated = SIMULATORS.get(account.preset)
    return simulated or f"bounce-test-{secrets.token_hex(6)}@{sender.rpartition('@')[2]}"


def message_of(
    token: str,
    account: ProviderAccount,
    sender: SenderAddress,
    said: EmailText,
    *,
    now: datetime,
) -> Message:
    """Build the email, which carries the token as the emails of a campaign do."""
    address = address_for(account, sender.address)
    message = build(Sender(sender.address, sender.name), address, said, now=now)
    domain = return_domains.domain_of(sender.address)
    name = f"Message-ID: <{token}@{domain}>".encode()
    data = re.sub(rb"^Message-ID: <[^>]*>", name, message.data, count=1, flags=re.MULTILINE)
    if header := echoed_header(account.preset):
        data = f"{header % token}\r\n".encode("ascii") + data
    is_ours = not account.rewrites_return_path
    mail_from = f"b+{token}@{domain}" if is_ours else sender.address
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
