"""Sender addresses: create, change, delete."""

from datetime import datetime
from typing import Self

import sqlalchemy as sa

from campaigns import addresses
from campaigns.db import db
from campaigns.inputs import FormInput, InvalidInputError, one_line
from campaigns.providers import accounts
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason

MAX_NAME = 100

FREEMAIL = {
    "Gmail": (("gmail.com", "googlemail.com"), ("gmail.com", "googlemail.com", "google.com")),
    "Yahoo": (("yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "ymail.com"), ("yahoo.com",)),
    "AOL": (("aol.com", "aol.de"), ("aol.com",)),
    "Outlook": (
        ("outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "live.com", "msn.com"),
        ("outlook.com", "office365.com"),
    ),
    "iCloud": (("icloud.com", "me.com", "mac.com"), ("me.com", "icloud.com")),
    "GMX": (("gmx.de", "gmx.net", "gmx.com", "gmx.at", "gmx.ch"), ("gmx.net", "gmx.com")),
    "WEB.DE": (("web.de",), ("web.de",)),
    "Proton": (("proton.me", "protonmail.com", "pm.me"), ("protonmail.ch", "proton.me")),
    "Mail.ru": (("mail.ru", "bk.ru", "inbox.ru", "list.ru"), ("mail.ru",)),
    "Yandex": (("yandex.ru", "yandex.com", "ya.ru"), ("yandex.ru", "yandex.com", "yandex.net")),
}
"""Free email services: their domains, and the servers that may send for them."""


class SenderInput(FormInput):
    """A sender address as typed into the form."""

    name: str = ""
    address: str = ""
    reply_to: str = ""
    account: str = ""
    """Public id of the provider account that sends for it."""
    is_default: bool = False

    @classmethod
    def of(cls, stored: SenderAddress) -> Self:
        """Return the form values of a stored address."""
        account = db.session.get_one(ProviderAccount, stored.provider_id)
        return cls(
            name=stored.name,
            address=stored.address,
            reply_to=stored.reply_to,
            account=account.public_id,
            is_default=stored.is_default,
        )


def create(typed: SenderInput, *, now: datetime) -> SenderAddress:
    """Create a sender address; the first one becomes the default. Raises InvalidInputError."""
    values = _checked(typed, None)
    is_first = db.session.scalar(sa.select(SenderAddress.id).limit(1)) is None
    sender = SenderAddress(**values, created_at=now)
    db.session.add(sender)
    db.session.flush()
    if typed.is_default or is_first:
        make_default(sender)
    return sender


def change(sender: SenderAddress, typed: SenderInput) -> None:
    """Change a sender address; the default stays the default. Raises InvalidInputError."""
    values = _checked(typed, sender)
    for key, value in values.items():
        setattr(sender, key, value)
    db.session.flush()
    if typed.is_default:
        make_default(sender)


def make_default(sender: SenderAddress) -> None:
    """Send new campaigns and system emails from this address."""
    db.session.execute(
        sa.update(SenderAddress).values(is_default=SenderAddress.id == sender.id),
        execution_options={"synchronize_session": False},
    )
    db.session.refresh(sender)


def delete(sender: SenderAddress) -> None:
    """Delete a sender address; if it was the default, the oldest one left takes its place.

    The caller makes sure that no campaign in progress needs it.
    """
    was_default = sender.is_default
    db.session.delete(sender)
    db.session.flush()
    if was_default:
        oldest = db.session.scalar(sa.select(SenderAddress).order_by(SenderAddress.id).limit(1))
        if oldest is not None:
            make_default(oldest)


def freemail_warning(address: str, host: str) -> Reason | None:
    """Warn when this address belongs to a free email service that `host` is not part of.

    Such services publish a DMARC policy that treats email from other servers as forged.
    """
    domain = address.rpartition("@")[2].lower()
    for service, (domains, servers) in FREEMAIL.items():
        if domain not in domains:
            continue
        if any(host == name or host.endswith("." + name) for name in servers):
            return None
        return Reason("from_address.freemail", {"domain": domain, "service": service})
    return None


def _checked(typed: SenderInput, sender: SenderAddress | None) -> dict[str, str | int]:
    """Return the values to store. Raises InvalidInputError that names every problem."""
    problems: dict[str, Reason | str] = {}
    name, reply_to = one_line(typed.name), typed.reply_to.strip()
    if len(name) > MAX_NAME:
        problems["name"] = Reason("from_address.name_too_long", {"most": MAX_NAME})
    address = _address(typed.address, "address", problems)
    if "address" not in problems:
        other = db.session.scalar(
            sa.select(SenderAddress).where(sa.func.lower(SenderAddress.address) == address.lower())
        )
        if other is not None and other is not sender:
            problems["address"] = Reason("from_address.address_taken")
    if reply_to:
        reply_to = _address(reply_to, "reply_to", problems)
    account = accounts.find(typed.account)
    if account is None:
        problems["account"] = Reason("from_address.account_missing")
    if problems or account is None:
        raise InvalidInputError(problems)
    return {
        "name": name,
        "address": address,
        "reply_to": reply_to,
        "provider_id": account.id,
    }


def _address(text: str, field: str, problems: dict[str, Reason | str]) -> str:
    try:
        return addresses.parse(text).text
    except addresses.InvalidAddressError as error:
        problems[field] = error.reason
        return ""
