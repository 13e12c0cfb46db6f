"""The newsletter in the browser, as its recipient got it, in a sandbox."""

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import service as accounts
from campaigns.audience.models import Subscriber
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.sending.models import Campaign, Delivery
from campaigns.tokens import DeliveryRef
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

LINK = '<p><a href="https://shop.example/news">News</a></p>'


def path_of(ref: DeliveryRef) -> str:
    return "/v/" + services().signer.sign("view", ref.pack())


def a_sent_campaign(
    html: str = "<h1>Hello {{ subscriber.name }}</h1>" + LINK,
) -> tuple[Delivery, str]:
    with transaction():
        accounts.save_workspace(name="Example News", postal_address="1 High Street")
        news = a_list()
        alice = a_subscriber("alice@example.org", news, name="Alice")
        delivery = a_delivery(a_campaign(news, html=html), alice, status="sent", list_id=news.id)
    return delivery, path_of(DeliveryRef(alice.id, news.id, delivery.id))


def test_it_shows_the_mail_as_this_person_got_it_without_tracking(
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


def test_nothing_in_it_can_run_or_be_indexed(app: Flask, client: FlaskClient) -> None:
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
    assert "not here any more" in answer.text


def test_a_forged_link_is_no_page(app: Flask, client: FlaskClient) -> None:
    _, path = a_sent_campaign()
    assert client.get(path[:-2]).status_code == 404
    wrong_purpose = services().signer.sign("unsubscribe", DeliveryRef(1, 1, 1).pack())
    assert client.get(f"/v/{wrong_purpose}").status_code == 404


def test_somebody_elses_delivery_is_not_shown(app: Flask, client: FlaskClient) -> None:
    delivery, _ = a_sent_campaign()
    assert client.get(path_of(DeliveryRef(999, 1, delivery.id))).status_code == 404


def test_a_link_of_a_test_mail_says_so(app: Flask, client: FlaskClient) -> None:
    assert "from a test" in client.get(path_of(DeliveryRef(0, 0, 0))).text
