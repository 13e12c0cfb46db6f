"""The pages of the settings."""

import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import trustme
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import users
from campaigns.accounts.workspace import load_workspace, save_workspace
from campaigns.campaign import series
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers import health
from campaigns.providers.models import ProviderAccount, SenderAddress
from tests.english import legacy_reason
from tests.factories import (
    a_campaign,
    a_list,
    a_provider,
    a_sender,
    a_series,
    a_subscriber,
)
from tests.smtp_server import scripted_server
from tests.web.statements import counted
from tests.web.visits import visit

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
ACCOUNT = {
    "name": "Relay <1>",
    "host": "smtp.example.org",
    "port": "587",
    "security": "starttls",
    "username": "relay",
    "password": "s3cret-word",
    "per_second": "10",
    "per_day": "0",
}


def the_account() -> ProviderAccount:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(ProviderAccount)).one()


def test_an_empty_page_says_what_to_do(owner_client: FlaskClient) -> None:
    page = owner_client.get("/settings")
    assert page.status_code == 200
    for text in (
        "No provider accounts yet",
        "No sender addresses yet",
        "postal address is missing",
    ):
        assert text in page.text


def test_an_account_is_added_and_its_password_never_shown(owner_client: FlaskClient) -> None:
    assert owner_client.get("/settings/providers/new").status_code == 200
    answer = owner_client.post("/settings/providers/new", data=ACCOUNT)
    assert answer.location == "/", "the next first step is shown"
    account = the_account()
    assert services().vault.decrypt(account.credentials["password"]) == "s3cret-word"
    for path in ("/settings", f"/settings/providers/{account.public_id}"):
        page = owner_client.get(path).text
        assert "Relay &lt;1&gt;" in page
        assert "s3cret-word" not in page
        assert account.credentials["password"] not in page


def test_an_invalid_form_is_kept_as_typed_without_the_password(owner_client: FlaskClient) -> None:
    page = owner_client.post("/settings/providers/new", data={**ACCOUNT, "port": "99999"})
    assert page.status_code == 422
    assert 'value="99999"' in page.text
    assert "Relay &lt;1&gt;" in page.text
    assert "s3cret-word" not in page.text


def test_an_account_is_edited(owner_client: FlaskClient) -> None:
    owner_client.post("/settings/providers/new", data=ACCOUNT)
    before = the_account().version
    path = f"/settings/providers/{the_account().public_id}"
    changed = {**ACCOUNT, "password": "", "per_day": "500"}
    assert owner_client.post(path, data=changed).status_code == 302
    assert (the_account().per_day, the_account().version) == (500, before + 1)
    page = owner_client.post(path, data={**changed, "host": "other.example.org"})
    assert page.status_code == 422
    assert "Enter the password again" in page.text


def test_trouble_is_explained(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider()
        health.note_trouble(account.id, legacy_reason("It refused the <login>."), now=NOW)
    page = owner_client.get("/settings").text
    assert "It refused the &lt;login&gt;." in page
    assert "Problem" in page


def test_the_connection_can_be_tested_before_saving(owner_client: FlaskClient) -> None:
    with scripted_server() as server:
        form = {"host": "127.0.0.1", "port": str(server.port), "security": "none"}
        answer = owner_client.post("/settings/providers/test", data=form)
    assert answer.status_code == 200
    assert "The test succeeded" in answer.text
    assert "<html" not in answer.text
    assert db.session.scalar(sa.select(sa.func.count(ProviderAccount.id))) == 0


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_connection_of_a_stored_account_is_tested_with_its_sender(
    owner_client: FlaskClient,
) -> None:
    with scripted_server() as server:
        with transaction():
            account = a_provider(port=server.port)
            a_sender("news@example.org", account)
        form = {
            "account": account.public_id,
            "host": "127.0.0.1",
            "port": str(server.port),
            "security": "none",
        }
        assert "The test succeeded" in owner_client.post("/settings/providers/test", data=form).text
    assert "MAIL FROM:<news@example.org>" in " ".join(server.sessions[0].commands)


def test_a_test_with_an_invalid_form_says_what_is_missing(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/settings/providers/test", data={"account": "nonsense"})
    assert answer.status_code == 200
    assert "Enter the host name of the mail server" in answer.text


def test_what_few_people_need_is_folded_until_it_holds_something(owner_client: FlaskClient) -> None:
    def groups(page: str) -> dict[str, bool]:
        found = re.findall(r"<details([^>]*)>\s*<summary>([^<]*)</summary>", page)
        return {title: " open" in attributes for attributes, title in found}

    new = "/settings/providers/new"
    names = ["Login with OAuth", "TLS client certificate", "Send limits", "Return path"]
    page = owner_client.get(new).text
    assert groups(page) == dict.fromkeys(names, False)
    folded = page.index("<details")
    assert all(page.index(f'name="{name}"') < folded for name in ("host", "port", "password"))
    wrong = {"auth": "oauth2", "per_day": "many"}
    opened = groups(owner_client.post(new, data=wrong).text)
    assert [name for name in names if opened[name]] == ["Login with OAuth", "Send limits"]


def test_the_test_button_cannot_be_used_to_scan(owner_client: FlaskClient) -> None:
    codes = [owner_client.post("/settings/providers/test", data={}).status_code for _ in range(14)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_an_account_in_use_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider()
        a_sender("news@example.org", account)
    path = f"/settings/providers/{account.public_id}/delete"
    assert "used by news@example.org" in owner_client.get(path).text
    page = owner_client.post(path)
    assert page.status_code == 422
    assert "used by news@example.org" in page.text
    assert the_account()


@pytest.mark.parametrize("state", ["scheduled", "preparing", "sending", "paused"])
def test_an_account_of_a_campaign_in_progress_cannot_be_deleted(
    owner_client: FlaskClient, state: str
) -> None:
    with transaction():
        account = a_provider()
        a_campaign(a_list(), name="Spring", status=state, provider_id=account.id)
    page = owner_client.post(f"/settings/providers/{account.public_id}/delete")
    assert page.status_code == 422
    assert "Spring" in page.text
    assert the_account()


def test_an_account_of_scheduled_or_recurring_campaigns_cannot_be_deleted(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        account, other = a_provider(), a_provider("Other")
        sender = a_sender(provider=account)
        a_series(a_list(), sender=sender)
        a_campaign(a_list("All"), name="Spring", status="scheduled", sender=sender)
    path = f"/settings/providers/{account.public_id}/delete"
    for page in (owner_client.get(path), owner_client.post(path)):
        assert "used by news@example.org" in page.text
        assert "recurring campaigns need the address: “Morning letter”, “Spring”" in page.text
        assert "Choose another account for it" in page.text
    with transaction():
        db.session.get_one(SenderAddress, sender.id).provider_id = other.id
    assert owner_client.post(path).location == "/settings", "the account was deleted"


def test_a_sender_of_a_series_cannot_be_deleted_until_it_ends(owner_client: FlaskClient) -> None:
    with transaction():
        sender = a_sender()
        found = a_series(a_list(), sender=sender)
    path = f"/settings/senders/{sender.public_id}/delete"
    page = owner_client.post(path)
    assert page.status_code == 422
    assert "Scheduled, recurring or sending campaigns use it" in page.text
    with transaction():
        series.end(found.id, now=utcnow())
    assert owner_client.post(path).location == "/settings"


def test_an_account_is_deleted_and_finished_campaigns_stay(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider()
        campaign = a_campaign(a_list(), status="sent", provider_id=account.id)
    path = f"/settings/providers/{account.public_id}/delete"
    assert "Delete account" in owner_client.get(path).text
    assert owner_client.post(path).location == "/settings"
    db.session.expire_all()
    assert db.session.scalar(sa.select(sa.func.count(ProviderAccount.id))) == 0
    assert db.session.get_one(Campaign, campaign.id).provider_id is None
    assert owner_client.get(f"/campaigns/{campaign.public_id}/report").status_code == 200


def test_the_demo_explains_itself(owner_client: FlaskClient) -> None:
    with transaction():
        save_workspace(demo=True)
        account = a_provider("Built-in mailbox", port=2525)
    page = owner_client.get("/settings/providers/new").text
    assert "This is a demo with made-up people" in page
    assert 'name="host"' not in page
    assert owner_client.post("/settings/providers/new", data=ACCOUNT).status_code == 422
    path = f"/settings/providers/{account.public_id}"
    form = {"name": "Built-in mailbox", "host": "127.0.0.1", "port": "2525", "security": "none"}
    assert owner_client.post(path, data={**form, "port": "25"}).status_code == 422
    assert "This is a demo with made-up people" in owner_client.post(f"{path}/delete").text
    assert owner_client.post(path, data={**form, "per_second": "9"}).status_code == 302
    assert (the_account().settings["port"], the_account().per_second) == (2525, 9)
    test = owner_client.post("/settings/providers/test", data={**ACCOUNT, "port": "22"})
    assert "This is a demo with made-up people" in test.text


@pytest.mark.parametrize("group", ["providers", "senders"])
def test_a_deleted_account_is_not_found(owner_client: FlaskClient, group: str) -> None:
    for path in (f"/settings/{group}/nonsense", f"/settings/{group}/nonsense/delete"):
        assert owner_client.get(path).status_code == 404
        assert owner_client.post(path, data={}).status_code == 404


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_sender_is_added_edited_and_deleted(owner_client: FlaskClient) -> None:
    assert "No provider account yet" in owner_client.get("/settings/senders/new").text
    with transaction():
        account = a_provider()
    form = {"name": "News", "address": "news@example.org", "account": account.public_id}
    assert owner_client.post("/settings/senders/new", data=form).location == "/"
    assert "news@example.org" in owner_client.get("/settings").text
    sender = db.session.scalars(sa.select(SenderAddress)).one()
    assert sender.is_default
    path = f"/settings/senders/{sender.public_id}"
    assert 'value="news@example.org"' in owner_client.get(path).text
    owner_client.post(path, data={**form, "reply_to": "hello@example.org"})
    assert "replies to hello@example.org" in owner_client.get("/settings").text
    assert owner_client.post(f"{path}/delete").location == "/settings"
    assert "No sender addresses yet" in owner_client.get("/settings").text


def test_an_invalid_sender_is_kept_as_typed(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider()
    form = {"name": "<b>News", "address": "nonsense", "account": account.public_id}
    page = owner_client.post("/settings/senders/new", data=form)
    assert page.status_code == 422
    assert "&lt;b&gt;News" in page.text
    assert 'value="nonsense"' in page.text
    assert owner_client.post("/settings/senders/new", data={}).status_code == 422


def test_g9_a_freemail_sender_gets_a_warning(owner_client: FlaskClient) -> None:
    with transaction():
        a_sender("example.news@gmail.com")
    assert "gmail.com belongs to Gmail" in owner_client.get("/settings").text


def test_a_sender_of_campaigns_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        sender = a_sender()
        a_campaign(a_list(), name="Spring", status="paused", sender=sender)
    page = owner_client.post(f"/settings/senders/{sender.public_id}/delete")
    assert page.status_code == 422
    assert "Spring" in page.text
    assert db.session.scalar(sa.select(sa.func.count(SenderAddress.id))) == 1


def test_deleting_a_sender_names_the_drafts_that_lose_it(owner_client: FlaskClient) -> None:
    with transaction():
        sender = a_sender()
        draft = a_campaign(a_list(), name="Autumn", sender=sender)
    path = f"/settings/senders/{sender.public_id}/delete"
    assert "Autumn" in owner_client.get(path).text
    assert owner_client.post(path).status_code == 302
    db.session.expire_all()
    assert db.session.get_one(Campaign, draft.id).sender_id is None


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_address_of_a_sender_in_use_cannot_change(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        sender = a_sender("news@example.org")
        a_campaign(a_list(), status="sending", sender=sender)
    account = the_account()
    path = f"/settings/senders/{sender.public_id}"
    form = {"name": "Other", "address": "other@example.org", "account": account.public_id}
    page = owner_client.post(path, data=form)
    assert page.status_code == 422
    assert "being sent from this address" in page.text
    assert owner_client.post(path, data={**form, "address": "news@example.org"}).status_code == 302


def test_the_workspace_is_saved(owner_client: FlaskClient) -> None:
    assert "Europe/Berlin" in owner_client.get("/settings/workspace").text
    form = {
        "name": "Harbour <Coffee>",
        "postal_address": "Pier 7\r\n20457 Sample City",
        "time_zone": "Europe/Berlin",
        "undo_seconds": "0",
        "overdue_minutes": "45",
    }
    assert owner_client.post("/settings/workspace", data=form).status_code == 302
    assert load_workspace().overdue_minutes == 45
    assert load_workspace().postal_address == "Pier 7\n20457 Sample City"
    assert "Harbour &lt;Coffee&gt;" in owner_client.get("/settings/workspace").text
    assert "postal address is missing" not in owner_client.get("/settings").text


def test_an_invalid_workspace_is_kept_as_typed(owner_client: FlaskClient) -> None:
    page = owner_client.post(
        "/settings/workspace", data={"time_zone": "Mars/Base", "postal_address": "Pier 7"}
    )
    assert page.status_code == 422
    assert 'value="Mars/Base"' in page.text
    assert "Pier 7" in page.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_changing_ones_name_needs_no_password(owner_client: FlaskClient) -> None:
    form = {"name": "Olga", "address": "owner@example.org"}
    assert owner_client.post("/settings/account", data=form).status_code == 302
    assert 'value="Olga"' in owner_client.get("/settings/account").text


def test_changing_ones_address_needs_the_password(owner_client: FlaskClient) -> None:
    form = {"name": "Olga", "address": "olga@example.org"}
    page = owner_client.post("/settings/account", data={**form, "password": "wrong"})
    assert page.status_code == 422
    assert users.find_user("olga@example.org") is None
    owner_client.post("/settings/account", data={**form, "password": PASSWORD})
    assert users.find_user("olga@example.org") is not None
    assert owner_client.get("/settings").status_code == 200


def test_an_invalid_address_is_kept_as_typed(owner_client: FlaskClient) -> None:
    form = {"name": "Olga", "address": "nonsense", "password": PASSWORD}
    page = owner_client.post("/settings/account", data=form)
    assert page.status_code == 422
    assert 'value="nonsense"' in page.text


NEW = {
    "old_password": PASSWORD,
    "new_password": "another good password",
    "new_password_again": "another good password",
}


def test_a_new_password_ends_every_other_session(app: Flask, owner_client: FlaskClient) -> None:
    elsewhere = app.test_client()
    login = {"address": "owner@example.org", "password": PASSWORD}
    visit(elsewhere, "/login", "POST", data=login)
    assert visit(elsewhere, "/settings").status_code == 200
    answer = visit(owner_client, "/settings/account/password", "POST", data=NEW)
    assert answer.status_code == 302
    assert visit(owner_client, "/settings").status_code == 200
    assert visit(elsewhere, "/settings").status_code == 302
    db.session.expire_all()
    assert users.verify("owner@example.org", NEW["new_password"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"old_password": "wrong"}, "The password is wrong."),
        ({"new_password_again": "different"}, "two passwords differ"),
        ({"new_password": "short", "new_password_again": "short"}, "at least 10"),
    ],
)
def test_an_invalid_new_password_changes_nothing(
    owner_client: FlaskClient, change: dict[str, str], words: str
) -> None:
    page = owner_client.post("/settings/account/password", data={**NEW, **change})
    assert page.status_code == 422
    assert words in page.text
    assert users.verify("owner@example.org", PASSWORD)


def test_a_stolen_session_cannot_guess_the_password(owner_client: FlaskClient) -> None:
    form = {**NEW, "old_password": "wrong"}
    codes = [
        owner_client.post("/settings/account/password", data=form).status_code for _ in range(12)
    ]
    assert codes[-1] == 429


def test_the_page_needs_few_statements_however_many_senders(owner_client: FlaskClient) -> None:
    with transaction():
        for number in range(30):
            account = a_provider(f"Account {number}")
            a_sender(f"news{number}@example.org", account, is_default=False)
    with counted() as statements:
        assert owner_client.get("/settings").status_code == 200
    assert len(statements) <= 10, statements


def test_once_the_first_steps_are_done_saving_stays_in_the_settings(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news)
        a_campaign(news, sender=a_sender(), status="sent", started_at=NOW)
        save_workspace(name="Example", postal_address="1 Example Street")
    answer = owner_client.post("/settings/providers/new", data=ACCOUNT)
    assert answer.location == "/settings"


TOKENS = {
    "name": "Mailbox <2>",
    "host": "smtp.example.org",
    "port": "587",
    "security": "starttls",
    "auth": "oauth2",
    "username": "me@example.org",
    "token_url": "https://login.example.org/token",
    "client_id": "the-app",
    "client_secret": "s3cret-word",
    "refresh_token": "refresh-word",
}


def test_an_oauth_account_is_added_and_no_secret_is_shown(
    owner_client: FlaskClient,
) -> None:
    page = owner_client.post("/settings/providers/new", data={**TOKENS, "token_url": "http://x"})
    assert page.status_code == 422
    assert "starts with https://" in page.text
    assert owner_client.post("/settings/providers/new", data=TOKENS).status_code == 302
    account = the_account()
    path = f"/settings/providers/{account.public_id}"
    page = owner_client.get(path)
    assert "https://login.example.org/token" in page.text
    for secret in ("s3cret-word", "refresh-word", *account.credentials.values()):
        assert secret not in page.text
    kept = {**TOKENS, "client_secret": "", "refresh_token": "", "per_day": "5"}
    assert owner_client.post(path, data=kept).status_code == 302
    assert services().vault.decrypt(the_account().credentials["refresh_token"]) == "refresh-word"


def test_a_certificate_is_shown_by_its_name_and_end_without_the_key(
    owner_client: FlaskClient,
) -> None:
    issued = trustme.CA().issue_cert("relay.example.org", not_after=NOW)
    key = issued.private_key_pem.bytes().decode()
    form = {
        **ACCOUNT,
        "client_certificate": issued.cert_chain_pems[0].bytes().decode(),
        "client_key": key,
    }
    page = owner_client.post("/settings/providers/new", data={**form, "port": "x"})
    assert page.status_code == 422
    assert "BEGIN CERTIFICATE" in page.text
    assert key.splitlines()[1] not in page.text
    owner_client.post("/settings/providers/new", data=form)
    page = owner_client.get(f"/settings/providers/{the_account().public_id}")
    assert "relay.example.org," in page.text
    assert "4 May 2030" in page.text
    assert "BEGIN CERTIFICATE-----<" not in page.text
    assert key.splitlines()[1] not in page.text


def test_in_the_demo_only_the_limits_can_be_changed(owner_client: FlaskClient) -> None:
    with transaction():
        save_workspace(demo=True)
        a_provider("Built-in", rewrites_return_path=True)
    path = f"/settings/providers/{the_account().public_id}"
    page = owner_client.get(path).text
    assert page.index("<fieldset disabled>") < page.index('name="host"') < page.index("per_second")
    assert page.index("</fieldset>") < page.index('name="per_second"')
    limits = {"account": the_account().public_id, "per_second": "7", "per_day": "0"}
    assert owner_client.post(path, data=limits).status_code == 302
    account = the_account()
    assert (account.per_second, account.name, account.settings["host"]) == (
        7,
        "Built-in",
        "127.0.0.1",
    )
    assert account.rewrites_return_path
    assert owner_client.post(path, data={**ACCOUNT, "password": ""}).status_code == 422


def test_a_workspace_needs_an_organization_name(owner_client: FlaskClient) -> None:
    form = {
        "name": " ",
        "postal_address": "12 Quay Street\nHarbour Town",
        "time_zone": "Europe/Berlin",
        "undo_seconds": "0",
        "overdue_minutes": "60",
    }
    answer = owner_client.post("/settings/workspace", data=form)
    assert answer.status_code == 422
    assert "Enter the name of your organization." in answer.text
    assert "12 Quay Street\nHarbour Town</textarea>" in answer.text
    assert (
        owner_client.post("/settings/workspace", data={**form, "name": "Quay"}).status_code == 302
    )


def test_the_browsers_time_zone_is_only_used_on_the_first_visit(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        save_workspace(postal_address="")
    assert "data-browser-zone" in owner_client.get("/settings/workspace").text
    with transaction():
        save_workspace(postal_address="12 Quay Street")
    assert "data-browser-zone" not in owner_client.get("/settings/workspace").text
