"""Preflight: what keeps a campaign from leaving, and what is worth a second look."""

from typing import Any

import pytest
from flask import Flask

from campaigns.accounts import service as accounts
from campaigns.db import transaction
from campaigns.sending.campaigns import audience_arithmetic
from campaigns.sending.models import Campaign
from campaigns.sending.preflight import Check, preflight
from campaigns.tokens import Signer
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber

SIGNER = Signer(["a-key-for-tests-only-that-is-long-enough"])
GOOD: dict[str, Any] = {
    "subject": "What the tide brought in",
    "preheader": "Eleven new books and an evening by the water",
}


@pytest.fixture(autouse=True)
def _workspace(app: Flask) -> None:
    with transaction():
        accounts.save_workspace(name="Harbour Books", postal_address="12 Quay Street")


def _found(campaign: Campaign, base_url: str = "https://news.example.org") -> list[Check]:
    """The checks that are not green."""
    arithmetic = audience_arithmetic(campaign.id)
    rows = preflight(campaign, arithmetic, base_url=base_url, signer=SIGNER)
    return [row for row in rows if row.level != "ok"]


def _ready(**values: Any) -> Campaign:
    """A campaign with nothing wrong with it, but for these values."""
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news, attributes={"city": "Kiel"})
        return a_campaign(news, sender=a_sender(), **{**GOOD, **values})


def test_a_good_campaign_has_only_green_rows(app: Flask) -> None:
    campaign = _ready()
    assert _found(campaign) == []
    rows = preflight(
        campaign,
        audience_arithmetic(campaign.id),
        base_url="https://news.example.org",
        signer=SIGNER,
    )
    assert {row.level for row in rows} == {"ok"}
    assert rows[0].text == "1 person will get it."


@pytest.mark.parametrize(
    ("values", "name", "blocks", "words"),
    [
        ({"subject": "  "}, "Subject", True, "empty"),
        ({"subject": "News"}, "Subject", False, "very short"),
        ({"subject": "n" * 79}, "Subject", False, "79 characters"),
        ({"subject": "A test: please ignore this"}, "Subject", False, "“test”"),
        ({"preheader": ""}, "Preheader", False, "first words"),
        ({"html": " "}, "Content", True, "no content"),
        ({"html": "<p>{{ foo }}</p>"}, "Content", True, "Line 1: Unknown merge field"),
        ({"html": "<p>\n{% if %}</p>"}, "Content", True, "Line 2"),
        ({"html": "<p>{{ subscriber.shoe_size }}</p>"}, "Content", False, "shoe_size"),
        ({"html": "<p>" + "word " * 19_000 + "</p>"}, "Size", False, "close to the 102 KB"),
        ({"html": "<p>" + "word " * 22_000 + "</p>"}, "Size", False, "cuts it off"),
        ({"html": "<a href='#'>a</a> <a href=''>b</a>"}, "Links", False, "2 links lead nowhere"),
        ({"html": "<img src='https://e.example/a.png'>"}, "Images", False, "1 image has no alt"),
        ({"subject": "What {{ foo }} brought in"}, "Subject", True, "Unknown merge field"),
    ],
)
def test_each_thing_that_is_wrong_is_one_row(
    app: Flask, values: dict[str, Any], name: str, blocks: bool, words: str
) -> None:
    rows = _found(_ready(**values))
    assert [(row.name, row.blocks) for row in rows] == [(name, blocks)]
    assert words in rows[0].text
    assert rows[0].fix in {"message", "content"}


def test_without_lists_sender_and_postal_address_it_cannot_leave(app: Flask) -> None:
    with transaction():
        accounts.save_workspace(postal_address=" \n")
        campaign = a_campaign(**GOOD)
    rows = _found(campaign)
    assert {(row.name, row.fix) for row in rows if row.blocks} == {
        ("Audience", "audience"),
        ("Sender", "senders"),
        ("Postal address", "workspace"),
    }


def test_lists_on_which_nobody_is_left_are_said(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("gone@example.org", news, state="unsubscribed")
        campaign = a_campaign(news, sender=a_sender(), **GOOD)
    (row,) = _found(campaign)
    assert row.blocks
    assert "Nobody is left" in row.text


def test_trouble_of_the_account_is_a_warning(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news)
        sender = a_sender(provider=a_provider(trouble="It refused the password."))
        campaign = a_campaign(news, sender=sender, **GOOD)
    (row,) = _found(campaign)
    assert (row.blocks, row.fix) == (False, "senders")
    assert "It refused the password." in row.text


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("http://127.0.0.1:8000", "only this computer"),
        ("https://localhost", "only this computer"),
        ("http://news.example.org", "without encryption"),
    ],
)
def test_an_address_that_others_cannot_reach_safely_is_a_warning(
    app: Flask, base_url: str, words: str
) -> None:
    (row,) = _found(_ready(), base_url)
    assert not row.blocks
    assert words in row.text
