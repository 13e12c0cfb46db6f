"""In another language no English is left on any page or in any email."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, template_rendered
from flask.testing import FlaskClient

from campaigns import formatting
from campaigns.audience.mailbox_providers import NAMES
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.providers import health
from campaigns.providers.presets import PRESETS
from campaigns.reason import Reason
from campaigns.transactional import alerts
from campaigns.transactional.branded import EmailWording, dress, dressed
from campaigns.transactional.models import TransactionalEmail
from campaigns.transactional.plain_mail import words
from campaigns.wording import Words, catalog
from tests.conftest import Database, settings_for_tests
from tests.factories import a_campaign, a_provider, a_sender
from tests.pseudo_locale import LOCALE, english_left, pseudo, speak_pseudo
from tests.web.test_methods import populate, routes
from tests.web.visits import visit


@pytest.fixture
def database_url(databases: dict[str, Database]) -> str:
    """SQLite only, because nothing here depends on the database."""
    databases["sqlite"].empty()
    return databases["sqlite"].url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, mailbox_port=2525)


@pytest.fixture
def pseudo_client(
    app: Flask, owner_client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    """The owner's browser, in the language for tests."""
    speak_pseudo(app, tmp_path / "translations", monkeypatch)
    yield owner_client
    catalog.catalog.cache_clear()


LEAVE = {"action": "leave"}
DATA = {
    "Brand", "https://www.example.com/logo.png", "https://www.example.com/", "hello@example.com",
    "Facebook", "Instagram", "LinkedIn", "Mastodon", "Bluesky", "X", "YouTube", "TikTok", "Threads",
    "Pinterest", "GitHub", "https://",
    "Campaigns", "alice@example.org", "owner@example.org", "pending@example.org",
    "gone@example.org", "news@example.org", "example.org", "Test server", "RSA 2048", "Ed25519",
    "IMAP", "POP3", "imap.example.org", "STARTTLS", "TLS", "OAuth 2", "news.example.org",
    "smtp.example.org",
    "https://login.example.org/token", "-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----",
    "Friends", "VIP", "City", "Hello {{ subscriber.name or 'friend' }}",
    "Hello friend", "Morning letter", "Example News", "News", "Newsletter", "a.csv", "UTC",
    "Monthly news", "pier.png", "PNG", "PNG · 9 × 9", "opening_hours", "US$1,234.50",
    "Offer", "Promo",
    "u1@shop.example", "<b>Offers</b> & more", "bounce@", "text/html", "evil_.html", "HTML",
    *filter(None, NAMES.values()),
    *(preset.name for preset in PRESETS if isinstance(preset.name, str)),
    "English", "English (United Kingdom)", "Portuguese (Brazil)",
    *formatting.languages("en").values(),
}  # fmt: skip


def test_no_page_shows_english(app: Flask, pseudo_client: FlaskClient) -> None:
    seen: list[str] = []

    def note(_: Flask, template: object, context: object) -> None:
        seen.append(str(getattr(template, "name", "")))

    left = {}
    done = 0
    with template_rendered.connected_to(note, app):
        for _, path, methods in routes(app, populate()):
            seen.clear()
            if "GET" not in methods:
                continue
            answer = pseudo_client.get(path)
            if answer.mimetype != "text/html" or not seen:
                continue
            done += 1
            if found := english_left(answer.text, DATA):
                left[path] = found
    assert left == {}, left
    assert done > 50


@pytest.mark.parametrize("path", ["/login", "/forgot", "/forgot/sent", "/reset/x", "/nothing"])
def test_no_page_before_the_login_shows_english(
    app: Flask, pseudo_client: FlaskClient, path: str
) -> None:
    page = visit(app.test_client(), path).text
    assert english_left(page, DATA) == []
    assert 'lang="en-GB"' in page


def test_the_first_visit_shows_no_english(
    app: Flask, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_pseudo(app, tmp_path / "translations", monkeypatch)
    page = visit(client, "/welcome", "POST", data={"address": "x"})
    assert page.status_code == 403
    assert english_left(page.text, DATA) == []


def test_no_page_for_recipients_shows_english(app: Flask, pseudo_client: FlaskClient) -> None:
    stranger = app.test_client()
    paths = [
        path
        for view, path, methods in routes(app, populate())
        if view.startswith("public_") and "GET" in methods and "view" not in view
    ]
    for path in [*paths, "/u/nonsense", "/s/nonsense"]:
        for answer in (visit(stranger, path), visit(stranger, path, "POST", data=LEAVE)):
            if answer.mimetype == "text/html" and answer.status_code != 405:
                assert english_left(answer.text, DATA) == [], path


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "confirm",
            {
                "list_name": "News",
                "workspace_name": "Example",
                "postal_address": "12 Quay",
                "link": "http://x/",
                "days": 7,
            },
        ),
        ("welcome", {"list_name": "News"}),
        ("password_reset", {"link": "http://x/", "good_for": "30"}),
        ("password_changed", {"link": "http://x/"}),
    ],
)
def test_no_system_email_shows_english(
    pseudo_client: FlaskClient, name: str, values: dict[str, object]
) -> None:
    written = words(name, values, locale=LOCALE)
    wording = EmailWording(written.subject, written.text)
    said = dressed(wording, {}, dress("Example", base_url="", language=LOCALE))
    data = {"News", "Example", "Quay", "http://x/"}
    assert english_left(said.html, data) == []
    assert english_left(f"<p>{said.subject}</p><p>{said.text}</p>", data) == []
    assert words(name, values).text != said.text, "others get English"


def test_no_alert_shows_english(
    pseudo_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users have no language yet, so their emails may be in any."""
    monkeypatch.setattr(alerts, "_words", lambda: Words(LOCALE))
    now = utcnow()
    with transaction():
        broken = a_provider("Broken")
        a_sender("other@example.org", a_provider("Working"))
        why = Reason("canary.refusals_above", {"whom": "Gmail", "count": 50, "share_percent": 20.0,
                                               "limit_percent": 10.0})  # fmt: skip
        stopped = Reason("canary.stopped", {"why": why})
        campaign = a_campaign(name="", subject="", canary_words=stopped.pack())
        health.note_trouble(broken.id, Reason("connection.no_answer", {"where": "x"}), now=now)
        alerts.alert_owners(broken.id, now=now, is_permanent=True)
        alerts.alert_about_canary(campaign, report_url="https://n.example/", now=now)
        alerts.alert_about_restore([campaign.id] * 30, 3, base_url="https://n.example", now=now)
    written = db.session.scalars(sa.select(TransactionalEmail.payload)).all()
    assert len(written) == 3
    data = {"Broken", "Gmail", "https://n.example/"}
    for payload in written:
        text = f"<p>{payload['subject']}</p><p>{payload['text']}</p>"
        assert english_left(text, data) == [], payload


def test_untranslated_text_is_found() -> None:
    page = '<p title="Bare">[Hélló, <b>Ann</b>, [twice ·] ·]</p><p>9 Sept 2026 Ann</p>'
    assert english_left(page, {"Ann"}) == ["Bare"]
    assert english_left("<p>[Hélló ··] left</p><p>12 minutes ago</p>", set()) == ["left"]


def test_a_message_keeps_its_parameters_and_grows() -> None:
    text = "Send to <b>%(count)s recipients</b>"
    assert pseudo(text).startswith("[Šéñd tó <b>%(count)s řéçípíéñtš</b> ·")
    assert len(pseudo(text)) >= 1.4 * len(text)
