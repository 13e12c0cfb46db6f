"""The data feed of a campaign: fetched within limits, kept, and the same for everyone."""

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign import drafts, feed, lifecycle, merge_tags
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.feed import FeedError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import check_content, compile_content
from campaigns.db import transaction
from campaigns.jobs import runtime, send
from campaigns.providers import outgoing
from campaigns.tokens import Signer
from tests.content.samples import a_recipient
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_sender, a_subscriber
from tests.readback import fresh_campaign
from tests.web.page_forms import inputs_of

NOW = utcnow()
SIGNER = Signer(["a key for tests only, long enough"])
DATA = {"title": "Sale", "items": [{"name": "Roast", "price": 12.5}, {"name": "Mug", "price": 9}]}


@dataclass
class Site:
    """An HTTPS server with one answer."""

    port: int = 0
    status: int = 200
    body: bytes = json.dumps(DATA).encode()
    content_type: str = "application/json; charset=utf-8"
    location: str = ""
    seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/feed?key=1"


@pytest.fixture
def site(server_tls: ssl.SSLContext, trusted: None) -> Iterator[Site]:
    with _serving(server_tls) as found:
        yield found


@contextmanager
def _serving(tls: ssl.SSLContext) -> Iterator[Site]:
    found = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(found.seconds)
            self.send_response(found.status)
            self.send_header("Content-Type", found.content_type)
            if found.location:
                self.send_header("Location", found.location)
            with suppress(OSError):
                self.end_headers()
            with suppress(OSError):  # nobody waits any longer
                self.wfile.write(found.body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def _fetch(site: Site) -> dict[str, Any]:
    return feed.fetch(site.url, known_hosts={"localhost"})


def _refusal(url: str, **known: Any) -> str:
    with pytest.raises(FeedError) as error:
        feed.fetch(url, **known)
    return in_english(error.value.reason)


def test_a_feed_is_fetched_and_a_list_becomes_items(site: Site) -> None:
    assert _fetch(site) == DATA
    site.body, site.content_type = b'["a\\u0000", "\\ud800"]', "application/feed+json"
    assert _fetch(site) == {"items": ["a", "?"]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": 404}, "The server answered with the status 404 instead of 200."),
        (
            {"status": 302, "location": "http://169.254.169.254/latest/meta-data/"},
            "The server redirects to another address. Enter that one instead.",
        ),
        (
            {"body": b'"' + b"x" * 300_000 + b'"'},
            "The feed is larger than 256 kB. Make it smaller.",
        ),
        (
            {"content_type": "text/html"},
            "The server says that the feed is text/html. It must be sent as application/json.",
        ),
        ({"body": b"<html>"}, "The server did not answer with JSON that can be used."),
        ({"body": b'{"a": NaN}'}, "The server did not answer with JSON that can be used."),
        ({"body": b'{"a": [-1e999]}'}, "The server did not answer with JSON that can be used."),
        ({"body": b"[" * 5000 + b"]" * 5000}, "The server did not answer with JSON"),
        ({"body": b"\xff\xfe"}, "The server did not answer with JSON that can be used."),
        ({"body": b"7"}, "The feed is a single value. It must be a JSON object or list."),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(
    site: Site, changes: dict[str, Any], sentence: str
) -> None:
    for name, value in changes.items():
        setattr(site, name, value)
    assert _refusal(site.url, known_hosts={"localhost"}).startswith(sentence)


def test_a_slow_server_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", 0.3)
    site.seconds = 2
    expected = "The server did not answer in time. Try again later."
    assert _refusal(site.url, known_hosts={"localhost"}) == expected


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://example.org/feed", "Enter an address that starts with https://."),
        ("https://169.254.169.254/latest", "This host has an address inside a private network."),
        ("https://localhost/feed", "This host has an address inside a private network."),
        ("https://[::1]/feed", "This host has an address inside a private network."),
        ("https://user:secret@example.org/", "Enter the address without a username"),
    ],
)
def test_an_address_inside_the_network_is_refused(url: str, sentence: str) -> None:
    assert _refusal(url).startswith(sentence)


def _campaign(
    url: str = "https://shop.example/feed", data: dict[str, Any] | None = None
) -> Campaign:
    source = "<p>{{ feed.title }}:{% for one in feed.items %} {{ one.name }}{% endfor %}</p>"
    with transaction():
        news = a_list()
        a_subscriber("ann@example.org", news)
        campaign = a_campaign(news, sender=a_sender(), subject="Now on sale", source=source)
        feed.save(campaign.id, url, data, now=NOW)
        return campaign


def test_content_shows_the_feed_and_knows_its_entries(app: Flask) -> None:
    campaign = _campaign(data=DATA)
    content = content_of(fresh_campaign(campaign), base_url="https://news.example.org")
    assert "<p>Sale: Roast Mug</p>" in compile_content(content, SIGNER).preview(a_recipient()).html
    tags = [tag for tag in merge_tags.merge_tags(campaign) if tag.group == "feed"]
    assert [(tag.tag, tag.kind) for tag in tags] == [("feed.title", "text")]


def test_an_entry_that_the_feed_does_not_have_is_a_problem(app: Flask) -> None:
    campaign = _campaign(data={"headline": "Sale"})
    content = content_of(fresh_campaign(campaign), base_url="https://news.example.org")
    said = [in_english(problem.reason) for problem in check_content(content, ())]
    assert next(("feed.title" in one, "feed.items" in one) for one in said) == (True, False)


def test_a_launch_is_refused_while_the_feed_cannot_be_fetched(
    app: Flask, owner_client: FlaskClient
) -> None:
    campaign = _campaign("https://localhost:1/feed", DATA)
    path = f"/campaigns/{campaign.public_id}/review"
    version = fresh_campaign(campaign).version
    answer = owner_client.post(path, data={"version": version, "when": "now"})
    assert answer.status_code == 422
    assert "The data feed could not be fetched. This host has an address inside" in answer.text
    assert fresh_campaign(campaign).status == "draft"


def test_a_copy_fetches_its_own_feed_when_sending_starts(app: Flask) -> None:
    campaign = _campaign("https://localhost:1/feed", DATA)
    with transaction():
        copy = drafts.duplicate(campaign.id, editor_id=None, now=NOW)
        copied = feed.of_campaign(copy.id)
        assert copied is not None
        assert (copied.url, copied.data) == ("https://localhost:1/feed", None)
        copy.status = "preparing"
    runtime.use(app)
    send.expand(copy.id)
    stopped = fresh_campaign(copy)
    assert stopped.status == "draft"
    assert "feed.not_fetched_because" in stopped.status_reason


def test_a_late_answer_does_not_change_what_was_launched(app: Flask) -> None:
    url = "https://shop.example/feed"
    campaign = _campaign(url, DATA)
    with transaction():
        assert feed.keep(campaign.id, url, {"title": "At the launch"}, status="draft", now=NOW)
        assert lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=NOW)
    with transaction():
        assert not feed.keep(campaign.id, url, {"title": "Later"}, status="draft", now=NOW)
    known = feed.of_campaign(campaign.id)
    assert known is not None
    assert known.data == {"title": "At the launch"}


def test_a_late_answer_does_not_undo_a_new_address(app: Flask) -> None:
    campaign = _campaign("https://shop.example/new", DATA)
    with transaction():
        old = "https://shop.example/old"
        assert not feed.keep(campaign.id, old, {"title": "Old"}, status="draft", now=NOW)
    known = feed.of_campaign(campaign.id)
    assert known is not None
    assert (known.url, known.data) == ("https://shop.example/new", DATA)


def test_the_page_says_why_a_feed_cannot_be_used_and_keeps_the_old_one(
    app: Flask, owner_client: FlaskClient
) -> None:
    campaign = _campaign(data=DATA)
    path = f"/campaigns/{campaign.public_id}/content/feed"
    page = owner_client.post(path, data={"address": "http://a.example/"}).text
    assert "Enter an address that starts with https://." in page
    known = feed.of_campaign(campaign.id)
    assert known is not None
    assert known.data == DATA
    assert "2 items" in owner_client.get(path).text
    owner_client.post(path, data={"address": ""})
    assert feed.of_campaign(campaign.id) is None


def test_a_late_answer_does_not_replace_what_another_window_saved(
    app: Flask, owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = _campaign(data=DATA)
    path = f"/campaigns/{campaign.public_id}/content/feed"
    form = inputs_of(owner_client.get(path).text, path)
    new, late = "https://shop.example/new", "https://shop.example/late"

    def fetch(url: str) -> dict[str, Any]:
        if url == late:
            monkeypatch.setattr(feed, "fetch", lambda url: {"title": url})
            assert owner_client.post(path, data={**form, "address": new}).status_code == 200
        return {"title": url}

    monkeypatch.setattr(feed, "fetch", fetch)
    answer = owner_client.post(path, data={**form, "address": late})
    assert answer.status_code == 409
    assert "Someone else changed this first." in answer.text
    again = inputs_of(answer.text, path)
    assert again["address"] == [late]
    known = feed.of_campaign(campaign.id)
    assert known is not None
    assert (known.url, known.data) == (new, {"title": new})
    assert owner_client.post(path, data=again).status_code == 200
    known = feed.of_campaign(campaign.id)
    assert known is not None
    assert known.url == late
