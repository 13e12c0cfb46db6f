"""Opens and clicks: answered immediately, refused if forged, recorded wherever possible."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from campaigns.app import create_app
from campaigns.campaign.models import Delivery
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.jobs import stream
from campaigns.tokens import Signer, b64encode, click_path, open_token
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

TARGET = "https://shop.example/news?a=1&b=%20x#part"
SIGNER = Signer([SECRET_KEY])


@pytest.fixture
def delivery(app: Flask) -> Delivery:
    with transaction():
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        return a_delivery(a_campaign(news), alice, status="sent", list_id=news.id)


def events() -> list[tuple[str, int | None, str]]:
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Event.kind, Event.link_number, Event.user_agent).order_by(Event.id)
    )
    return [(row.kind, row.link_number, row.user_agent) for row in rows]


def test_an_open_gets_a_tiny_uncached_image(client: FlaskClient, delivery: Delivery) -> None:
    path = f"/o/{open_token(SIGNER, delivery.id)}.gif"
    answer = client.get(path, headers={"User-Agent": "Mail/1.0"})
    assert (answer.status_code, answer.mimetype, len(answer.data)) == (200, "image/gif", 43)
    assert answer.data.startswith(b"GIF89a")
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert events() == [("opened", None, "Mail/1.0")]  # without Redis, straight to the database


def test_an_invalid_pixel_link_still_gets_an_image(client: FlaskClient, delivery: Delivery) -> None:
    for token in ("x", open_token(SIGNER, delivery.id)[:-1], open_token(SIGNER, 0)):
        answer = client.get(f"/o/{token}.gif")
        assert (answer.status_code, answer.mimetype) == (200, "image/gif")
    assert events() == []


def test_a_click_redirects_to_its_exact_target(client: FlaskClient, delivery: Delivery) -> None:
    answer = client.get("/c/" + click_path(SIGNER, delivery.id, 2, TARGET))
    assert answer.status_code == 302
    assert answer.headers["Location"] == TARGET
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert [event[:2] for event in events()] == [("clicked", 2)]


def test_head_is_answered_but_not_counted(client: FlaskClient, delivery: Delivery) -> None:
    assert client.head(f"/o/{open_token(SIGNER, delivery.id)}.gif").status_code == 200
    answer = client.head("/c/" + click_path(SIGNER, delivery.id, 1, TARGET))
    assert (answer.status_code, answer.headers["Location"]) == (302, TARGET)
    assert events() == []


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "https://shop.example@evil.example/",
        "\\\\evil.example",
        "",
    ],
)
def test_a_link_cannot_be_changed_to_another_target(
    client: FlaskClient, delivery: Delivery, target: str
) -> None:
    token, _ = click_path(SIGNER, delivery.id, 1, TARGET).split("/")
    for path in (f"/c/{token}/{b64encode(target.encode())}", f"/c/{token}/{target}"):
        answer = client.get(path)
        assert answer.status_code in {404, 308}
        assert "evil" not in answer.headers.get("Location", "")
    assert events() == []


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "https://a.example/\r\nX: y", "ftp://a"]
)
def test_only_web_urls_are_redirected_to_even_if_signed(
    client: FlaskClient, delivery: Delivery, target: str
) -> None:
    assert client.get("/c/" + click_path(SIGNER, delivery.id, 1, target)).status_code == 404


@pytest.mark.parametrize(
    "target",
    ["https://[::1", "https://a.example:99999/", "https://\u202e.example/", "https://\u00b2..x/"],
)
def test_an_invalid_target_is_a_broken_link(
    client: FlaskClient, delivery: Delivery, target: str
) -> None:
    answer = client.get("/c/" + click_path(SIGNER, delivery.id, 1, target))
    assert answer.status_code == 404
    assert "This link does not work" in answer.text


def test_a_non_ascii_target_is_redirected_to(client: FlaskClient, delivery: Delivery) -> None:
    answer = client.get("/c/" + click_path(SIGNER, delivery.id, 1, "https://shop.example/größe"))
    assert answer.headers["Location"] == "https://shop.example/gr%C3%B6%C3%9Fe"


def test_links_of_test_emails_redirect_without_counting(
    client: FlaskClient, delivery: Delivery
) -> None:
    assert client.get("/c/" + click_path(SIGNER, 0, 1, TARGET)).headers["Location"] == TARGET
    assert events() == []


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite3", "postgresql://nobody@127.0.0.1:1/none"]
)
def test_clicks_and_opens_work_without_database_and_redis(tmp_path: Path, url: str) -> None:
    app = create_app(settings_for_tests(tmp_path, database_url=url))
    for _ in range(3):
        client = app.test_client()
        answer = client.get("/c/" + click_path(SIGNER, 7, 1, TARGET))
        assert (answer.status_code, answer.headers["Location"]) == (302, TARGET)
        assert client.get(f"/o/{open_token(SIGNER, 7)}.gif").status_code == 200


class TestWithRedis:
    @pytest.fixture
    def settings(self, database_url: str, tmp_path: Path, redis_url: str) -> Settings:
        return settings_for_tests(tmp_path, database_url=database_url, redis_url=redis_url)

    def test_events_wait_in_the_stream_and_queue_a_job_once_a_second(
        self, client: FlaskClient, delivery: Delivery, redis_url: str
    ) -> None:
        for number in range(5):
            client.get("/c/" + click_path(SIGNER, delivery.id, number, TARGET))
        assert stream.length() == 5
        assert events() == []
        with Redis.from_url(redis_url) as redis:
            assert redis.llen("rq:queue:background") == 1

    def test_waiting_events_are_complete(self, client: FlaskClient, delivery: Delivery) -> None:
        before = datetime.now(UTC)  # noqa: TID251
        client.get(
            f"/o/{open_token(services().signer, delivery.id)}.gif", headers={"User-Agent": "é\x7f"}
        )
        stream.event_stream().open_group()
        [(_, event)] = stream.event_stream().read(10)
        assert event is not None
        assert (event.kind, event.delivery_id) == ("opened", delivery.id)
        assert event.at >= before
