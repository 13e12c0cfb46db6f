"""Values of custom fields: read from what people type, shown in a language, read back."""

from typing import Any

import pytest

from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.models import FIELD_TYPES
from campaigns.audience.fields.notation import Notation, detect
from campaigns.audience.fields.types import TYPES, ValueProblemError
from tests.english import in_english

PLANS = ({"key": "pro", "label": "Pro plan"}, {"key": "free", "label": "Free"})


def a_field(type_: str, **rules: Any) -> Definition:
    return Definition("x", "Field", type_, PLANS, rules)


def parsed(type_: str, text: str, written: Notation | None = None, **rules: Any) -> Any:
    return TYPES[type_].parse(text, a_field(type_, **rules), written or Notation())


def problem(type_: str, text: str, written: Notation | None = None, **rules: Any) -> str:
    with pytest.raises(ValueProblemError) as caught:
        parsed(type_, text, written, **rules)
    return in_english(caught.value)


def test_every_type_of_the_model_has_an_object() -> None:
    assert tuple(TYPES) == FIELD_TYPES


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-3", -3), ("1,50", 1.5), ("1.50", 1.5), ("1.234,5", 1234.5), ("1 234", 1234),
        ("1,234.5", 1234.5), ("1.234.567", 1234567), ("1,234,567", 1234567), ("0.125", 0.125),
        ("1\u00a0234,5", 1234.5), ("1'234.50", 1234.5),
        ("\u22125", -5), (".5", 0.5), ("1.2340", 1.234),
    ],
)  # fmt: skip
def test_a_number_with_one_reading_is_read(text: str, number: float) -> None:
    assert parsed("number", text) == number


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.500"])
def test_a_number_with_two_readings_is_read_as_the_column_says(text: str) -> None:
    assert "two ways" in problem("number", text)
    plain = text.replace(",", ".")
    by_point = parsed("number", text, Notation(numbers="point"))
    by_comma = parsed("number", text, Notation(numbers="comma"))
    assert {by_point, by_comma} == {float(plain), float(plain.replace(".", ""))}


@pytest.mark.parametrize(
    "text",
    ["n/a", "", "1,2,3", "12.34.5", "1e5", "0x10", "٣", "nan", "=cmd()", "9" * 10_000, "--1"],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert "is not a number" in problem("number", text)


@pytest.mark.parametrize(
    "text",
    ["31.05.1980", "5/31/1980", "31/5/1980", "1980-05-31", "31-05-1980", "1980-05-31 00:00:00"],
)
def test_a_date_with_one_reading_is_read(text: str) -> None:
    assert parsed("date", text) == "1980-05-31"


def test_a_date_with_two_readings_is_read_as_the_column_says() -> None:
    assert "two ways" in problem("date", "5/6/1980")
    assert parsed("date", "5/6/1980", Notation(dates="month_first")) == "1980-05-06"
    assert parsed("date", "5/6/1980", Notation(dates="day_first")) == "1980-06-05"
    assert parsed("date", "6/6/1980") == "1980-06-06"
    assert "is not a date" in problem("date", "5/31/1980", Notation(dates="day_first"))


@pytest.mark.parametrize(
    "text", ["n/a", "31.02.1980", "0000-00-00", "31.05.80", "<script>", "٣/٣/١٩٨٠"]
)
def test_anything_else_is_no_date_and_is_named(text: str) -> None:
    assert f"“{text}” is not a date" in problem("date", text)


@pytest.mark.parametrize(
    ("type_", "values", "dates", "numbers", "is_ambiguous"),
    [
        ("date", ["31.05.1980", "5/31/1980", "n/a"], "month_first", "", False),
        ("date", ["5/6/1980", "31/6/1980", "13/6/1980"], "day_first", "", False),
        ("date", ["5/6/1980", "1/2/1990"], "", "", True),
        ("date", ["13/6/1980", "6/13/1980"], "", "", True),
        ("date", ["1980-05-31", "6/6/1980"], "", "", False),
        ("number", ["1.234", "1,50"], "", "comma", False),
        ("number", ["1,234", "12"], "", "", True),
        ("number", ["12", "n/a", ""], "", "", False),
        ("text", ["1,5"], "", "", False),
    ],
)
def test_a_column_shows_how_it_is_written(
    type_: str, values: list[str], dates: Any, numbers: Any, is_ambiguous: bool
) -> None:
    found = detect(type_, values)
    assert (found.notation, found.is_ambiguous) == (Notation(dates, numbers), is_ambiguous)


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("boolean", "Ja", True),
        ("boolean", "FALSE", False),
        ("boolean", "x", True),
        ("choice", " pro PLAN ", "pro"),
        ("choices", "Free; pro", ["pro", "free"]),
        ("choices", "Pro plan, Pro plan", ["pro"]),
        ("country", "Deutschland", "DE"),
        ("country", "uk", "GB"),
        ("country", "USA", "US"),
        ("time_zone", "europe/berlin", "Europe/Berlin"),
        ("time_zone", "America/New York", "America/New_York"),
        ("language", "Deutsch", "de"),
        ("language", "pt-br", "pt_BR"),
        ("url", "example.org/a", "https://example.org/a"),
        ("url", "HTTP://example.org", "HTTP://example.org"),
        ("text", " a\nb ", "a b"),
    ],
)
def test_a_value_is_stored_in_the_form_of_its_type(type_: str, text: str, value: Any) -> None:
    assert parsed(type_, text) == value


@pytest.mark.parametrize(
    ("type_", "text", "sentence"),
    [
        ("boolean", "n/a", "neither yes nor no"),
        ("choice", "Gold", "The options are: Pro plan, Free."),
        ("choices", "Free, Gold", "“Gold” is not an option"),
        ("country", "Atlantis", "not a country"),
        ("country", "EU", "not a country"),
        ("time_zone", "Mars/Base", "not a time zone"),
        ("language", "n/a", "not a language"),
        ("url", "javascript:alert(1)", "not a web address"),
        ("url", "https://[", "not a web address"),
        ("text", "x" * 10_000, "at most 2,000 characters"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(type_: str, text: str, sentence: str) -> None:
    assert sentence in problem(type_, text)


@pytest.mark.parametrize(
    ("type_", "text", "rules", "sentence"),
    [
        ("number", "3", {"least": 5}, "at least 5"),
        ("number", "7", {"most": 5}, "at most 5"),
        ("date", "1980-05-31", {"least": "1990-01-01"}, "cannot be before"),
        ("date", "1999-05-31", {"most": "1990-01-01"}, "cannot be after"),
        ("text", "ab", {"least": 3}, "at least 3 characters"),
        ("text", "abcd", {"most": 3}, "at most 3 characters"),
    ],
)
def test_limits_are_kept(type_: str, text: str, rules: dict[str, Any], sentence: str) -> None:
    assert sentence in problem(type_, text, **rules)


VALUES: list[tuple[str, Any]] = [
    ("text", "=cmd()"), ("text", "<script>"), ("number", 1234), ("number", 1.234), ("number", -0.5),
    ("number", 1e-7), ("number", 12.5), ("number", 10**15), ("date", "1980-05-31"),
    ("boolean", True), ("boolean", False),
    ("choice", "pro"), ("choices", ["pro", "free"]), ("country", "DE"),
    ("time_zone", "Europe/Berlin"), ("language", "pt_BR"), ("url", "https://example.org/?a=1"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value"), VALUES)
def test_a_value_written_as_text_is_read_back(type_: str, value: Any) -> None:
    text = TYPES[type_].typed(value, a_field(type_))
    assert parsed(type_, text) == value


@pytest.mark.parametrize(("type_", "value"), VALUES)
def test_stored_text_is_its_own_form(type_: str, value: Any) -> None:
    if isinstance(value, str):
        assert parsed(type_, value) == value


@pytest.mark.parametrize(
    ("type_", "value", "english", "german"),
    [
        ("number", 1234.5, "1,234.5", "1.234,5"),
        ("date", "1980-05-31", "31 May 1980", "31. Mai 1980"),
        ("country", "DE", "Germany", "Deutschland"),
        ("language", "de", "German", "Deutsch"),
        ("choice", "pro", "Pro plan", "Pro plan"),
        ("choices", ["pro", "free"], "Pro plan and Free", "Pro plan und Free"),
        ("choice", "removed", "removed", "removed"),
        ("date", "not yet converted", "not yet converted", "not yet converted"),
    ],
)
def test_a_value_is_shown_in_the_language(
    type_: str, value: Any, english: str, german: str
) -> None:
    field = a_field(type_)
    assert TYPES[type_].show(value, field, "en") == english
    assert TYPES[type_].show(value, field, "de") == german
