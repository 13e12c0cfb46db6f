"""Custom fields in emails: shown in the language of the campaign, used as they are."""

from typing import Any

import pytest
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.campaign import drafts, expand_content
from campaigns.campaign.merge_fields import FieldText
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import people, preflight
from campaigns.clock import utcnow
from campaigns.content.mime.compile import Content, check_content, compile_content
from campaigns.content.sources.source import ContentSource
from campaigns.db import db, new_public_id, transaction
from campaigns.messages import Recipient
from campaigns.tokens import Signer
from campaigns.wording import Words
from tests.english import in_english
from tests.factories import a_campaign, a_field, a_list, a_sender, a_subscriber

NOW = utcnow()
SIGNER = Signer(["a key for tests only, long enough"])
ANN = {
    "born": "1980-05-31",
    "amount": 1234.5,
    "topics": ["vip", "blog"],
    "member": True,
    "plan": "pro",
    "land": "DE",
}


@pytest.fixture(autouse=True)
def fields(app: Flask) -> None:
    with transaction():
        a_field("Born", "date")
        a_field("Amount", "number")
        a_field("Topics", "choices", options=[("", "VIP"), ("", "Blog")])
        a_field("Member", "boolean")
        a_field("Plan", "choice", options=[("", "Pro")])
        a_field("Land", "country")
        a_field("City", fallback="your town")
        a_field("Unused", "date")


def content(html: str, language: str = "en") -> Content:
    with transaction():
        news = a_list(new_public_id(), language=language)
        campaign = a_campaign(news, source=html)
    return expand_content.content_of(campaign, base_url="https://news.example.org")


def rendered(template: str, language: str = "en", attributes: dict[str, Any] = ANN) -> str:
    compiled = compile_content(content(f"<p>|{template}|</p>", language), SIGNER)
    return compiled.preview(Recipient(0, 0, 0, "a@b.example", attributes=attributes)).html.split(
        "|"
    )[1]


@pytest.mark.parametrize(
    ("template", "english", "german"),
    [
        ("{{ subscriber.born }}", "31 May 1980", "31. Mai 1980"),
        ("{{ subscriber['born'] }}", "31 May 1980", "31. Mai 1980"),
        ("{{ subscriber.attributes.born }}", "31 May 1980", "31. Mai 1980"),
        ('{{ subscriber.born|date("%Y") }}', "1980", "1980"),
        ("{{ subscriber.amount }}", "1,234.5", "1.234,5"),
        ("{{ subscriber.amount * 2 + 1 }}", "2,470", "2.470"),
        ("{{ subscriber.amount|round }}", "1234", "1234"),
        ("{{ subscriber.topics }}", "VIP and Blog", "VIP und Blog"),
        ("{{ subscriber.topics|join('/') }}", "VIP/Blog", "VIP/Blog"),
        ("{% for x in subscriber.topics %}({{ x }}){% endfor %}", "(VIP)(Blog)", "(VIP)(Blog)"),
        ("{{ subscriber.member }}", "Yes", "Yes"),
        ("{{ subscriber.plan|upper }}", "PRO", "PRO"),
        ("{{ subscriber.land }}", "Germany", "Deutschland"),
        ("{{ subscriber.city }}", "your town", "your town"),
        ("{{ subscriber.city or 'x' }}", "x", "x"),
        ("{{ subscriber.city|default('x') }}", "x", "x"),
        ("{% set c = subscriber.land %}{{ c ~ '!' }}", "Germany!", "Deutschland!"),
    ],
)
def test_a_value_is_shown_in_the_language_of_the_campaign(
    template: str, english: str, german: str
) -> None:
    assert rendered(template) == english
    assert rendered(template, "de") == german


@pytest.mark.parametrize(
    "condition",
    [
        'subscriber.plan == "pro"',
        'subscriber.born < "1990-01-01"',
        "subscriber.amount > 1000",
        '"vip" in subscriber.topics',
        "subscriber.member",
        "subscriber.member is true",
        "subscriber.member == true",
        "subscriber.amount is number",
        "not (subscriber.member is number)",
        "not subscriber.city",
        "subscriber.city is undefined",
    ],
)
def test_conditions_use_the_stored_value(condition: str) -> None:
    assert rendered(f"{{% if {condition} %}}yes{{% endif %}}") == "yes"


def test_links_use_the_stored_value() -> None:
    link = '<a href="https://x.example/?d={{ subscriber.born }}&t={{ subscriber.topics }}">x</a>'
    assert "?d=1980-05-31&amp;t=vip%2Cblog" in rendered(link)


def test_values_are_escaped() -> None:
    assert rendered("{{ subscriber.city }}", attributes={"city": "<b>"}) == "&lt;b&gt;"


def test_a_value_that_is_not_converted_yet_is_shown_as_it_is() -> None:
    assert rendered("{{ subscriber.born }}", attributes={"born": "n/a"}) == "n/a"


def test_only_fields_that_the_content_shows_are_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    formatted: list[str] = []

    def noted(self: FieldText, value: Any) -> str:
        formatted.append(self.definition.key)
        return ""

    monkeypatch.setattr(FieldText, "__call__", noted)
    rendered("{{ subscriber.born }}", attributes={**ANN, "unused": "1980-05-31"})
    assert set(formatted) == {"born"}


def test_a_text_is_formatted_once() -> None:
    text = FieldText(content("x").fields[0].show.definition, "en")  # type: ignore[attr-defined]
    assert text("1980-05-31") is text("1980-05-31")


def test_equal_fields_make_equal_contents() -> None:
    """Otherwise the engine would compile the campaign again for every batch."""
    with transaction():
        campaign = a_campaign(a_list(), source="x")
    found = [expand_content.content_of(campaign, base_url="https://a.example") for _ in range(2)]
    assert found[0] == found[1]


def test_first_and_last_name_are_merge_fields() -> None:
    html = "<p>|{{ subscriber.first_name }} {{ subscriber.last_name }}|</p>"
    compiled = compile_content(content(html), SIGNER)
    ann = Recipient(0, 0, 0, "a@b.example", first_name="Ann", last_name="Lee")
    assert "|Ann Lee|" in compiled.preview(ann).html
    assert check_content(content(html), []) == []


# --- Before sending

LOOP = "<p>Hi</p><ul>{% for x in subscriber.tags %}<li>{{ x }}</li>{% endfor %}</ul>"


def a_draft(html: str, *attributes: dict[str, Any]) -> tuple[Campaign, list[Subscriber]]:
    with transaction():
        news = a_list()
        persons = [
            a_subscriber(f"l{number}@loop.example", news, attributes=one)
            for number, one in enumerate(attributes)
        ]
        return a_campaign(news, source=html, sender=a_sender(), subject="Long enough"), persons


def said(campaign: Campaign) -> list[str]:
    """What the check of recipients' values says."""
    source = expand_content.content_of(campaign, base_url="https://news.example.org")
    return [
        " ".join([one.level, in_english(one.reason), *(in_english(p.reason) for p in one.problems)])
        for one in people.check(campaign, source, SIGNER, now=NOW)
    ]


def test_a_loop_over_text_is_reported_before_sending() -> None:
    campaign, _ = a_draft(LOOP, {"tags": "VIP, Blog"}, {}, {"tags": "Blog"})
    (found,) = said(campaign)
    assert (
        "warning 2 of 3 recipients cannot get this email, because their values do not fit." in found
    )


def test_arithmetic_with_text_is_reported_before_sending() -> None:
    campaign, _ = a_draft(
        "<p>{{ subscriber.sum * 2 }}</p>", {"sum": "1,50"}, {"sum": "n/a"}, {"sum": "12"}
    )
    (found,) = said(campaign)
    assert "warning 2 of 3 recipients" in found
    assert "number" in found


def test_content_that_nobody_can_get_prevents_the_launch() -> None:
    campaign, _ = a_draft(LOOP, {"tags": "VIP"})
    arithmetic = drafts.audience_arithmetic(campaign.id, now=NOW)
    base_url = "https://news.example.org"
    rows = preflight(campaign, arithmetic, base_url=base_url, signer=SIGNER, now=NOW)
    (found,) = [row for row in rows if row.name == "recipients"]
    assert found.blocks
    assert Words().of(found.title) == "Recipients’ values"


def test_fields_can_be_looped_over_and_calculated_with() -> None:
    html = "{% for x in subscriber.topics %}{{ x }}{% endfor %}{{ subscriber.amount * 2 }}"
    campaign, _ = a_draft(f"<p>{html}</p>", {"topics": ["vip"], "amount": 1.5}, {})
    assert said(campaign) == []


def test_a_large_audience_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "SAMPLE_PEOPLE", 2)
    campaign, _ = a_draft(LOOP, {"tags": "VIP"}, {}, {"tags": "Blog"})
    (found,) = said(campaign)
    assert "1 of the 2 recipients checked cannot get this email" in found


def test_content_without_loops_reads_no_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, _ = a_draft("<p>{{ subscriber.tags }}</p>", {"tags": "VIP"})
    monkeypatch.setattr(db.session, "scalars", None)
    assert people.check(campaign, content_without_database(), SIGNER, now=NOW) == []


def content_without_database() -> Content:
    return Content(
        "Subject", "", "", "", "", "", "", "x", "https://news.example.org", {}, False, False, False,
        source=ContentSource("html", "<p>{{ subscriber.tags }}</p>"),
    )  # fmt: skip
