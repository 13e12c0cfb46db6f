"""Sender addresses: what may be saved, and which one is the default."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import senders
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.senders import SenderInput
from tests.factories import a_provider

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def account(app: Flask) -> ProviderAccount:
    with transaction():
        return a_provider()


def a_new_sender(
    account: ProviderAccount | None,
    address: str = "news@example.org",
    *,
    name: str = "Example News",
    reply_to: str = "",
    is_default: bool = False,
) -> SenderAddress:
    with transaction():
        typed = SenderInput(
            name=name,
            address=address,
            reply_to=reply_to,
            account=account.public_id if account else "",
            is_default=is_default,
        )
        return senders.create(typed, now=NOW)


def defaults() -> list[str]:
    db.session.rollback()
    rows = sa.select(SenderAddress.address).where(SenderAddress.is_default)
    return list(db.session.scalars(rows))


def test_the_first_address_becomes_the_default(account: ProviderAccount) -> None:
    a_new_sender(account, "one@example.org")
    a_new_sender(account, "two@example.org")
    assert defaults() == ["one@example.org"]


def test_there_is_one_default_at_a_time(account: ProviderAccount) -> None:
    a_new_sender(account, "one@example.org")
    a_new_sender(account, "two@example.org", is_default=True)
    assert defaults() == ["two@example.org"]


def test_another_sender_becomes_the_default_when_it_is_deleted(account: ProviderAccount) -> None:
    first = a_new_sender(account, "one@example.org")
    a_new_sender(account, "two@example.org")
    with transaction():
        senders.delete(first)
    assert defaults() == ["two@example.org"]


def test_the_default_stays_the_default_when_it_is_edited(account: ProviderAccount) -> None:
    first = a_new_sender(account, "one@example.org")
    with transaction():
        typed = SenderInput.of(first).model_copy(
            update={
                "name": "Other\r\nName",
                "address": "One@Example.org",
                "reply_to": " hello@example.org ",
                "is_default": False,
            }
        )
        senders.change(first, typed)
    assert defaults() == ["One@example.org"]
    assert (first.name, first.reply_to) == ("Other Name", "hello@example.org")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "news",
        "news@",
        "a@example.org,b@example.org",
        "a@example.org\r\nBcc: x@example.org",
    ],
)
def test_an_address_that_cannot_send_is_refused(account: ProviderAccount, address: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        a_new_sender(account, address)
    assert set(caught.value.problems) == {"address"}


def test_every_problem_is_named_at_once(app: Flask) -> None:
    with pytest.raises(InvalidInputError) as caught:
        a_new_sender(None, "x", name="n" * 101, reply_to="y")
    assert set(caught.value.problems) == {"name", "address", "reply_to", "account"}


def test_sender_addresses_are_unique(account: ProviderAccount) -> None:
    a_new_sender(account)
    with pytest.raises(InvalidInputError, match=r"from_address\.address_taken"):
        a_new_sender(account, "NEWS@example.org")


@pytest.mark.parametrize(
    ("address", "host", "is_warned"),
    [
        ("me@gmail.com", "smtp.example.org", True),
        ("me@GMAIL.com", "smtp.gmail.com.evil.example", True),
        ("me@gmail.com", "smtp.gmail.com", False),
        ("me@yahoo.com", "smtp.mail.yahoo.com", False),
        ("me@yahoo.com", "127.0.0.1", True),
        ("me@example.org", "smtp.example.org", False),
        ("me@notgmail.com", "smtp.example.org", False),
    ],
)
def test_g9_a_freemail_address_through_other_servers_gets_a_warning(
    address: str, host: str, is_warned: bool
) -> None:
    assert bool(senders.freemail_warning(address, host)) is is_warned
