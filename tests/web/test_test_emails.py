"""Test emails to several addresses, from the content page and from the review."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.transactional.models import TransactionalEmail
from tests.factories import a_campaign, a_list, a_sender, a_template


def _a_draft() -> Campaign:
    with transaction():
        return a_campaign(a_list(), sender=a_sender(), subject="News")


def _path(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.public_id}/content/test"


def _queued() -> list[str]:
    addresses = sa.select(TransactionalEmail.address).order_by(TransactionalEmail.id)
    return list(db.session.scalars(addresses))


@pytest.mark.runs_on("sqlite", "postgresql")
def test_each_address_gets_one_email_however_it_is_typed(owner_client: FlaskClient) -> None:
    typed = "a@example.org, b@example.org;\r\n c@example.org\nA@example.org,,"
    answer = owner_client.post(_path(_a_draft()), data={"address": typed})
    assert answer.status_code == 200
    assert _queued() == ["a@example.org", "b@example.org", "c@example.org"]
    assert answer.text.count("Sending to") == 3


def test_nothing_is_sent_while_one_address_is_wrong(owner_client: FlaskClient) -> None:
    typed = "a@example.org, b@, <script>"
    answer = owner_client.post(_path(_a_draft()), data={"address": typed})
    assert answer.status_code == 422
    assert "Nothing was sent." in answer.text
    assert "<strong>b@</strong>" in answer.text
    assert "<strong>&lt;script&gt;</strong>" in answer.text
    assert "a@example.org" not in answer.text
    assert _queued() == []


@pytest.mark.parametrize("typed", ["", " , \n", "x" * 5_000])
def test_a_text_without_an_address_is_refused(owner_client: FlaskClient, typed: str) -> None:
    answer = owner_client.post(_path(_a_draft()), data={"address": typed})
    assert answer.status_code == 422
    assert "test-bad" in answer.text
    assert _queued() == []


def test_many_addresses_at_a_time_are_refused(owner_client: FlaskClient) -> None:
    typed = ",".join(f"p{number}@example.org" for number in range(11))
    answer = owner_client.post(_path(_a_draft()), data={"address": typed})
    assert "at most 10 addresses" in answer.text
    assert _queued() == []


def test_every_address_counts_against_the_limit(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    typed = ",".join(f"p{number}@example.org" for number in range(10))
    codes = [
        owner_client.post(_path(campaign), data={"address": typed}).status_code for _ in range(5)
    ]
    assert codes == [200, 200, 200, 200, 429]


def test_the_review_offers_a_test_email(owner_client: FlaskClient) -> None:
    campaign = _a_draft()
    page = owner_client.get(f"/campaigns/{campaign.public_id}/review").text
    assert f'hx-post="{_path(campaign)}"' in page


def test_a_template_is_tested_like_a_campaign(owner_client: FlaskClient) -> None:
    with transaction():
        template, other = a_template("Monthly"), a_template("Weekly")
    path = f"/templates/{template.public_id}/content"
    assert f'hx-post="{path}/test"' in owner_client.get(path).text
    answer = owner_client.post(f"{path}/test", data={"address": "a@example.org"})
    assert "Sending to a@example.org" in answer.text
    mail = db.session.scalars(sa.select(TransactionalEmail)).one()
    assert mail.payload == {"template_id": template.id, "as_subscriber_id": None}
    assert f'hx-get="{path}/test/{mail.id}"' in owner_client.get(f"{path}/test/{mail.id}").text
    for elsewhere in (f"/templates/{other.public_id}", "/templates/nothing"):
        assert owner_client.get(f"{elsewhere}/content/test/{mail.id}").status_code == 404
    assert owner_client.get("/saved-blocks/nothing/content/test/1").status_code == 404
