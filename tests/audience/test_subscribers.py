"""Finding, adding, changing and deleting subscribers."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns import addresses
from campaigns.audience import subscribers
from campaigns.audience.models import Subscriber
from campaigns.db import db, transaction
from tests.factories import a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_an_address_is_one_subscriber_whatever_its_spelling(app: Flask) -> None:
    with transaction():
        first, added = subscribers.find_or_create("Alice@Example.org", name="Alice", now=NOW)
        again, added_again = subscribers.find_or_create("alice@example.ORG ", name="M.", now=NOW)
    assert (added, added_again) == (True, False)
    assert again.id == first.id
    assert (again.address, again.name) == ("Alice@example.org", "Alice")


def test_a_bad_address_is_refused(app: Flask) -> None:
    with pytest.raises(addresses.InvalidAddressError), transaction():
        subscribers.find_or_create("not an address", now=NOW)
    assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 0


def test_a_name_is_one_line(app: Flask) -> None:
    with transaction():
        found, _ = subscribers.find_or_create(
            "a@example.org", name=" Eve\r\nBcc: x@example.org\x00", now=NOW
        )
    assert found.name == "Eve Bcc: x@example.org"


def test_the_known_attributes_are_those_that_subscribers_have(app: Flask) -> None:
    assert subscribers.known_attributes() == []
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm", "plan": "pro"})
        a_subscriber("b@example.org", attributes={"city": "Bern", "Alter": "7"})
    assert subscribers.known_attributes() == ["Alter", "city", "plan"]
