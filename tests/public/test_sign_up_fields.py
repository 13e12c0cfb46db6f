"""The sign-up form of a list asks for the fields that the list chose."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.fields import definitions
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.db import db, transaction
from tests.factories import a_field, a_list, a_subscriber

TYPED = {"address": "ann@example.org", "name": "Ann", "field_born": "1980-05-31"}


@pytest.fixture
def news(app: object) -> AudienceList:
    with transaction():
        news = a_list("News", is_public=True, language="de")
        chosen = [
            a_field("Born", "date", is_required=True, help="We send a gift"),
            a_field("Topics", "choices", options=[("", "VIP"), ("", "Blog")]),
            a_field("Land", "country"),
        ]
        a_field("Secret")
        definitions.set_fields_of_form(news.id, [field.public_id for field in chosen])
    return news


def attributes() -> list[dict[str, Any]]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Subscriber.attributes)))


def test_the_form_shows_the_chosen_fields_in_the_language_of_the_list(
    client: FlaskClient, news: AudienceList
) -> None:
    page = client.get(f"/s/{news.public_id}").text
    for text in ("Born", "We send a gift", "VIP", "Deutschland", 'type="date"'):
        assert text in page
    assert "Secret" not in page


def test_a_sign_up_stores_the_values(client: FlaskClient, news: AudienceList) -> None:
    typed = {**TYPED, "field_topics": ["blog"], "field_land": "DE", "field_secret": "x"}
    assert client.post(f"/s/{news.public_id}", data=typed).status_code == 303
    assert attributes() == [{"born": "1980-05-31", "topics": ["blog"], "land": "DE"}]


@pytest.mark.parametrize("born", ["", "n/a", "<script>", "x" * 10_000])
def test_a_missing_or_wrong_value_is_refused_and_kept_as_typed(
    client: FlaskClient, news: AudienceList, born: str
) -> None:
    typed = {**TYPED, "field_born": born, "field_land": "FR"}
    answer = client.post(f"/s/{news.public_id}", data=typed)
    assert answer.status_code == 422
    assert 'id="field_born-error"' in answer.text
    assert 'value="ann@example.org"' in answer.text
    assert '<option value="FR" selected>' in answer.text
    assert "<script>" not in answer.text
    assert attributes() == []


def test_a_stranger_changes_no_values_of_others(client: FlaskClient, news: AudienceList) -> None:
    with transaction():
        a_subscriber("ann@example.org", attributes={"born": "1970-01-01"})
    client.post(f"/s/{news.public_id}", data=TYPED)
    assert attributes() == [{"born": "1970-01-01"}]


def test_a_list_chooses_the_fields_of_its_form(
    owner_client: FlaskClient, news: AudienceList
) -> None:
    path = f"/lists/{news.public_id}/edit"
    assert owner_client.get(path).text.count('name="field"') == 4
    secret = next(one for one in definitions.all_fields() if one.label == "Secret")
    typed = {"name": "News", "is_public": "1", "field": [secret.public_id]}
    owner_client.post(path, data=typed)
    assert [one.label for one in definitions.fields_of_form(news.id)] == ["Secret"]
    broken = owner_client.post(path, data={"name": "", "field": [secret.public_id]})
    assert f'value="{secret.public_id}" checked' in broken.text
