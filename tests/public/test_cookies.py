"""No page for recipients and no static file sets a cookie, whoever requests it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.context import services
from campaigns.db import transaction
from campaigns.tokens import ConfirmRef, DeliveryRef, click_path, open_token
from campaigns.web.static_files import asset
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber


@pytest.mark.runs_on("sqlite", "postgresql")
def test_not_even_the_owners_session_is_renewed(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list(is_public=True)
        alice = a_subscriber("alice@example.org", news)
        delivery = a_delivery(a_campaign(news), alice, list_id=news.id)
    signer = services().signer
    ref = DeliveryRef(alice.id, news.id, delivery.id).pack()
    for path in (
        f"/s/{news.public_id}",
        f"/s/{news.public_id}/check-your-email",
        f"/confirm/{signer.sign('confirm', ConfirmRef(alice.id, news.id, 0).pack())}",
        f"/u/{signer.sign('unsubscribe', ref)}",
        f"/v/{signer.sign('view', ref)}",
        f"/o/{open_token(signer, delivery.id)}.gif",
        f"/c/{click_path(signer, delivery.id, 1, 'https://shop.example/')}",
        "/u/nonsense",
        "/health",
        asset("css/app.css"),
    ):
        answer = owner_client.get(path)
        assert "Set-Cookie" not in answer.headers, path
    answer = owner_client.post(f"/u/{signer.sign('unsubscribe', ref)}", data={"action": "leave"})
    assert "Set-Cookie" not in answer.headers
    assert owner_client.get("/health").status_code == 200
