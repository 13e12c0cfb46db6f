"""Dates, numbers and amounts in the language of the subscriber."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from campaigns.content.mime.compile import check_content
from campaigns.content.templating import filters
from campaigns.content.templating.limits import bounded
from tests.content.samples import a_content, a_recipient, compiled
from tests.english import in_english

BORN, CALLED = date(1980, 5, 31), datetime(2026, 3, 1, 15, 4, tzinfo=UTC)


def shown(name: str, locale: str, *args: Any) -> Any:
    with bounded(locale=locale):
        return filters.FILTERS[name](None, *args)


@pytest.mark.parametrize(
    ("form", "english", "german"),
    [
        ("numeric", "31/05/1980", "31.5.1980"),
        ("medium", "31 May 1980", "31. Mai 1980"),
        ("long", "31 May 1980", "31. Mai 1980"),
        ("full", "Saturday 31 May 1980", "Samstag, 31. Mai 1980"),
        ("day", "31 May", "31. Mai"),
        ("month", "May 1980", "Mai 1980"),
        ("weekday", "Saturday", "Samstag"),
        ("year", "1980", "1980"),
        ("time", "", ""),
        ("%A, %-d. %B '%y", "Saturday, 31. May '80", "Samstag, 31. Mai '80"),
        ("%d/%m/%Y %H:%M 100%%", "31/05/1980 00:00 100%", "31/05/1980 00:00 100%"),
    ],
)
def test_a_date_has_named_formats_and_directives(form: str, english: str, german: str) -> None:
    assert shown("date", "en", BORN, form) == english
    assert shown("date", "de", "1980-05-31", form) == german


def test_a_time_is_shown_in_its_own_zone() -> None:
    assert shown("date", "en", CALLED, "time") == "15:04"
    assert shown("date", "en", "2026-03-01T15:04:05+02:00", "%H:%M") == "15:04"


@pytest.mark.parametrize("value", ["soon", "", None])
def test_what_is_no_date_stays_as_it_is(value: str | None) -> None:
    assert shown("date", "de", value) == (value or "")
    assert shown("number", "de", value) == (value or "")
    assert shown("money", "de", value, "EUR") == (value or "")


def test_numbers_and_amounts_have_the_signs_of_the_language() -> None:
    assert shown("number", "en", 1234.5) == "1,234.5"
    assert shown("number", "de", "1234.5") == "1.234,5"
    assert shown("number", "de", 1234.5, 2) == "1.234,50"
    assert shown("number", "fr", 1234.5, 0) == "1\u202f234"
    assert shown("money", "en", 12.5, "EUR") == "€12.50"
    assert shown("money", "de", "12.5", "EUR") == "12,50\xa0€"
    assert shown("money", "en", 1200, "JPY") == "¥1,200"


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        ('1|date("soon")', "The filter date does not know this format."),
        ('1|date("%99d")', "The filter date does not know this format."),
        ("1|number(99)", "The filter number takes 0 to 10 decimal places"),
        ('1|money("Euro")', "There is no currency “Euro”."),
        ("1|money", "There is no currency “”."),
    ],
)
def test_a_format_that_cannot_be_used_is_found_before_sending(tag: str, sentence: str) -> None:
    (problem,) = check_content(a_content(f"<p>{{{{ {tag} }}}}</p>"), ())
    assert sentence in in_english(problem.reason)


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("de", "31. Mai 1980"),
        ("pt-BR", "31 de maio de 1980"),
        ("French", "31 mai 1980"),
        ("Klingon", "31 May 1980"),
        (7, "31 May 1980"),
        (None, "31 May 1980"),
    ],
)
def test_the_language_of_the_subscriber_decides_and_else_that_of_the_campaign(
    stored: Any, text: str
) -> None:
    content = compiled("<p>{{ '1980-05-31'|date }}</p>", track_opens=False)
    assert f"<p>{text}</p>" in content.preview(a_recipient(language=stored)).html
