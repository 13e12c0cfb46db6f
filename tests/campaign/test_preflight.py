"""Preflight: problems that block a campaign, and warnings."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.campaign.drafts import audience_arithmetic
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import Check, preflight
from campaigns.content.library import starters
from campaigns.db import db, transaction
from campaigns.paths import resource_root
from campaigns.providers.domains import keys, records
from campaigns.providers.domains.records import Answer
from campaigns.providers.models import DkimKey, ProviderAccount, SenderAddress, SenderDomain
from campaigns.reason import Reason
from campaigns.secrets import Vault
from campaigns.tokens import Signer
from campaigns.web.words import check_lines
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber

SIGNER = Signer(["a-key-for-tests-only-that-is-long-enough"])
VAULT = Vault(["a-key-for-tests-only-that-is-long-enough"])
NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "subject": "What the tide brought in",
    "preheader": "Eleven new books and an evening by the water",
}


@pytest.fixture(autouse=True)
def _workspace(app: Flask) -> None:
    with transaction():
        save_workspace(name="Harbour Books", postal_address="12 Quay Street")
        keys.set_up("example.org", VAULT, now=NOW)
        keys.activate(db.session.scalars(sa.select(DkimKey)).one(), now=NOW)


def _found(campaign: Campaign, base_url: str = "https://news.example.org") -> list[Check]:
    """The checks with a problem or a warning."""
    return [row for row in _all_checks(campaign, base_url) if row.level != "ok"]


def _all_checks(campaign: Campaign, base_url: str = "https://news.example.org") -> list[Check]:
    arithmetic = audience_arithmetic(campaign.id, now=NOW)
    return preflight(campaign, arithmetic, base_url=base_url, signer=SIGNER, now=NOW)


def text_of(row: Check) -> str:
    """The text of the check on the page."""
    return "\n".join(check_lines(row))


def _ready(**values: Any) -> Campaign:
    """A campaign without problems, except for these values."""
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news, attributes={"city": "Kiel"})
        return a_campaign(news, sender=a_sender(), **{**GOOD, **values})


def test_all_checks_of_a_good_campaign_pass(app: Flask) -> None:
    campaign = _ready()
    assert _found(campaign) == []
    rows = preflight(
        campaign,
        audience_arithmetic(campaign.id, now=NOW),
        base_url="https://news.example.org",
        signer=SIGNER,
        now=NOW,
    )
    assert {row.level for row in rows} == {"ok"}
    assert text_of(rows[0]) == "1 recipient."


def test_a_campaign_to_an_archived_list_is_blocked(app: Flask) -> None:
    with transaction():
        old = a_list("Old news", archived_at=NOW)
        a_subscriber("alice@example.org", old)
        campaign = a_campaign(old, sender=a_sender(), **GOOD)
    (found,) = _found(campaign)
    assert (found.name, found.level) == ("audience", "problem")
    assert "“Old news” is archived" in text_of(found)


@pytest.mark.parametrize(
    ("values", "name", "blocks", "words"),
    [
        ({"subject": "  "}, "subject", True, "empty"),
        ({"subject": "News"}, "subject", False, "very short"),
        ({"subject": "n" * 79}, "subject", False, "79 characters"),
        ({"subject": "A test: please ignore this"}, "subject", False, "“test”"),
        ({"preheader": ""}, "preheader", False, "first words"),
        ({"source": " "}, "content", True, "no content"),
        ({"source": "<p>{{ foo }}</p>"}, "content", True, "Line 1: Unknown merge tag"),
        ({"source": "<p>\n{% if %}</p>"}, "content", True, "Line 2"),
        ({"source": "<p>{{ subscriber.shoe_size }}</p>"}, "content", False, "shoe_size"),
        ({"source": "<p>" + "word " * 19_000 + "</p>"}, "size", False, "close to the 102 kB"),
        ({"source": "<p>" + "word " * 22_000 + "</p>"}, "size", False, "cuts it off"),
        ({"source": "<a href='#'>a</a> <a href=''>b</a>"}, "links", False, "2 links lead nowhere"),
        ({"source": "<img src='https://e.example/a.png'>"}, "images", False, "1 image has no alt"),
        ({"subject": "What {{ foo }} brought in"}, "subject", True, "Unknown merge tag"),
    ],
)
def test_each_problem_is_one_row(
    app: Flask, values: dict[str, Any], name: str, blocks: bool, words: str
) -> None:
    rows = _found(_ready(**values))
    assert [(row.name, row.blocks) for row in rows] == [(name, blocks)]
    assert words in text_of(rows[0])
    assert rows[0].fix in {"message", "content"}


def test_a_campaign_needs_lists_a_sender_and_a_postal_address(app: Flask) -> None:
    with transaction():
        save_workspace(postal_address=" \n")
        campaign = a_campaign(**GOOD)
    rows = _found(campaign)
    assert {(row.name, row.fix) for row in rows if row.blocks} == {
        ("audience", "audience"),
        ("sender", "senders"),
        ("postal_address", "workspace"),
    }


def test_lists_without_subscribers_are_reported(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("gone@example.org", news, state="unsubscribed")
        campaign = a_campaign(news, sender=a_sender(), **GOOD)
    (row,) = _found(campaign)
    assert row.blocks
    assert "There are no recipients" in text_of(row)


def test_trouble_of_the_account_is_a_warning(app: Flask) -> None:
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news)
        sender = a_sender(provider=a_provider(trouble="It refused the password."))
        campaign = a_campaign(news, sender=sender, **GOOD)
    (row,) = _found(campaign)
    assert (row.blocks, row.fix) == (False, "senders")
    assert "is not working" in text_of(row)


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("http://127.0.0.1:8000", "Only this computer"),
        ("https://localhost", "Only this computer"),
        ("http://[::1]:8000", "Only this computer"),
        ("https://192.168.0.4", "Only your own network"),
        ("https://news.internal:8443", "Only your own network"),
        ("https://newsletter", "Only your own network"),
        ("http://news.example.org", "without encryption"),
    ],
)
def test_an_unsafe_public_url_is_a_warning(app: Flask, base_url: str, words: str) -> None:
    (row,) = _found(_ready(), base_url)
    assert not row.blocks
    assert words in text_of(row)


def _signature(campaign: Campaign) -> list[Check]:
    arithmetic = audience_arithmetic(campaign.id, now=NOW)
    url = "https://news.example.org"
    rows = preflight(campaign, arithmetic, base_url=url, signer=SIGNER, now=NOW)
    return [row for row in rows if row.name == "signature"]


def _from(address: str) -> None:
    with transaction():
        db.session.execute(sa.update(SenderAddress).values(address=address))


def test_g2_the_signing_domain_is_shown(app: Flask) -> None:
    (row,) = _signature(_ready())
    assert (row.level, row.fix) == ("ok", "")
    assert text_of(row) == "Signed with DKIM for example.org (selector s20300504)."


def test_g2_two_signatures_and_a_missing_record_are_shown(app: Flask) -> None:
    campaign = _ready()
    with transaction():
        domain = db.session.scalars(sa.select(SenderDomain)).one()
        key = keys.make_key(domain, "ed25519", "", VAULT, now=NOW)
        keys.activate(key, now=NOW)
    assert "(selectors s20300504, e20300504)." in text_of(_signature(campaign)[0])
    with transaction():
        records.note(domain, [Answer(key.id, "missing", Reason("domain.record_missing"))], now=NOW)
    (row,) = _signature(campaign)
    assert (row.level, row.fix) == ("warning", "domains")
    assert "not in DNS" in text_of(row)


def test_g2_unsigned_email_is_a_warning(app: Flask) -> None:
    campaign = _ready()
    _from("news@unsigned.example")
    (row,) = _signature(campaign)
    assert (row.level, row.fix) == ("warning", "domains")
    assert "unsigned.example is not signed" in text_of(row)


def test_services_that_sign_email_themselves_need_no_signature(app: Flask) -> None:
    campaign = _ready()
    _from("news@unsigned.example")
    with transaction():
        db.session.execute(sa.update(ProviderAccount).values(rewrites_return_path=True))
    (row,) = _signature(campaign)
    assert row.level == "ok"
    assert "Signed by “Test server”" in text_of(row)
    _from("me@gmail.com")
    assert _signature(campaign) == []


def test_dead_links_and_images_are_one_row_each_with_their_lines(app: Flask) -> None:
    html = (
        '<p>x</p>\n<a href="www.shop.com/sale">Sale</a>\n<a href="hhtps://shop.com">Typo</a>\n'
        '<img src="images/logo.png" alt="Logo">'
    )
    links, images = _found(_ready(source=html))
    assert (links.name, links.level, images.name, images.level) == (
        "links",
        "warning",
        "images",
        "warning",
    )
    for words in ("2 links lead nowhere.", "Line 2: “Sale", "Line 3: “Typo"):
        assert words in text_of(links)
    assert "Line 4: “images/logo.png”" in text_of(images)


def test_foreign_merge_tags_and_dead_unsubscribe_links_are_reported(app: Flask) -> None:
    html = '<p>Dear *|FNAME|*,</p>\n<p><a href="*|UNSUB|*">unsubscribe</a></p>'
    rows = {row.name: row for row in _found(_ready(source=html))}
    assert "“*|FNAME|*” is a merge tag of another program" in text_of(rows["merge_tags"])
    assert "{{ subscriber.first_name }}" in text_of(rows["merge_tags"])
    assert rows["links"].blocks
    assert "Use {{ unsubscribe_url }}." in text_of(rows["links"])


STARTERS = resource_root() / "templates/newsletter"


def test_an_unchanged_starter_design_is_reported(app: Flask) -> None:
    html = (STARTERS / "letter.html").read_text("utf-8")
    rows = {row.name: row for row in _found(_ready(source=html))}
    assert rows.keys() == {"starter_text", "placeholders"}
    assert "Line 36: “A headline that says what is new”" in text_of(rows["starter_text"])
    assert "https://www.example.org/" in text_of(rows["placeholders"])
    assert not any(row.blocks for row in rows.values())


def test_an_unchanged_starter_design_of_blocks_is_reported_without_its_footer(app: Flask) -> None:
    letter = starters.find("letter")
    assert letter is not None
    rows = {row.name: row for row in _found(_ready(content_kind="blocks", source=letter.document))}
    assert "I want to tell you about one thing today" in text_of(rows["starter_text"])
    assert "You are receiving this email" not in text_of(rows["starter_text"])


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        ("Say in two sentences why this matters to the people who read you, and why now.", 2),
        ("Hello.\n<b>Quote somebody, thank them, and say what you changed because of it.</b>", 3),
        ("I wrote this. Two or three lines are\n enough. And this.", 2),
        ("{{ subscriber.name }}: a date, a place. What comes up\nnext month", 2),
    ],
)
def test_one_remaining_sentence_of_a_starter_design_is_reported(
    app: Flask, kept: str, line: int
) -> None:
    (row,) = _found(_ready(source=f"<h1>Ours</h1>\n<p>{kept}</p>"))
    assert (row.name, row.level) == ("starter_text", "warning")
    assert text_of(row).startswith(f"Line {line}: “")
    assert "Replace it with your own words." in text_of(row)


def test_labels_and_buttons_of_a_starter_design_may_remain(app: Flask) -> None:
    html = (
        '<p>Behind the scenes</p><p>From our readers</p><a href="https://e.com">Read more →</a>'
        '<a href="https://e.com">Read the whole story</a><p>Warm regards</p>'
    )
    assert _found(_ready(source=html)) == []


def test_other_problems_are_reported_beside_an_invalid_template(app: Flask) -> None:
    html = (
        "<p>{{#if first_name}}Dear [[first_name]]{{/if}}</p>\n<p>Lorem ipsum</p>\n"
        '<a href="#">Sale</a>\n<a href="https://example.com">Shop</a>\n<img src="a.png" alt="A">'
    )
    rows = {row.name: row for row in _found(_ready(source=html))}
    assert rows.keys() == {
        "content", "merge_tags", "starter_text", "links", "placeholders", "images",
    }  # fmt: skip
    assert rows["content"].blocks
    assert "Line 1: “{{#if first_name}}” is a merge tag" in text_of(rows["merge_tags"])
    assert "Line 3: “Sale” has no target" in text_of(rows["links"])
    assert "Line 5: “a.png”" in text_of(rows["images"])


@pytest.mark.parametrize("field", ["subject", "preheader"])
def test_problems_in_subject_and_preheader_link_to_their_fields(app: Flask, field: str) -> None:
    (row,) = _found(_ready(**{field: "Good morning, %recipient.name%"}))
    assert (row.name, row.level, row.fix) == ("merge_tags", "warning", "message")
    assert text_of(row).startswith(f"{field.capitalize()}: “%recipient.name%”")


@pytest.mark.parametrize(
    ("subject", "level", "text"),
    [
        ("{{ subscriber.name or 'Hello' }}, winter is here", "ok", "“Hello, winter is here”"),
        ("{% if subscriber.name == 'x' %}For one person alone{% endif %}Short", "warning", "5"),
    ],
)
def test_the_subject_is_checked_as_a_recipient_sees_it(
    app: Flask, subject: str, level: str, text: str
) -> None:
    (row,) = [row for row in _all_checks(_ready(subject=subject)) if row.name == "subject"]
    assert row.level == level
    assert text in text_of(row)


def test_every_problem_is_counted(app: Flask) -> None:
    mistakes = "\n".join(f"<p>{{{{ wrong{number} }}}}</p>" for number in range(15))
    (row,) = _found(_ready(source=f"<body>{mistakes}</body>"))
    assert (row.name, row.level, row.fix) == ("content", "problem", "content")
    lines = text_of(row).splitlines()
    assert lines[0].startswith("Line 1: Unknown merge tag {{ wrong0 }}.")
    assert "Available: campaign.subject" in lines[0]
    assert lines[1] == "Line 2: Unknown merge tag {{ wrong1 }}.", "the long list is given once"
    assert lines[-1] == f"And {15 - len(lines) + 1} more."


def test_no_number_is_shown_if_checking_stopped_early(app: Flask) -> None:
    (row,) = _found(_ready(source="<p>{{ wrong }}</p>\n" * 30))
    assert text_of(row).splitlines()[-1] == "And more."


def test_merge_tags_are_reported_beside_content_problems(app: Flask) -> None:
    found = _found(
        _ready(subject="News for *|FNAME|* and all", source="<p>Hi %%name%% {{ wrong }}</p>")
    )
    assert [row.name for row in found] == ["content", "merge_tags"]
    first, second = text_of(found[1]).splitlines()
    assert first.startswith("Subject: “*|FNAME|*” is a merge tag of another program.")
    assert second.startswith("Line 1: “%%name%%”")


def test_a_dead_unsubscribe_link_blocks_after_any_number_of_warnings(app: Flask) -> None:
    dead = "<a href='https://'>More</a>\n" * 60
    found = _found(_ready(source=f"<body>{dead}<a href='#'>Unsubscribe</a></body>"))
    (row,) = [row for row in found if row.name == "links"]
    assert row.level == "problem"
    assert text_of(row).splitlines()[0] == "61 links lead nowhere."
    assert "“Unsubscribe” leads nowhere" in text_of(row)
