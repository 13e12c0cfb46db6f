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


@pytest.mark.parametrize(
    ("title", "cell", "expected"),
    [
        ("Unsubscribed from all email", "true", "unsubscribed"),
        ("Unsubscribed from: Monthly news", "Yes", "unsubscribed"),
        ("Customer opted out of mailings", "1", "unsubscribed"),
        ("SMTP_BLACKLISTED", "true", "blocked"),
        ("Spam complaints", "1", "complained"),
        ("Marketing contact status", "Non-marketing contact", "unsubscribed"),
        ("Newsletter subscriber status", "inactive", "unsubscribed"),
        ("Global email state", "opted out", "unsubscribed"),
        ("UNSUB_TIME", "Feb 2, 2024 10:00 AM", "unsubscribed"),
        ("Abgemeldet am", "2. Februar 2024", "unsubscribed"),
        ("unsubscribed_at", "Fri, 2 Feb 2024 10:00:00 +0000", "unsubscribed"),
        ("unsub date", "02-Feb-2024", "unsubscribed"),
    ],
)
def test_a_title_in_more_words_and_a_date_with_a_named_month_are_not_consent(
    title: str, cell: str, expected: str
) -> None:
    assert is_status(title, [cell, cell])
    assert meaning(title, cell) == expected


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("Unsubscribe URL", ["https://a.example/1", "https://a.example/2"]),
        ("Opt-out link", ["https://a.example/1"]),
        ("Order status", ["cancelled", "pending"]),
        ("Mailing state", ["CA", "NY"]),
        ("Subscribed at", ["2024-02-02"]),
    ],
)
def test_links_orders_and_places_are_no_status(title: str, cells: list[str]) -> None:
    assert not is_status(title, cells)


def test_a_status_is_seen_below_lines_above_the_header() -> None:
    """A file that begins with the name of the report: its header is read as a row."""
    assert is_status("", ["Status", "unsubscribed", "subscribed"])
    assert is_status("March 2024", ["email status", "inactive"])
    assert not is_status("", ["city", "inactive"])
    assert not is_status("Product", ["subscription", "one-off"])
