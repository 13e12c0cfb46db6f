"""The pages of sender domains."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.domains import keys, standing
from campaigns.providers.domains.keys import KEEP_RECORD
from campaigns.providers.domains.standing import DomainView
from campaigns.providers.models import DkimKey, SenderAddress, SenderDomain
from campaigns.web.settings import domains as pages
from tests.factories import a_sender
from tests.providers.dns_server import FakeDns

LIST = "/settings/domains"
NAME = "news.example"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    """An empty DNS to which tests add records."""
    fake = FakeDns()
    monkeypatch.setattr(pages, "resolver", fake)
    return fake


def _set_up(client: FlaskClient, name: str = NAME) -> str:
    """Set a domain up; return the path of its page."""
    answer = client.post(f"{LIST}/new", data={"name": name})
    assert answer.status_code == 302
    return str(answer.location)


def _seen() -> DomainView:
    db.session.rollback()
    db.session.expire_all()
    return standing.view(db.session.scalars(sa.select(SenderDomain)).one())


def _publish(resolver: FakeDns) -> None:
    resolver.records = {key.host: [key.record] for key in _seen().keys}


def _key_path(path: str, key: standing.KeyView, action: str) -> str:
    return f"{path}/keys/{key.public_id}/{action}"


def test_the_empty_list_says_what_it_is_for(owner_client: FlaskClient) -> None:
    page = owner_client.get(LIST)
    assert page.status_code == 200
    assert "No sender domains yet" in page.text


def test_domains_of_sender_addresses_are_listed_already(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_sender("news@shop.example").provider_id
        db.session.add(SenderAddress(address="me@gmail.com", provider_id=account))
    page = owner_client.get(LIST).text
    assert "shop.example" in page
    assert 'value="shop.example"' in page, "one click sets it up"
    assert "Only Gmail can sign for it" in page
    assert 'value="gmail.com"' not in page


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_domain_is_set_up_and_shows_its_record(owner_client: FlaskClient) -> None:
    assert owner_client.get(f"{LIST}/new?name={NAME}").status_code == 200
    path = _set_up(owner_client)
    page = owner_client.get(path).text
    (key,) = _seen().keys
    assert f'data-copy="{key.host}"' in page
    assert f'data-copy="{key.record}"' in page
    assert "One step left" in page
    assert "Waiting for DNS" in owner_client.get(LIST).text
    stored = db.session.scalars(sa.select(DkimKey)).one()
    assert "PRIVATE" not in page
    assert stored.private_key not in page


def test_an_invalid_name_keeps_the_form_with_an_error(owner_client: FlaskClient) -> None:
    page = owner_client.post(f"{LIST}/new", data={"name": '"><b>'})
    assert page.status_code == 422
    assert "not a domain name" in page.text
    assert "<b>" not in page.text
    _set_up(owner_client)
    assert "already set up" in owner_client.post(f"{LIST}/new", data={"name": NAME}).text


def test_checking_dns_updates_part_of_the_page(
    owner_client: FlaskClient, resolver: FakeDns
) -> None:
    path = _set_up(owner_client)
    assert "DNS has not been checked yet" in owner_client.get(path).text
    part = owner_client.post(f"{path}/check", headers=HTMX).text
    assert "<html" not in part
    assert "There is no record with this name yet" in part
    _publish(resolver)
    part = owner_client.post(f"{path}/check", headers=HTMX).text
    assert "Record found" in part
    assert "Active" in part
    assert 'hx-swap-oob="true"' in part, "the status beside the heading changes as well"
    assert _seen().standing == "signed"
    assert "Signed" in owner_client.get(LIST).text


def test_g2_spf_and_dmarc_are_shown(owner_client: FlaskClient, resolver: FakeDns) -> None:
    path = _set_up(owner_client)
    part = owner_client.post(f"{path}/check", headers=HTMX).text
    assert 'data-copy="v=DMARC1; p=none"' in part
    assert "no SPF record at news.example" in part
    _publish(resolver)
    resolver.records[NAME] = ["v=spf1 include:<mail>.example -all"]
    resolver.records[f"_dmarc.{NAME}"] = ["v=DMARC1; p=reject; rua=mailto:a@news.example"]
    part = owner_client.post(f"{path}/check", headers=HTMX).text
    assert "v=spf1 include:&lt;mail&gt;.example -all" in part
    assert "Emails that fail the check are refused" in part
    assert "DMARC passes by DKIM" in part
    resolver.records = {}
    part = owner_client.post(f"{path}/check", headers=HTMX).text
    assert "DMARC can pass only by SPF" in part, "the signatures can no longer be verified"


def test_without_scripts_the_whole_page_is_returned(
    owner_client: FlaskClient, resolver: FakeDns
) -> None:
    path = _set_up(owner_client)
    resolver.records = {_seen().keys[0].host: "The name servers <fail>."}
    assert owner_client.post(f"{path}/check").location == path
    assert "The name servers &lt;fail&gt;." in owner_client.get(path).text


def test_only_the_button_queries_dns(owner_client: FlaskClient, resolver: FakeDns) -> None:
    path = _set_up(owner_client)
    for page in (LIST, path, f"{path}/delete"):
        assert owner_client.get(page).status_code == 200
    assert resolver.asked == []


def test_the_check_button_cannot_be_used_to_flood_dns(
    owner_client: FlaskClient, resolver: FakeDns
) -> None:
    path = _set_up(owner_client)
    codes = [owner_client.post(f"{path}/check").status_code for _ in range(22)]
    assert codes[0] == 302
    assert codes[-1] == 429


def test_keys_are_rotated(owner_client: FlaskClient, resolver: FakeDns) -> None:
    path = _set_up(owner_client)
    _publish(resolver)
    owner_client.post(f"{path}/check")
    form = {"algorithm": "rsa", "selector": "spring"}
    assert owner_client.post(f"{path}/keys", data=form).location == path
    assert {key.selector: key.state for key in _seen().keys}["spring"] == "waiting"
    again = owner_client.post(f"{path}/keys", data={"algorithm": "rsa"})
    assert again.status_code == 422
    assert "is already waiting" in again.text
    _publish(resolver)
    owner_client.post(f"{path}/check")
    page = owner_client.get(path).text
    assert "Keep its record in DNS until" in page
    assert "Activate again" in page


def test_an_invalid_selector_is_kept_as_typed(owner_client: FlaskClient) -> None:
    path = _set_up(owner_client)
    form = {"algorithm": "ed25519", "selector": "a b"}
    page = owner_client.post(f"{path}/keys", data=form)
    assert page.status_code == 422
    assert "A selector can contain letters" in page.text
    assert 'value="a b"' in page.text
    assert owner_client.post(f"{path}/keys", data={"algorithm": "dsa"}).status_code == 422


def test_a_key_can_be_activated_without_dns_and_deactivated(owner_client: FlaskClient) -> None:
    path = _set_up(owner_client)
    (key,) = _seen().keys
    owner_client.post(_key_path(path, key, "sign"))
    assert _seen().standing == "signed"
    assert (
        "Someone else changed this key first"
        in owner_client.post(_key_path(path, key, "sign"), follow_redirects=True).text
    ), "pressing again says so"
    owner_client.post(_key_path(path, key, "retire"))
    assert _seen().standing == "unsigned"
    owner_client.post(_key_path(path, key, "discard"))
    assert len(_seen().keys) == 1, "its record is still needed"


def test_after_a_week_a_retired_key_can_be_removed(owner_client: FlaskClient) -> None:
    path = _set_up(owner_client)
    with transaction():
        key = db.session.scalars(sa.select(DkimKey)).one()
        key.state, key.retired_at = "retired", utcnow() - KEEP_RECORD
    assert "You can remove its record from DNS now" in owner_client.get(path).text
    owner_client.post(_key_path(path, _seen().keys[0], "discard"))
    assert _seen().keys == ()


def test_a_waiting_key_can_be_discarded(owner_client: FlaskClient) -> None:
    path = _set_up(owner_client)
    owner_client.post(_key_path(path, _seen().keys[0], "discard"))
    assert _seen().keys == ()
    assert "is not signed" in owner_client.get(path).text


def test_deleting_a_domain_asks_first(owner_client: FlaskClient) -> None:
    with transaction():
        a_sender(f"hello@{NAME}")
    path = _set_up(owner_client)
    with transaction():
        keys.activate(db.session.scalars(sa.select(DkimKey)).one(), now=utcnow())
    question = owner_client.get(f"{path}/delete").text
    assert "is no longer signed" in question
    assert f"hello@{NAME}" in question
    assert owner_client.post(f"{path}/delete").location == LIST
    assert keys.secret_keys(f"hello@{NAME}", services().vault)[1] == []
    assert "Set up signing" in owner_client.get(LIST).text


@pytest.mark.parametrize("action", ["", "/check", "/keys", "/delete", "/keys/x/sign"])
def test_a_deleted_domain_is_not_found(owner_client: FlaskClient, action: str) -> None:
    method = owner_client.get if not action else owner_client.post
    assert method(f"{LIST}/nonsense{action}").status_code == 404


@pytest.mark.parametrize("action", ["sign", "retire", "discard"])
def test_a_key_of_another_domain_is_not_found(owner_client: FlaskClient, action: str) -> None:
    path = _set_up(owner_client)
    (key,) = _seen().keys
    other = _set_up(owner_client, "other.example")
    assert owner_client.post(_key_path(other, key, action)).status_code == 404
    assert owner_client.post(_key_path(path, key, "discard")).status_code == 302


def test_strangers_see_nothing(app: Flask, client: FlaskClient) -> None:
    assert client.get(LIST).location == "/login?next=/settings/domains"
