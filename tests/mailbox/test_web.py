"""The pages of the mailbox."""

from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.config import Settings
from campaigns.mailbox.store import Store
from campaigns.mailbox.writer import Captured, Writer
from tests.conftest import settings_for_tests
from tests.mailbox.mail import NOW, captured


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, mailbox_port=2525)


def capture(settings: Settings, *messages: Captured, **limits: int) -> None:
    with closing(Writer(settings.mailbox_path, **limits)) as writer:
        writer.append(messages)


def a_newsletter() -> Captured:
    message = EmailMessage()
    message["Subject"] = "<b>Offers</b> & more"
    message["From"] = "News <news@example.org>"
    message.set_content("The plain & simple text\n")
    message.add_alternative(
        "<script>alert(1)</script><a href='https://news.example.org/u/x'>Unsubscribe</a>",
        subtype="html",
    )
    message.add_attachment(b"<script>", maintype="text", subtype="html", filename='..\\evil".html')
    return captured(raw=message.as_bytes().replace(b"\n", b"\r\n"))


def test_an_empty_mailbox_says_how_to_fill_it(owner_client: FlaskClient) -> None:
    page = owner_client.get("/mailbox").text
    assert "No emails captured yet" in page
    assert "2525" in page
    assert "Empty mailbox" not in page


def test_the_list_shows_what_was_captured(owner_client: FlaskClient, settings: Settings) -> None:
    capture(settings, *(captured(number) for number in range(1, 121)), max_messages=100)
    page = owner_client.get("/mailbox").text
    assert "Captured 120, newest 98 kept" in page
    assert "u120@shop.example" in page
    assert "u71@shop.example" in page
    assert "u70@shop.example" not in page
    older = owner_client.get("/mailbox?before=71").text
    assert "u70@shop.example" in older
    assert "/mailbox?after=70" in older
    assert "u120@shop.example" in owner_client.get("/mailbox?after=70").text


def test_the_list_shows_domains_in_unicode(owner_client: FlaskClient, settings: Settings) -> None:
    capture(settings, captured(to="ann@xn--bcher-kva.example"))
    assert "ann@bücher.example" in owner_client.get("/mailbox").text


def test_the_list_can_be_searched(owner_client: FlaskClient, settings: Settings) -> None:
    capture(settings, *(captured(number) for number in range(1, 4)))
    page = owner_client.get("/mailbox?q=U2@").text
    assert "u2@shop.example" in page
    assert "u3@shop.example" not in page
    nothing = owner_client.get("/mailbox?q=<i>nobody").text
    assert "No emails match “&lt;i&gt;nobody”" in nothing


def test_the_list_refreshes_only_for_new_messages(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, captured(1))
    assert "stamp=1-1&amp;" in owner_client.get("/mailbox").text
    assert owner_client.get("/mailbox/list?stamp=1-1").status_code == 204
    capture(settings, captured(2))
    answer = owner_client.get("/mailbox/list?stamp=1-1&chosen=1")
    assert answer.status_code == 200
    assert "u2@shop.example" in answer.text
    assert answer.text.count('aria-current="true"') == 1
    assert "<html" not in answer.text


def test_a_message_is_shown_as_html_text_and_source(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, a_newsletter())
    page = owner_client.get("/mailbox/1").text
    assert "&lt;b&gt;Offers&lt;/b&gt; &amp; more" in page
    assert 'src="/mailbox/1/html"' in page
    assert "alert(1)" not in page
    assert "The plain &amp; simple text" in owner_client.get("/mailbox/1?view=text").text
    assert "Subject: &lt;b&gt;Offers" in owner_client.get("/mailbox/1?view=source").text


def test_the_html_runs_no_script_and_its_links_open_a_new_tab(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, a_newsletter())
    answer = owner_client.get("/mailbox/1/html")
    policy = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    sandbox = next(part for part in policy if part.startswith("sandbox"))
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert "allow-popups" in sandbox
    assert not any(part.startswith("script-src") for part in policy)
    assert '<base target="_blank">' in answer.text
    assert "https://news.example.org/u/x" in answer.text


def test_an_attachment_can_only_be_downloaded(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, a_newsletter())
    answer = owner_client.get("/mailbox/1/attachments/1")
    assert answer.data == b"<script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert ".." not in disposition
    assert owner_client.get("/mailbox/1/attachments/2").status_code == 404
    assert owner_client.get("/mailbox/1/attachments/0").status_code == 404


def test_the_source_can_be_downloaded_whole(owner_client: FlaskClient, settings: Settings) -> None:
    capture(settings, captured(1, size=400_000))
    page = owner_client.get("/mailbox/1?view=source").text
    assert "Only the first part of this large email is shown." in page
    assert len(page) < 300_000
    answer = owner_client.get("/mailbox/1/source")
    assert answer.data == Store(settings.mailbox_path).source(1)
    assert "message-1.eml" in answer.headers["Content-Disposition"]


def test_a_message_without_html_shows_its_text(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, Captured(NOW, "", ("a@shop.example",), b"Subject: x\r\n\r\nonly text\r\n"))
    assert "only text" in owner_client.get("/mailbox/1?view=html").text
    assert owner_client.get("/mailbox/1/html").status_code == 404


@pytest.mark.parametrize(
    "address",
    ["/mailbox/7", "/mailbox/7/html", "/mailbox/7/source", "/mailbox/7/attachments/1",
     "/mailbox/99999999999999999999999"],
)  # fmt: skip
def test_an_unknown_message_is_not_found(owner_client: FlaskClient, address: str) -> None:
    assert owner_client.get(address).status_code == 404


@pytest.mark.parametrize("place", ["before=x", "after=-1", "before=" + "9" * 30, "before=٣"])
def test_an_invalid_page_shows_the_newest(
    owner_client: FlaskClient, settings: Settings, place: str
) -> None:
    capture(settings, captured(1))
    assert "u1@shop.example" in owner_client.get(f"/mailbox?{place}").text


def test_emptying_asks_and_deletes_everything(
    owner_client: FlaskClient, settings: Settings
) -> None:
    capture(settings, captured(1))
    assert "data-confirm" in owner_client.get("/mailbox").text
    assert owner_client.get("/mailbox/empty").location == "/mailbox"
    answer = owner_client.post("/mailbox/empty", follow_redirects=True)
    assert "Mailbox emptied" in answer.text
    assert Store(settings.mailbox_path).totals().messages == 0


def test_a_damaged_file_is_explained(owner_client: FlaskClient, settings: Settings) -> None:
    settings.mailbox_path.write_bytes(b"no database " * 500)
    answer = owner_client.get("/mailbox")
    assert answer.status_code == 503
    assert "is damaged" in answer.text


def test_without_a_login_nothing_is_shown(client: FlaskClient, settings: Settings) -> None:
    capture(settings, a_newsletter())
    for address in ("/mailbox", "/mailbox/list", "/mailbox/1", "/mailbox/1/html",
                    "/mailbox/1/source", "/mailbox/1/attachments/1"):  # fmt: skip
        assert client.get(address).status_code == 302
    assert client.post("/mailbox/empty").status_code == 302
    assert Store(settings.mailbox_path).totals().messages == 1


class TestWithoutAMailbox:
    @pytest.fixture
    def settings(self, database_url: str, tmp_path: Path) -> Settings:
        return settings_for_tests(tmp_path, database_url=database_url)

    def test_there_is_no_page(self, app: Flask, owner_client: FlaskClient) -> None:
        for address in ("/mailbox", "/mailbox/list", "/mailbox/1", "/mailbox/1/html"):
            assert owner_client.get(address).status_code == 404
        assert owner_client.post("/mailbox/empty").status_code == 404
