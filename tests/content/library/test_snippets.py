"""Snippets: HTML under a key that stays, as content refers to it."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from campaigns.content.library import snippets
from campaigns.content.library.snippets import SnippetConflictError, SnippetError
from campaigns.db import db, transaction
from tests.factories import a_snippet

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_snippet_is_created_changed_and_deleted(app: Flask) -> None:
    with transaction():
        snippet = snippets.create(" Promo_1 ", " Spring \n sale", "<p>\r\n\x00Hi</p>", now=NOW)
    assert (snippet.key, snippet.name, snippet.source) == ("promo_1", "Spring sale", "<p>\nHi</p>")
    with transaction():
        assert snippets.save(snippet.id, 1, name="Sale", source="<p>Bye</p>", now=NOW) == 2
    with pytest.raises(SnippetConflictError), transaction():
        snippets.save(snippet.id, 1, name="Sale", source="<p>Mine</p>", now=NOW)
    found = snippets.find(snippet.public_id)
    assert found is not None
    assert (found.name, found.source) == ("Sale", "<p>Bye</p>")
    with transaction():
        snippets.delete(snippet.id)
    with pytest.raises(SnippetError, match="snippet_gone"), transaction():
        snippets.save(snippet.id, 2, name="Sale", source="", now=NOW)


@pytest.mark.parametrize(
    ("key", "name", "source", "code"),
    [
        ("1st", "n", "", "bad_key"),
        ("a-b", "n", "", "bad_key"),
        ("k" * 41, "n", "", "bad_key"),
        ("promo", "n", "", "key_taken"),
        ("key", " ", "", "without_name"),
        ("key", "n" * 101, "", "name_too_long"),
        ("key", "n", "ä" * 40_000, "snippet_too_long"),
    ],
)
def test_bad_input_is_refused(app: Flask, key: str, name: str, source: str, code: str) -> None:
    with transaction():
        a_snippet("promo")
    with pytest.raises(SnippetError, match=code), transaction():
        snippets.create(key, name, source, now=NOW)


def test_snippets_are_found_by_name_and_key(app: Flask) -> None:
    with transaction():
        a_snippet("promo", name="Spring")
        a_snippet("address", name="Office")
    for text in ("rom", "SPRI"):
        assert [one.key for one in db.session.scalars(snippets.matching(text))] == ["promo"]


@pytest.mark.runs_on("sqlite", "postgresql")
def test_without_a_key_a_snippet_gets_one_from_its_name(app: Flask) -> None:
    names = ("Opening hours", "Opening Hours!", "2 for 1", "営業時間", "n" * 60, "n" * 60)
    with transaction():
        keys = [snippets.create("", name, "", now=NOW).key for name in names]
    assert keys == [
        "opening_hours", "opening_hours_2", "a_2_for_1", "snippet", "n" * 40, "n" * 36 + "_2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("", ""),
        ("Free shipping for {{ subscriber.name or 'you' }}", None),
        ("Fish & <chips>", "Fish &amp; &lt;chips&gt;"),
        ("Mon 9 to 5\nTue closed", "Mon 9 to 5<br>\nTue closed"),
        ("One\n\nTwo\nthree", "<p>One</p>\n\n<p>Two<br>\nthree</p>"),
    ],
)
def test_plain_text_becomes_html_and_is_shown_as_text_again(text: str, source: str | None) -> None:
    made = snippets.html_of(text)
    assert made == (text if source is None else source)
    assert snippets.text_of(made) == text


@pytest.mark.parametrize("source", ["<b>9 to 5</b>", "<p>One</p>", "Fish & chips", "a<br>b"])
def test_html_that_says_more_is_no_plain_text(source: str) -> None:
    assert snippets.text_of(source) is None
