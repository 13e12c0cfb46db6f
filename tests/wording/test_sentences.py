"""Codes become sentences: every code has a sentence, and every sentence is used."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from campaigns.reason import Reason
from campaigns.wording import SENTENCES, Words
from campaigns.wording.messages import Plural
from tests.architecture.source import nodes, starts_in
from tests.pseudo_locale import messages

TOPICS = {code.partition(".")[0] for code in SENTENCES}
CODE = re.compile(rf"(?:{'|'.join(sorted(TOPICS))})\.[a-z][a-z0-9_]*")


def codes_in_the_domain() -> Iterator[tuple[str, str]]:
    for module, node in nodes()[ast.Constant]:
        if starts_in(module, ("wording/",)):
            continue
        if isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value, module


def test_every_code_has_a_sentence() -> None:
    missing = {found for found in codes_in_the_domain() if found[0] not in SENTENCES}
    assert not missing


def test_every_sentence_is_used() -> None:
    used = {code for code, _ in codes_in_the_domain()}
    assert not SENTENCES.keys() - used


def test_a_stored_reason_is_read_back() -> None:
    reason = Reason("campaign.waits", {"until_at": "2026-11-19T08:00:00+00:00", "count": 3})
    assert Reason.unpack(reason.pack()) == reason


@pytest.mark.parametrize("text", ["The daily limit is used up.", "[1, 2]", '["one"]', "{}", "7"])
def test_text_from_versions_before_codes_is_shown_unchanged(text: str) -> None:
    reason = Reason.unpack(text)
    assert reason is not None
    assert Words().sentence(reason.code, reason.params) == text


def test_an_empty_value_is_no_reason() -> None:
    assert Reason.unpack("") is None


def test_numbers_and_times_are_formatted_for_the_locale() -> None:
    words = Words("en", ZoneInfo("Europe/Berlin"))
    assert words.sentence("legacy.text", {"text": 1776}) == "1,776"
    assert words._shown("until_at", "2026-11-19T08:00:00+00:00") == "19 Nov 2026, 09:00"
    assert Words("en", UTC)._shown("until_at", "2026-11-19T08:00:00+00:00") == "19 Nov 2026, 08:00"


def test_messages_with_two_forms_are_extracted_as_such() -> None:
    """Marked separately, they would be two messages, and `ngettext` would find neither."""
    pairs = {message.id for message in messages() if isinstance(message.id, tuple | list)}
    forms = {(found.one, found.many) for found in SENTENCES.values() if isinstance(found, Plural)}
    assert forms
    assert forms <= {tuple(pair) for pair in pairs}
