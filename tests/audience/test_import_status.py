"""What other programs' words for a subscription mean, and which columns hold them."""

import pytest

from campaigns.audience.import_status import MEANINGS, default, is_status, strictest, value_key


def meaning(title: str, cell: str) -> str:
    return default(title, value_key(title, cell))


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("Status", {"Subscribed": "subscribed", "Cleaned": "bounced", "gold": "", "": ""}),
        (
            "Email Marketing Consent",
            {"SUBSCRIBED": "subscribed", "NEVER_SUBSCRIBED": "unsubscribed"},
        ),
        ("status", {"enabled": "subscribed", "disabled": "unsubscribed", "blocklisted": "blocked"}),
        (
            "Status",
            {"Unconfirmed": "pending", "Bounced": "bounced", "Unsubscribed": "unsubscribed"},
        ),
        ("Accepts Marketing", {"yes": "subscribed", "no": "unsubscribed", "": ""}),
        ("subscribed_to_emails", {"true": "subscribed", "false": "unsubscribed"}),
        ("subscribed", {"1": "subscribed", "0": "unsubscribed", "maybe": ""}),
        ("EMAIL_BLACKLISTED", {"true": "blocked", "false": "subscribed", "": "subscribed"}),
        ("Email opt out", {"Yes": "unsubscribed", "No": "subscribed"}),
        ("confirmed", {"1": "subscribed", "0": "pending"}),
        ("UNSUB_TIME", {"2024-02-01 10:00:00": "unsubscribed", "": "subscribed"}),
        ("CLEAN_TIME", {"01/02/2024": "bounced"}),
        ("Anmeldestatus", {"abgemeldet": "unsubscribed", "Unbestätigt": "pending"}),
        ("Statut", {"Désabonné": "unsubscribed", "abonné": "subscribed", "en-attente": "pending"}),
        ("Estado", {"Dado de baja": "unsubscribed", "pendiente": "pending"}),
        ("Status", {"opted out": "unsubscribed", "Spam complaint": "complained"}),
        ("status", {"1": "", "true": "", "yes": ""}),
    ],
)
def test_words_are_understood_and_unclear_ones_are_not_consent(
    title: str, values: dict[str, str]
) -> None:
    assert {value: meaning(title, value) for value in values} == values


@pytest.mark.parametrize(
    ("title", "cells", "expected"),
    [
        ("Status", ["gold", "silver"], True),
        ("Opt-in status", [], True),
        ("state", ["CA", "NY"], False),
        ("state", ["active", "unsubscribed"], True),
        ("", ["unsubscribed", "active"], True),
        ("Plan", ["active", "inactive"], False),
        ("accepts_marketing", ["true", "false"], True),
        ("MEMBER_RATING", ["2", "5"], False),
        ("Newsletter", ["weekly"], False),
        ("newsletter", ["yes", "no"], True),
        ("CLEAN_TIME", ["2024-01-01 00:00:00"], True),
        ("active", ["true"], True),
    ],
)
def test_a_status_column_is_told_by_its_title_and_values(
    title: str, cells: list[str], expected: bool
) -> None:
    assert is_status(title, cells) is expected


def test_the_strictest_meaning_counts() -> None:
    assert strictest(MEANINGS) == "skip"
    assert strictest(["pending", "bounced", "subscribed"]) == "bounced"
    assert strictest([]) == "subscribed"
