"""The wording of a list's own emails: the usual one, or what was saved and can be reset."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from campaigns.audience.models import AudienceList
from campaigns.db import transaction
from campaigns.inputs import InvalidInputError
from campaigns.transactional import list_emails
from campaigns.transactional.list_emails import ListEmailConflictError, ListEmailInput
from tests.factories import a_list

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OWN = ListEmailInput(subject="One more step", text="Click:\n\n{{ confirm_url }}", button="Yes")


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        return a_list()


def code(typed: ListEmailInput, kind: list_emails.ListEmailKind = "confirm") -> dict[str, str]:
    with pytest.raises(InvalidInputError) as refused:
        list_emails.checked_wording(kind, typed)
    return {
        name: one if isinstance(one, str) else one.code
        for name, one in refused.value.problems.items()
    }


def test_a_list_has_the_usual_wording_until_it_has_its_own(news: AudienceList) -> None:
    usual = list_emails.wording_of(news, "confirm", days=7)
    assert usual.subject == "Confirm your subscription to {{ list.name }}"
    assert "\n\n{{ confirm_url }}\n\n" in usual.text
    with transaction():
        list_emails.save(news.id, "confirm", OWN, seen="", now=NOW)
    own = list_emails.wording_of(news, "confirm", days=7)
    assert (own.subject, own.text, own.button) == (OWN.subject, OWN.text, OWN.button)
    with transaction():
        list_emails.reset(news.id, "confirm")
    assert list_emails.wording_of(news, "confirm", days=7) == usual


def test_a_welcome_is_sent_only_while_it_is_turned_on(news: AudienceList) -> None:
    assert not list_emails.sends_welcome(news.id)
    wording = list_emails.wording_of(news, "welcome", days=7)
    typed = ListEmailInput(subject=wording.subject, text=wording.text, is_on=True)
    with transaction():
        list_emails.save(news.id, "welcome", typed, seen="", now=NOW)
    assert list_emails.sends_welcome(news.id)
    off = typed.model_copy(update={"is_on": False})
    with transaction():
        found = list_emails.of_list(news.id)["welcome"]
        seen = list_emails.seen_of(found)
        list_emails.save(news.id, "welcome", off, seen=seen, now=NOW + timedelta(seconds=1))
    assert not list_emails.sends_welcome(news.id)


def test_a_save_over_someone_elses_is_refused(news: AudienceList) -> None:
    with transaction():
        list_emails.save(news.id, "confirm", OWN, seen="", now=NOW)
    for seen in ("", "yesterday", (NOW - timedelta(days=1)).isoformat()):
        with pytest.raises(ListEmailConflictError), transaction():
            list_emails.save(news.id, "confirm", OWN, seen=seen, now=NOW)


def test_the_confirmation_link_cannot_be_left_out() -> None:
    without = OWN.model_copy(update={"text": "Click here!"})
    assert code(without) == {"text": "list_email.without_link"}
    assert code(OWN.model_copy(update={"button": " "})) == {"button": "list_email.without_button"}


def test_a_confirmation_cannot_show_what_a_visitor_typed() -> None:
    hostile = OWN.model_copy(update={"text": "{{ subscriber.name }} {{ confirm_url }}"})
    assert code(hostile) == {"text": "list_email.unknown_tag"}
    subject = OWN.model_copy(update={"subject": "{{ subscriber.first_name }}"})
    assert code(subject) == {"subject": "list_email.unknown_tag"}


def test_every_problem_is_named_at_once() -> None:
    assert code(ListEmailInput(subject="\x00", text="x" * 5001, button="{{ list.name }}")) == {
        "subject": "list_email.empty",
        "text": "list_email.too_long",
        "button": "list_email.unknown_tag",
    }
    assert code(ListEmailInput(), "welcome").keys() == {"subject", "text"}
