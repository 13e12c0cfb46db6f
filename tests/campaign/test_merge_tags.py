"""The list of merge tags, and what a subscriber would see for each."""

from typing import Any

import pytest
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.campaign import merge_tags
from campaigns.campaign.models import Campaign
from campaigns.content.mime.compile import check_content
from campaigns.content.templating.problems import Problem
from campaigns.db import transaction
from campaigns.tokens import Signer
from campaigns.web.personal import merge_tag_words
from tests.content.samples import a_content
from tests.factories import a_campaign, a_field, a_list, a_sender, a_subscriber

pytestmark = pytest.mark.usefixtures("app")
SIGNER = Signer(["a key for tests only, long enough"])


def _person(**attributes: Any) -> Subscriber:
    return a_subscriber("ann@example.org", name="Ann Hart", first_name="Ann", attributes=attributes)


def _examples(campaign: Campaign | None, person: Subscriber) -> dict[str, str]:
    tags = merge_tags.merge_tags(campaign)
    url = "https://news.example.org"
    return merge_tags.examples(tags, campaign, person, base_url=url, signer=SIGNER)


def test_fields_come_by_their_label_and_other_attributes_by_their_name() -> None:
    with transaction():
        a_field("Born", "date")
        a_field("Amount", "number")
        _person(born="1980-05-31", shoe_size="38", **{"not a name": "x"})
    own = [tag for tag in merge_tags.merge_tags(None) if tag.group == "fields"]
    assert [(tag.tag, tag.label, tag.kind) for tag in own] == [
        ("subscriber.born", "Born", "date"),
        ("subscriber.amount", "Amount", "number"),
        ("subscriber.shoe_size", "shoe_size", "text"),
    ]


def test_every_tag_of_the_list_passes_the_checker() -> None:
    assert _problems(" ".join(f"{{{{ {tag.tag} }}}}" for tag in merge_tags.BUILT_IN)) == []


def _problems(html: str) -> list[Problem]:
    return check_content(a_content(f"<p>{html}</p>"), ())


def test_every_built_in_tag_has_a_name() -> None:
    assert {tag.tag for tag in merge_tags.BUILT_IN} == merge_tag_words.LABELS.keys()


def test_examples_are_what_would_be_sent_to_the_subscriber(app: Flask) -> None:
    with transaction():
        a_field("Born", "date")
        news = a_list("Harbour news", language="de")
        person = _person(born="1980-05-31")
        campaign = a_campaign(news, sender=a_sender(), subject="For {{ subscriber.first_name }}")
    shown = _examples(campaign, person)
    assert shown["subscriber.born"] == "31. Mai 1980"
    assert shown["campaign.subject"] == "For Ann"
    assert shown["list.name"] == "Harbour news"
    assert shown["subscriber.address"] == "ann@example.org"
    assert "subscriber.last_name" not in shown


def test_examples_survive_content_that_cannot_be_used() -> None:
    with transaction():
        person = _person()
        campaign = a_campaign(a_list(), subject="{% if %}", source="{% for %}")
    assert _examples(campaign, person)["subscriber.first_name"] == "Ann"


def test_a_template_has_examples_without_a_campaign() -> None:
    with transaction():
        person = _person()
    assert _examples(None, person)["subscriber.name"] == "Ann Hart"
