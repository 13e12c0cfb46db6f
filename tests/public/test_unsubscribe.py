"""One-click unsubscribe (RFC 8058) and the unsubscribe page."""

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.accounts.workspace import save_workspace
from campaigns.app import create_app
from campaigns.audience import subscriptions
from campaigns.audience.models import AudienceList, ConsentEvent, Subscriber
from campaigns.campaign.models import Campaign, Delivery
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.tokens import DeliveryRef
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Sent:
    news: AudienceList
    other: AudienceList
    alice: Subscriber
    delivery: Delivery
    path: str

    def states(self) -> list[str | None]:
        db.session.rollback()
        return [subscriptions.state(one.id, self.alice.id) for one in (self.news, self.other)]


def path_of(ref: DeliveryRef) -> str:
    return "/u/" + services().signer.sign("unsubscribe", ref.pack())


@pytest.fixture
def sent(app: Flask) -> Sent:
    with transaction():
        save_workspace(name="Example News", postal_address="1 High Street\nAnytown")
        news, other = a_list("Weekly news"), a_list("Product updates")
        alice = a_subscriber("alice@example.org", news, other)
        delivery = a_delivery(a_campaign(news), alice, status="sent", list_id=news.id)
    path = path_of(DeliveryRef(alice.id, news.id, delivery.id))
    return Sent(news, other, alice, delivery, path)


def assert_plain_answer(answer: TestResponse) -> None:
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "multipart/form-data",
        "text/plain",
    ],
)
def test_a_one_click_post_ends_the_subscription(
    sent: Sent, client: FlaskClient, content_type: str
) -> None:
    data: object = ONE_CLICK
    if content_type.startswith(("application", "text")):
        data = b"List-Unsubscribe=One-Click"
    answer = client.post(
        sent.path,
        data=data,
        content_type=content_type,
        headers={"Origin": "https://elsewhere.example"},
    )
    assert_plain_answer(answer)
    assert sent.states() == ["unsubscribed", "subscribed"]
    proof = db.session.scalars(sa.select(ConsentEvent)).one()
    assert (proof.kind, proof.channel) == ("unsubscribed", "one_click")
    assert proof.campaign_id == sent.delivery.campaign_id
    stamped = sa.select(Delivery.unsubscribed_at)
    assert db.session.scalars(stamped).one() is not None


def test_unknown_fields_make_no_difference(sent: Sent, client: FlaskClient) -> None:
    answer = client.post(sent.path, data={**ONE_CLICK, "action": "undo", "x": "y"})
    assert_plain_answer(answer)
    assert sent.states() == ["unsubscribed", "subscribed"]


def test_a_body_without_a_length_unsubscribes_as_well(sent: Sent, client: FlaskClient) -> None:
    answer = client.post(sent.path, headers={"Transfer-Encoding": "chunked"})
    assert_plain_answer(answer)
    assert sent.states() == ["unsubscribed", "subscribed"]


@pytest.mark.parametrize("ending", ["/", "//"])
def test_an_extra_slash_is_never_redirected(sent: Sent, client: FlaskClient, ending: str) -> None:
    answer = client.post(sent.path + ending, data=ONE_CLICK)
    assert answer.status_code in {200, 404}
    assert "Location" not in answer.headers
    if ending == "/":
        assert sent.states() == ["unsubscribed", "subscribed"]


def test_ten_repeated_requests_are_one_event_and_one_proof(sent: Sent, client: FlaskClient) -> None:
    for _ in range(10):
        assert_plain_answer(client.post(sent.path, data=ONE_CLICK))
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == 1
    assert db.session.scalar(sa.select(sa.func.count(ConsentEvent.id))) == 1


@pytest.mark.runs_on("sqlite", "postgresql")
def test_ten_concurrent_requests_are_one_event_and_one_proof(sent: Sent, app: Flask) -> None:
    codes: list[int] = []

    def press() -> None:
        codes.append(app.test_client().post(sent.path, data=ONE_CLICK).status_code)

    threads = [threading.Thread(target=press) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 10
    assert sent.states() == ["unsubscribed", "subscribed"]
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == 1
    assert db.session.scalar(sa.select(sa.func.count(ConsentEvent.id))) == 1


def test_get_and_head_change_nothing(sent: Sent, client: FlaskClient) -> None:
    for _ in range(200):
        answer = client.get(sent.path)
        assert_plain_answer(answer)
    assert client.head(sent.path).status_code == 200
    assert client.options(sent.path).status_code == 200
    assert sent.states() == ["subscribed", "subscribed"]
    assert db.session.scalar(sa.select(sa.func.count(ConsentEvent.id))) == 0


def test_the_page_names_the_lists_and_the_sender(sent: Sent, client: FlaskClient) -> None:
    text = client.get(sent.path).text
    assert "<li>Weekly news</li>" in text
    assert "<li>Product updates</li>" in text
    assert "1 High Street<br>Anytown" in text
    assert "alice@example.org" not in text


def test_the_button_unsubscribes_and_the_undo_button_resubscribes(
    sent: Sent, client: FlaskClient
) -> None:
    left = client.post(sent.path, data={"action": "leave"})
    assert_plain_answer(left)
    assert "You are unsubscribed" in left.text
    assert "Subscribe again" in left.text
    assert sent.states() == ["unsubscribed", "subscribed"]
    back = client.post(sent.path, data={"action": "undo"})
    assert "You are subscribed again" in back.text
    assert sent.states() == ["subscribed", "subscribed"]
    proofs = db.session.execute(
        sa.select(ConsentEvent.kind, ConsentEvent.channel).order_by(ConsentEvent.id)
    ).all()
    assert [tuple(row) for row in proofs] == [("unsubscribed", "page"), ("subscribed", "page")]


def test_resubscribing_repeatedly_is_limited_and_unsubscribing_never(
    sent: Sent, client: FlaskClient
) -> None:
    codes = []
    for _ in range(12):
        assert client.post(sent.path).status_code == 200
        answer = client.post(sent.path, data={"action": "undo"})
        codes.append(answer.status_code)
    assert codes == [200] * 10 + [429] * 2
    forged = [client.post("/u/forged", data={"action": "undo"}).status_code for _ in range(12)]
    assert forged == [404] * 12, "forged links are not counted"
    assert "Try again in" in answer.text
    assert sent.states() == ["unsubscribed", "subscribed"]
    assert db.session.scalar(sa.select(sa.func.count(ConsentEvent.id))) == 21


@pytest.mark.parametrize(
    ("path", "code"),
    [("/u/%00", 400), ("/v/x?a=%00", 400), ("/confirm/%00", 400), ("/s/x%00", 400)],
)
def test_every_error_has_the_design_of_public_pages(
    client: FlaskClient, path: str, code: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == code
    assert "Open the link again" in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_server_error_is_explained(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("campaigns.public.unsubscribe._page", lambda *_: 1 / 0)
    answer = client.get(path_of(DeliveryRef(1, 1, 1)))
    assert answer.status_code == 500
    assert "The error has been logged" in answer.text
    assert "class=" in answer.text


def test_everything_means_every_list(sent: Sent, client: FlaskClient) -> None:
    assert_plain_answer(client.post(sent.path, data={"action": "everything"}))
    assert sent.states() == ["unsubscribed", "unsubscribed"]


def test_an_altered_link_changes_nothing(sent: Sent, client: FlaskClient) -> None:
    token = sent.path.removeprefix("/u/")
    for bad in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-4], "x", "é"):
        assert client.post(f"/u/{bad}", data=ONE_CLICK).status_code == 404
    assert client.post("/u/%00", data=ONE_CLICK).status_code == 400
    other_purpose = services().signer.sign(
        "view", DeliveryRef(sent.alice.id, sent.news.id, 0).pack()
    )
    assert client.post(f"/u/{other_purpose}", data=ONE_CLICK).status_code == 404
    assert sent.states() == ["subscribed", "subscribed"]


def test_a_link_of_deleted_campaign_and_person_gets_the_same_answer(
    sent: Sent, client: FlaskClient
) -> None:
    with transaction():
        db.session.execute(sa.delete(Campaign))
    assert_plain_answer(client.post(sent.path, data=ONE_CLICK))
    assert sent.states() == ["unsubscribed", "subscribed"]
    nobody = path_of(DeliveryRef(999_999, 999_999, 999_999))
    assert_plain_answer(client.post(nobody, data=ONE_CLICK))
    assert "You are unsubscribed" in client.get(nobody).text


def test_a_link_of_a_test_email_says_so(sent: Sent, client: FlaskClient) -> None:
    path = path_of(DeliveryRef(0, 0, 0))
    assert "from a test email" in client.get(path).text
    assert_plain_answer(client.post(path, data=ONE_CLICK))


def test_a_rotated_key_keeps_old_links_working(
    sent: Sent, settings: Settings, tmp_path: Path
) -> None:
    rotated = create_app(
        settings_for_tests(
            tmp_path,
            database_url=settings.database_url,
            secret_key="a-new-key-that-is-long-enough-too-1234",
            secret_key_fallbacks=SECRET_KEY,
        )
    )
    with rotated.app_context():
        assert_plain_answer(rotated.test_client().post(sent.path, data=ONE_CLICK))
        db.session.remove()
        db.engine.dispose()
    assert sent.states() == ["unsubscribed", "subscribed"]


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite3", "postgresql://nobody@127.0.0.1:1/none"]
)
def test_an_unavailable_database_is_explained(tmp_path: Path, url: str) -> None:
    broken = create_app(settings_for_tests(tmp_path, database_url=url))
    with broken.app_context():
        path = path_of(DeliveryRef(1, 1, 1))
        for answer in (
            broken.test_client().get(path),
            broken.test_client().post(path, data=ONE_CLICK),
        ):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert "Temporarily unavailable" in answer.text
