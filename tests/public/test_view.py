"""The newsletter in the browser, as its recipient got it, in a sandbox."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign, Delivery
from campaigns.content.mime.compile import Compiled, Content, TemplateProblemError, compile_content
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.public import view
from campaigns.tokens import DeliveryRef, Signer
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

LINK = '<p><a href="https://shop.example/news">News</a></p>'


def path_of(ref: DeliveryRef) -> str:
    return "/v/" + services().signer.sign("view", ref.pack())


def a_sent_campaign(
    html: str = "<h1>Hello {{ subscriber.name }}</h1>" + LINK,
) -> tuple[Delivery, str]:
    with transaction():
        save_workspace(name="Example News", postal_address="1 High Street")
        news = a_list()
        alice = a_subscriber("alice@example.org", news, name="Alice")
        delivery = a_delivery(a_campaign(news, source=html), alice, status="sent", list_id=news.id)
    return delivery, path_of(DeliveryRef(alice.id, news.id, delivery.id))


def test_the_page_shows_the_recipients_email_without_tracking(
    app: Flask, client: FlaskClient
) -> None:
    _, path = a_sent_campaign()
    answer = client.get(path)
    assert answer.status_code == 200
    assert "<h1>Hello Alice</h1>" in answer.text
    assert "https://shop.example/news" in answer.text
    assert "/c/" not in answer.text
    assert "/o/" not in answer.text
    assert "/u/" in answer.text
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == 0


def test_the_page_runs_no_script_and_is_not_indexed(app: Flask, client: FlaskClient) -> None:
    _, path = a_sent_campaign(html="<p>x</p><script>alert(1)</script>")
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "allow-same-origin" not in policy
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


def test_a_deleted_campaign_or_person_is_a_friendly_404(app: Flask, client: FlaskClient) -> None:
    _, path = a_sent_campaign()
    with transaction():
        db.session.execute(sa.delete(Subscriber))
    assert client.get(path).status_code == 404
    with transaction():
        db.session.execute(sa.delete(Campaign))
    answer = client.get(path)
    assert answer.status_code == 404
    assert "no longer available" in answer.text


def test_a_forged_link_is_not_found(app: Flask, client: FlaskClient) -> None:
    _, path = a_sent_campaign()
    assert client.get(path[:-2]).status_code == 404
    wrong_purpose = services().signer.sign("unsubscribe", DeliveryRef(1, 1, 1).pack())
    assert client.get(f"/v/{wrong_purpose}").status_code == 404


def test_another_recipients_delivery_is_not_shown(app: Flask, client: FlaskClient) -> None:
    delivery, _ = a_sent_campaign()
    assert client.get(path_of(DeliveryRef(999, 1, delivery.id))).status_code == 404


def test_a_link_of_a_test_email_says_so(app: Flask, client: FlaskClient) -> None:
    assert "from a test email" in client.get(path_of(DeliveryRef(0, 0, 0))).text


def test_a_campaign_is_compiled_once_until_it_changes(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Content] = []

    def counting(content: Content, signer: Signer) -> Compiled:
        compiled.append(content)
        return compile_content(content, signer)

    monkeypatch.setattr(view, "compile_content", counting)
    delivery, path = a_sent_campaign()
    for _ in range(3):
        assert "Hello Alice" in client.get(path).text
    assert len(compiled) == 1
    with transaction() as session:  # the recipient's name is not part of the compiled content
        session.get_one(Subscriber, delivery.subscriber_id).name = "Alicia"
    assert "Hello Alicia" in client.get(path).text
    assert len(compiled) == 1
    with transaction():
        save_workspace(name="Example News", postal_address="2 Low Street")
    assert "2 Low Street" in client.get(path).text
    with transaction() as session:
        session.get_one(Campaign, delivery.campaign_id).source = "<p>Corrected</p>"
    assert "Corrected" in client.get(path).text
    assert len(compiled) == 3


def test_a_failed_compilation_is_not_repeated_each_time(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def failing(content: Content, signer: Signer) -> Compiled:
        tries.append(1)
        raise TemplateProblemError([])

    monkeypatch.setattr(view, "compile_content", failing)
    _, path = a_sent_campaign()
    assert [client.get(path).status_code for _ in range(3)] == [404, 404, 404]
    assert len(tries) == 1


def test_requests_of_one_client_are_limited(client: FlaskClient, app: Flask) -> None:
    _, path = a_sent_campaign()
    answers = [client.get(path, environ_base={"REMOTE_ADDR": "2001:db8::1"}) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    for neighbour, code in (("2001:db8::2", 429), ("2001:db8:0:1::1", 200)):
        answer = client.get(path, environ_base={"REMOTE_ADDR": neighbour})
        assert answer.status_code == code
