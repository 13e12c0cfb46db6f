"""Pages for recipients, and the emails that link to them, use the language of their list."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from campaigns.audience.models import AudienceList, ConsentEvent, Subscriber
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import compile_content
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.messages import Recipient
from campaigns.self_service import unsubscribe
from campaigns.tokens import ConfirmRef, DeliveryRef
from campaigns.wording import catalog
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.pseudo_locale import LOCALE, add_pseudo, english_left
from tests.web.visits import visit

ACCENTED = "řéçéívé"


@pytest.fixture(autouse=True)
def _second_language(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add_pseudo(app, tmp_path / "translations", monkeypatch)
    yield
    catalog.catalog.cache_clear()


@pytest.fixture
def foreign(app: Flask) -> AudienceList:
    with transaction():
        return a_list("Foreign", is_public=True, language=LOCALE)


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        return a_list("News", is_public=True)


def test_each_sign_up_page_uses_the_language_of_its_list(
    client: FlaskClient, foreign: AudienceList, news: AudienceList
) -> None:
    page = visit(client, f"/s/{foreign.public_id}").text
    assert ACCENTED in page
    assert 'lang="en-GB"' in page
    other = visit(client, f"/s/{news.public_id}").text
    assert "I want to receive" in other
    assert 'lang="en"' in other


def test_the_proof_of_consent_contains_the_wording_shown(
    client: FlaskClient, foreign: AudienceList
) -> None:
    visit(client, f"/s/{foreign.public_id}", "POST", data={"address": "a@example.org"})
    [proof] = db.session.query(ConsentEvent).all()
    assert ACCENTED in proof.wording


def confirm_path(list_id: int, subscriber_id: int, *, sent_days_ago: int = 0) -> str:
    sent_at = int((utcnow() - timedelta(days=sent_days_ago)).timestamp())
    ref = ConfirmRef(subscriber_id, list_id, sent_at)
    return "/confirm/" + services().signer.sign("confirm", ref.pack())


def leave_path(list_id: int, subscriber_id: int) -> str:
    ref = DeliveryRef(subscriber_id, list_id, 0)
    return "/u/" + services().signer.sign("unsubscribe", ref.pack())


def view_path(list_id: int, subscriber_id: int, delivery_id: int) -> str:
    ref = DeliveryRef(subscriber_id, list_id, delivery_id)
    return "/v/" + services().signer.sign("view", ref.pack())


def is_foreign(answer: TestResponse) -> bool:
    """Whether a whole page is in the other language and declares it."""
    assert english_left(answer.text, {"Foreign", "Also foreign", "a@example.org"}) == []
    assert 'lang="en-GB"' in answer.text
    return answer.headers["Content-Language"] == "en-GB"


def test_every_sign_up_page_uses_the_language_of_the_list(
    client: FlaskClient, foreign: AudienceList
) -> None:
    form = f"/s/{foreign.public_id}"
    assert is_foreign(visit(client, form))
    for address in ("", "not an address", "a@b@c", "x" * 400 + "@example.org"):
        refused = visit(client, form, "POST", data={"address": address})
        assert refused.status_code == 422
        page = refused.text.replace(address, "") if address else refused.text
        assert english_left(page, {"Foreign"}) == []
    assert is_foreign(visit(client, f"{form}/check-your-email"))


def test_every_confirmation_page_uses_the_language_of_the_list(
    client: FlaskClient, foreign: AudienceList
) -> None:
    with transaction():
        asked = a_subscriber("a@example.org", foreign, state="pending")
        late = a_subscriber("b@example.org", foreign, state="pending")
        gone = a_subscriber("c@example.org", foreign, state="unsubscribed")
    path = confirm_path(foreign.id, asked.id)
    assert is_foreign(visit(client, path))
    assert is_foreign(visit(client, path, "POST"))  # subscribed
    assert is_foreign(visit(client, path))  # already confirmed
    assert is_foreign(visit(client, confirm_path(foreign.id, late.id, sent_days_ago=99)))
    assert is_foreign(visit(client, confirm_path(foreign.id, gone.id)))
    with transaction():
        db.session.delete(db.session.get_one(Subscriber, asked.id))
    assert is_foreign(visit(client, path))


def test_every_unsubscribe_page_uses_the_language_of_the_list(
    client: FlaskClient, foreign: AudienceList
) -> None:
    with transaction():
        other = a_list("Also foreign")
        reader = a_subscriber("a@example.org", foreign, other)
    path = leave_path(foreign.id, reader.id)
    assert is_foreign(visit(client, path))
    for action in ("leave", "undo", "everything"):
        assert is_foreign(visit(client, path, "POST", data={"action": action})), action
        assert is_foreign(visit(client, path)), action
    assert is_foreign(visit(client, leave_path(foreign.id, 0)))  # the link of a test email
    answer = visit(client, path, "POST", data={"List-Unsubscribe": "One-Click"})
    assert english_left(answer.text, set()) == []
    assert answer.headers["Content-Language"] == "en-GB"


def test_pages_in_place_of_a_newsletter_use_the_language_of_the_list(
    client: FlaskClient, foreign: AudienceList
) -> None:
    assert is_foreign(visit(client, view_path(foreign.id, 0, 0)))  # the link of a test email
    gone = visit(client, view_path(foreign.id, 1, 99))
    assert gone.status_code == 404
    assert is_foreign(gone)


def test_refusals_of_a_rate_limit_use_the_language_of_the_list(
    client: FlaskClient, foreign: AudienceList
) -> None:
    with transaction():
        reader = a_subscriber("a@example.org", foreign)
    undo = {"data": {"action": "undo"}}
    for path, method, values in (
        (f"/s/{foreign.public_id}", "POST", {"data": {"address": ""}}),
        (leave_path(foreign.id, reader.id), "POST", undo),
        (view_path(foreign.id, 0, 0), "GET", {}),
    ):
        answers = (visit(client, path, method, **values) for _ in range(70))
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert is_foreign(refused), path


@pytest.mark.parametrize(
    ("error", "code"),
    [(OperationalError("", {}, Exception("no connection")), 503), (ZeroDivisionError(), 500)],
)
def test_errors_use_the_language_of_the_list(
    app: Flask,
    client: FlaskClient,
    foreign: AudienceList,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setattr(unsubscribe, "places", broken)
    answer = visit(client, leave_path(foreign.id, 1))
    assert answer.status_code == code
    assert is_foreign(answer)


def test_a_page_without_a_list_is_in_english(client: FlaskClient) -> None:
    answer = visit(client, "/u/nonsense")
    assert answer.status_code == 404
    assert answer.headers["Content-Language"] == "en"
    assert "This link does not work" in answer.text


def sent_to(*lists: AudienceList, html: str = "<p>1</p>") -> tuple[Campaign, str]:
    """A campaign sent to a subscriber of the first of these lists, and its link."""
    with transaction():
        campaign = a_campaign(*lists, source=html, subject="1")
        reader = a_subscriber("a@example.org", lists[0])
        delivery = a_delivery(campaign, reader, status="sent", list_id=lists[0].id)
    return campaign, view_path(lists[0].id, reader.id, delivery.id)


def test_the_footer_of_a_campaign_uses_the_language_of_its_lists(
    client: FlaskClient, foreign: AudienceList
) -> None:
    campaign, path = sent_to(foreign)
    content = content_of(campaign, base_url="https://news.example")
    reader = Recipient(0, 0, foreign.id, "a@example.org", "")
    sent = compile_content(content, services().signer).preview(reader)
    assert 'lang="en-GB"' in sent.html
    assert english_left(sent.html, {"Foreign"}) == []
    links = re.findall(r"https://\S+", sent.text)
    assert english_left(f"<p>{sent.text}</p>", {"Foreign", *links}) == []
    page = visit(client, path)
    assert 'lang="en-GB"' in page.text
    assert english_left(page.text, {"Foreign"}) == []
    assert page.headers["Content-Language"] == "en-GB"


def test_the_footer_for_lists_of_several_languages_is_english(
    client: FlaskClient, foreign: AudienceList, news: AudienceList
) -> None:
    _, path = sent_to(foreign, news)
    page = visit(client, path)
    assert "You are receiving this email because" in page.text
    assert page.headers["Content-Language"] == "en"


def test_pages_behind_the_login_name_their_language(owner_client: FlaskClient) -> None:
    assert owner_client.get("/lists").headers["Content-Language"] == "en"
    assert "Content-Language" not in owner_client.get("/suppressions/export.csv").headers


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
