"""Pages for recipients, and the emails that link to them, use the language of their list."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import AudienceList, ConsentEvent
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.tokens import ConfirmRef, DeliveryRef
from campaigns.wording import catalog
from tests.factories import a_list, a_subscriber
from tests.pseudo_locale import LOCALE, add_pseudo
from tests.web.visits import visit

ACCENTED = "řéçéívé"


@pytest.fixture(autouse=True)
def _second_language(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add_pseudo(app, tmp_path / "translations", monkeypatch)
    yield
    catalog.catalog.cache_clear()


@pytest.fixture
def visitor(app: Flask) -> AudienceList:
    with transaction():
        return a_list("Foreign", is_public=True, language=LOCALE)


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        return a_list("News", is_public=True)


def test_each_sign_up_page_uses_the_language_of_its_list(
    client: FlaskClient, visitor: AudienceList, news: AudienceList
) -> None:
    page = visit(client, f"/s/{visitor.public_id}").text
    assert ACCENTED in page
    assert 'lang="en-GB"' in page
    other = visit(client, f"/s/{news.public_id}").text
    assert "I want to receive" in other
    assert 'lang="en"' in other


def test_the_proof_of_consent_contains_the_wording_shown(
    client: FlaskClient, visitor: AudienceList
) -> None:
    visit(client, f"/s/{visitor.public_id}", "POST", data={"address": "a@example.org"})
    [proof] = db.session.query(ConsentEvent).all()
    assert ACCENTED in proof.wording


def test_confirming_and_unsubscribing_use_the_language(
    client: FlaskClient, visitor: AudienceList
) -> None:
    with transaction():
        asked = a_subscriber("a@example.org", visitor, state="pending")
        reader = a_subscriber("b@example.org", visitor)
    signer, now = services().signer, int(utcnow().timestamp())
    confirm = signer.sign("confirm", ConfirmRef(asked.id, visitor.id, now).pack())
    leave = signer.sign("unsubscribe", DeliveryRef(reader.id, visitor.id, 0).pack())
    for path in (f"/confirm/{confirm}", f"/u/{leave}"):
        assert 'lang="en-GB"' in visit(client, path).text, path


def test_a_form_offers_languages_if_there_are_several(
    owner_client: FlaskClient, news: AudienceList, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = f"/lists/{news.public_id}/edit"
    assert 'name="language"' in owner_client.get(path).text
    form = {"name": "News", "language": LOCALE}
    owner_client.post(path, data=form)
    owner_client.post(path, data={**form, "language": "xx"})
    db.session.expire_all()
    assert db.session.get_one(AudienceList, news.id).language == LOCALE
    monkeypatch.setattr(catalog, "DIRECTORY", tmp_path / "none")
    assert 'name="language"' not in owner_client.get(path).text
