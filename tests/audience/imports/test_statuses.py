"""What other programs' words for a subscription mean, and which columns contain them."""

import pytest

from campaigns.audience.imports.statuses import MEANINGS, default, is_status, strictest, value_key


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
def test_words_are_understood_and_unclear_ones_are_no_consent(
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
def test_a_status_column_is_recognized_by_name_and_values(
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
def test_longer_names_and_dates_with_named_months_are_no_consent(
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


def test_a_status_column_is_found_when_lines_precede_the_header() -> None:
    """The file starts with the name of the report, so its header is read as a row."""
    assert is_status("", ["Status", "unsubscribed", "subscribed"])
    assert is_status("March 2024", ["email status", "inactive"])
    assert not is_status("", ["city", "inactive"])
    assert not is_status("Product", ["subscription", "one-off"])


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("active_subscription", {"false": "unsubscribed", "true": "subscribed"}),
        ("Deliverable", {"FALSE": "bounced", "TRUE": "subscribed"}),
        ("GDPR", {"denied": "unsubscribed", "2024-02-01": "subscribed"}),
        ("Marketing emails", {"Declined": "unsubscribed", "Accepted": "subscribed"}),
        ("Cancelled At", {"2024-02-01 10:00": "unsubscribed", "": "subscribed"}),
        ("Canceled At (UTC)", {"2024-02-01": "unsubscribed"}),
        ("Global status", {"unsub": "unsubscribed"}),
        ("Account status", {"closed": "unsubscribed", "active": "subscribed"}),
        ("Bounced", {"2": "bounced", "0": "subscribed"}),
        ("doNotContact", {"3": "blocked", "0": "subscribed"}),
        ("unsubscribe_reason", {"too many emails": "unsubscribed", "": "subscribed"}),
        ("Last unsubscribe date", {"2024-02-01": "unsubscribed", "": "subscribed"}),
        ("Number of complaints", {"1": "complained", "0": "subscribed"}),
        ("Opt-out reason", {"active": "unsubscribed", "none": "subscribed"}),
        ("Email hard bounce reason", {"MAILBOX_FULL": "bounced", "None": "subscribed"}),
        ("Suppression reason", {"HardBounce": "bounced", "SpamComplaint": "complained"}),
        (
            "Email Suppressions",
            {
                "['USER_SUPPRESSED']": "blocked",
                "['UNSUBSCRIBED', 'HARD_BOUNCE']": "bounced",
                "[]": "subscribed",
            },
        ),
        ("HasOptedOutOfEmail", {"1": "unsubscribed", "0": "subscribed"}),
        ("Is this user blacklisted", {"1": "blocked"}),
        ("Unsubscribed", {"0000-00-00 00:00:00": "subscribed", "✓": "unsubscribed"}),
        ("Verified Email", {"no": "pending"}),
        ("Wants our monthly newsletter", {"No": "unsubscribed"}),
        ("Email notifications", {"off": "unsubscribed"}),
        ("Newsletter-Einwilligung", {"nein": "unsubscribed", "ja": "subscribed"}),
        ("Zustellbar", {"nein": "bounced"}),
        ("Werbesperre", {"ja": "blocked"}),
        (
            "unsubscribed_at",
            {"2024-02-01T10:00:00Z": "unsubscribed", "Thu Feb 1 2024": "unsubscribed"},
        ),
        ("Widerrufen am", {"01.02.2024": "unsubscribed"}),
        ("Désinscrit le", {"01/02/2024": "unsubscribed"}),
        ("Liste noire", {"oui": "blocked"}),
        ("Consentement", {"refusé": "unsubscribed"}),
        ("DOI bestätigt", {"nein": "pending"}),
        ("Nieuwsbrief", {"nee": "unsubscribed"}),
        ("¿Acepta boletín?", {"No": "unsubscribed"}),
        ("Aceita receber e-mails", {"Não": "unsubscribed"}),
        ("Data cancellazione", {"01/02/2024": "unsubscribed"}),
        ("Подписка", {"нет": "unsubscribed"}),
        ("Email valid", {"invalid": "bounced", "valid": "subscribed"}),
        ("Fecha de baja", {"2024-02-01": "unsubscribed"}),
        ("Consenso", {"no": "unsubscribed", "sì": "subscribed"}),
        ("Uitgeschreven", {"ja": "unsubscribed"}),
        ("Toestemming", {"nee": "unsubscribed"}),
        ("Descadastrado em", {"01/02/2024": "unsubscribed"}),
        ("Status", {"Hard bounce: 550 no such user": "bounced"}),
    ],
)
def test_column_names_of_other_programs_and_languages_decide(
    title: str, cells: dict[str, str]
) -> None:
    assert is_status(title, cells)
    assert {cell: meaning(title, cell) for cell in cells} == cells


@pytest.mark.parametrize(
    ("title", "cells", "open_cell"),
    [
        ("Email Suppressions", ["['OTHER']"], "['OTHER']"),
        ("Unsubscribed", ["Monthly news"], "Monthly news"),
        ("Bounce count", ["0", "2"], "2"),
        ("Soft bounces", ["1"], "1"),
        ("Marketing consent", ["see letter"], "see letter"),
        ("Wants newsletter", ["yes", "perhaps"], "perhaps"),
        ("Status", ["Not unsubscribed"], "Not unsubscribed"),
        ("Newsletter", ["unsubscribed", "3"], "3"),
        ("Marketing consent", [f"letter {number}" for number in range(100)], "letter 7"),
        ("Bounce type", ["hard", "soft"], "soft"),
        ("ZB Status", ["valid", "do_not_mail", "catch-all"], "catch-all"),
        ("Last event", ["delivered", "bounced"], "delivered"),
    ],
)
def test_an_unclear_value_in_a_consent_column_asks(
    title: str, cells: list[str], open_cell: str
) -> None:
    assert is_status(title, cells)
    assert meaning(title, open_cell) == ""


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("GDPR", ["2024-01-01", "2023-05-25"]),
        ("Order status", ["shipped", "cancelled"]),
        ("State", ["California", "Baja California"]),
        ("Marital status", ["single"]),
        ("Subscription plan", ["pro"]),
        ("Subscriber ID", ["1", "0"]),
        ("Marketing emails opened", ["1", "0", "3"]),
        ("Unsubscribe token", ["abc"]),
        ("Consent to track", ["No"]),
        ("SMS Marketing Consent", ["NEVER_SUBSCRIBED"]),
        ("OPTIN_TIME", ["2024-01-01 10:00:00"]),
        ("Archived", ["Folder 3"]),
        ("Lead status", ["New", "Contacted"]),
        ("Bounce rate", ["12"]),
        ("Bloque", ["3", "4"]),
    ],
)
def test_other_facts_about_a_person_do_not_affect_the_import(title: str, cells: list[str]) -> None:
    assert not is_status(title, cells)


def test_an_opt_out_column_that_starts_empty_is_still_a_status() -> None:
    assert is_status("Unsubscribed At", [])
    assert is_status("Deleted at", [])
    assert not is_status("Comment", [])


def test_a_displayed_value_can_be_answered() -> None:
    for shown in ("any date", "any number", "any other text"):
        assert value_key("Unsubscribed", shown) == shown
