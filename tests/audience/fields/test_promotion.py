"""Attributes are offered as fields: with a type, a preview, and what would not convert."""

import pytest
from flask import Flask

from campaigns.audience.fields import promotion
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.notation import Notation
from campaigns.db import transaction
from tests.english import in_english
from tests.factories import a_field, a_subscriber


@pytest.mark.parametrize(
    ("texts", "type_"),
    [
        (["31.05.1980"] * 9 + ["n/a"], "date"),
        (["5/6/1980", "1/2/1990"], "date"),
        (["1,50", "12", "1.234"], "number"),
        (["0", "1", "1"], "number"),
        (["yes", "no", "Yes"], "boolean"),
        (["https://a.example", "b.example/x"], "url"),
        (["Europe/Berlin", "UTC"], "time_zone"),
        (["Germany", "FR", "Italien"], "country"),
        (["de", "en"], "language"),
        (["en", "ja", "zh"], "language"),
        (["VIP, Blog", "Blog"], "choices"),
        (["Pro", "Free"] * 5, "choice"),
        (["Pro", "Free"], "text"),
        (["Ulm", "=cmd()", "<script>", "x" * 2000], "text"),
        (["31.05.1980", "n/a", "soon"], "text"),
    ],
)
def test_a_type_that_nearly_all_values_fit_is_suggested(texts: list[str], type_: str) -> None:
    assert promotion.suggest(texts) == type_


def test_attributes_without_a_field_are_listed_with_how_many_have_them(app: Flask) -> None:
    with transaction():
        a_field("City")
        a_subscriber("a@example.org", attributes={"city": "Ulm", "born": "31.05.1980", "vip": ""})
        a_subscriber("b@example.org", attributes={"born": "5/31/1980", "points": 5})
        a_subscriber("c@example.org", attributes={"born": "31.05.1980"})
    people = promotion.sample()
    assert people.is_complete
    found = [(one.key, one.people, one.suggested) for one in promotion.attributes(people)]
    assert found == [("born", 3, "date"), ("points", 1, "number")]
    assert promotion.attributes(people)[0].examples == ("31.05.1980", "5/31/1980")


def test_a_large_audience_is_sampled_from_all_of_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "SAMPLE_PEOPLE", 40)
    with transaction():
        for number in range(100):
            a_subscriber(f"p{number}@example.org", attributes={"n": number})
    people = promotion.sample()
    assert not people.is_complete
    assert len(people.attributes) == 40
    numbers = [one["n"] for one in people.attributes]
    assert numbers[0] == 0
    assert numbers[-1] > 70
    assert promotion.attributes(people)[0].people == 40


def test_nobody_is_sampled_twice_although_many_were_deleted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "SAMPLE_PEOPLE", 80)
    with transaction():
        for number in (1, 150, 151, 152):
            a_subscriber(f"p{number}@shop.example", id=number, attributes={"number": number})
    found = promotion.sample()
    assert not found.is_complete
    assert [one["number"] for one in found.attributes] == [1, 150, 151]


def test_without_subscribers_there_are_no_attributes(app: Flask) -> None:
    assert promotion.attributes(promotion.sample()) == []


def test_a_preview_names_what_would_not_convert() -> None:
    texts = ["31.05.1980", "5/31/1980", "n/a", "n/a", "31.02.1980"]
    found = promotion.preview(texts, Definition("born", "Born", "date"))
    assert (found.converted, found.failed) == (2, 3)
    assert found.detected.notation.dates == "month_first"
    named = [(one.text, one.people, in_english(one.reason)) for one in found.problems]
    assert named[0] == ("n/a", 2, "“n/a” is not a date. Write it as 1980-05-31.")
    assert found.examples == [("31.05.1980", "1980-05-31"), ("5/31/1980", "1980-05-31")]


def test_a_preview_of_an_ambiguous_column_needs_a_choice() -> None:
    field = Definition("born", "Born", "date")
    assert promotion.preview(["5/6/1980"], field).detected.is_ambiguous
    chosen = promotion.preview(["5/6/1980"], field, Notation(dates="day_first"))
    assert chosen.examples == [("5/6/1980", "1980-06-05")]


def test_the_choices_in_values_become_options() -> None:
    assert promotion.options_in(["VIP, Blog", "blog;  New  one", ""], several=True) == [
        "VIP",
        "Blog",
        "New one",
    ]
    assert promotion.options_in(["A, B", "A, B", "C"], several=False) == ["A, B", "C"]
