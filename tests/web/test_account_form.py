"""The form of a provider account is built from its kind, so a new kind needs no template."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BeforeValidator, Field

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers import registry
from campaigns.providers.account_input import AccountInput
from campaigns.providers.base import CheckResult, Provider
from campaigns.providers.fields import AccountField, Choice, Section
from campaigns.providers.kind import Draft, Kind, KindModel, whole_number
from campaigns.providers.memory import MemoryProvider
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp.kind import SmtpSettings
from campaigns.reason import Reason
from tests.factories import a_provider


def _batch(value: object) -> int:
    return whole_number(value, 1, 500)


class AcmeSettings(KindModel):
    region: Literal["us", "eu"] = "us"
    sandbox: bool = False
    batch: Annotated[int, BeforeValidator(_batch)] = 50


class AcmeCredentials(KindModel):
    api_key: str = Field("", repr=False)


class AcmeKind(Kind[AcmeSettings, AcmeCredentials, str]):
    """An API with one key, as a provider module would define it."""

    title = "Acme"
    settings = AcmeSettings
    credentials = AcmeCredentials
    fields = (
        AccountField("api_key", "Acme API key", "From acme.example.", is_required=True),
        AccountField("region", "Region", choices=(Choice("us", "US"), Choice("eu", "EU"))),
        AccountField("sandbox", "Sandbox"),
        AccountField("batch", "Batch", limits=(1, 500), section=Section("Tuning")),
    )

    def check(self, draft: Draft[AcmeSettings, AcmeCredentials]) -> None:
        if not draft.credentials.api_key and "api_key" not in draft.stored_credentials:
            draft.refuse("api_key", "provider.password_missing")
        if draft.settings.sandbox and draft.settings.batch == 1:
            draft.refuse("sandbox", "provider.value_invalid")

    def uses(self, settings: AcmeSettings) -> Mapping[str, tuple[str, ...]]:
        return {"api_key": ("region",)}

    def login(self, settings: AcmeSettings, credentials: Mapping[str, str]) -> str:
        return f"{settings.region}:{credentials.get('api_key', '')}"

    def open(self, login: str, account: ProviderAccount, *, apart: bool) -> Provider:
        return MemoryProvider()

    def test(self, login: str, *, sender: str) -> CheckResult:
        return CheckResult(ok=login == "eu:k3y-one", reasons=(Reason("legacy.text", {"text": ""}),))

    def address(self, settings: AcmeSettings) -> str:
        return f"{settings.region}.acme.example"


NEW = "/settings/providers/new?kind=acme"
TYPED = {
    "name": "Acme main",
    "kind": "acme",
    "api_key": "k3y-one",
    "region": "eu",
    "sandbox": "1",
    "batch": "200",
}


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.KINDS, "acme", AcmeKind())


def the_account() -> ProviderAccount:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(ProviderAccount)).one()


def tag(page: str, name: str, value: str = "") -> str:
    """The first tag of the page with this name, and this value if one is given."""
    found = re.search(
        rf'<\w+[^>]*name="{name}"[^>]*{f"value=.{value}." if value else ""}[^>]*>', page
    )
    assert found is not None, name
    return found[0]


@pytest.mark.usefixtures("acme")
def test_a_kind_is_chosen_and_its_fields_are_shown_by_their_types(
    owner_client: FlaskClient,
) -> None:
    page = owner_client.get("/settings/providers/new").text
    assert 'href="/settings/providers/new?kind=acme"' in page
    assert 'name="api_key"' not in page
    page = owner_client.get(NEW).text
    assert "New Acme account" in page
    assert 'name="host"' not in page
    assert 'type="password"' in tag(page, "api_key")
    assert "required" in tag(page, "api_key")
    assert "From acme.example. Stored encrypted and never shown again." in page
    assert 'type="radio"' in tag(page, "region", "eu")
    assert "checked" in tag(page, "region", "us")
    assert 'type="checkbox"' in tag(page, "sandbox")
    assert 'max="500"' in tag(page, "batch")
    assert (
        page.index("api_key") < page.index("Region") < page.index("Sandbox") < page.index("Batch")
    )
    assert re.search(r"<details[^>]*>\s*<summary>Tuning</summary>", page)
    assert not re.search(r"<details[^>]* open", page)


@pytest.mark.usefixtures("acme")
def test_an_error_is_shown_at_its_field_in_an_open_section(
    owner_client: FlaskClient,
) -> None:
    wrong = {**TYPED, "api_key": "", "batch": "501"}
    page = owner_client.post("/settings/providers/new", data=wrong)
    assert page.status_code == 422
    for name, words in (
        ("api_key", "Enter the password."),
        ("batch", "Enter a whole number from 1 to 500."),
    ):
        said = page.text.partition(f'id="{name}-error">')[2]
        assert said.startswith(words)
    assert 'value="501"' in tag(page.text, "batch")
    assert "checked" in tag(page.text, "region", "eu")
    assert re.search(r"<details[^>]* open", page.text)


@pytest.mark.usefixtures("acme")
def test_an_error_of_a_checkbox_is_shown_below_it(owner_client: FlaskClient) -> None:
    page = owner_client.post("/settings/providers/new", data={**TYPED, "batch": "1"})
    assert page.status_code == 422
    below = page.text.partition('name="sandbox"')[2].partition("<details")[0]
    assert "This value is not valid." in below


@pytest.mark.usefixtures("acme")
def test_an_account_of_another_kind_is_saved_encrypted_and_edited(
    owner_client: FlaskClient,
) -> None:
    assert owner_client.post("/settings/providers/new", data=TYPED).status_code == 302
    account = the_account()
    assert (account.kind, account.settings) == (
        "acme",
        {"region": "eu", "sandbox": True, "batch": 200},
    )
    assert account.credentials["api_key"] != "k3y-one"
    assert services().vault.decrypt(account.credentials["api_key"]) == "k3y-one"
    assert "eu.acme.example" in owner_client.get("/settings").text
    path = f"/settings/providers/{account.public_id}"
    page = owner_client.get(path).text
    assert "Edit Acme account" in page
    assert "Saved. Leave empty to keep it" in tag(page, "api_key")
    assert "required" not in tag(page, "api_key")
    for secret in ("k3y-one", account.credentials["api_key"]):
        assert secret not in page
    kept = {**TYPED, "api_key": "", "batch": "300"}
    assert owner_client.post(path, data=kept).status_code == 302
    assert the_account().settings["batch"] == 300
    assert services().vault.decrypt(the_account().credentials["api_key"]) == "k3y-one"
    test = owner_client.post(
        "/settings/providers/test", data={**kept, "account": account.public_id}
    )
    assert "The test succeeded" in test.text


@pytest.mark.usefixtures("app")
def test_an_unknown_kind_is_not_found(owner_client: FlaskClient) -> None:
    assert owner_client.get(NEW).status_code == 404
    assert owner_client.post("/settings/providers/new", data=TYPED).status_code == 404


def test_an_account_of_an_unknown_kind_says_so(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider(kind="acme", settings={"region": "eu"})
    assert "does not know accounts of the kind acme" in owner_client.get("/settings").text
    path = f"/settings/providers/{account.public_id}"
    assert owner_client.get(path).location == "/settings"
    assert owner_client.post(path, data=TYPED).location == "/settings"
    test = owner_client.post("/settings/providers/test", data={"account": account.public_id})
    assert "does not know accounts of the kind acme" in test.text


def test_invalid_settings_can_be_corrected_by_typing_the_secret_again(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        secret = services().vault.encrypt("s3cret-word")
        stored = {"host": "smtp.example.org", "port": "many", "username": "relay"}
        account = a_provider("Relay", settings=stored, credentials={"password": secret})
    assert "Open the account in Settings" in owner_client.get("/settings").text
    path = f"/settings/providers/{account.public_id}"
    assert 'value="many"' in tag(owner_client.get(path).text, "port")
    form = {"name": "Relay", "host": "smtp.example.org", "port": "587", "username": "relay"}
    assert "Enter the password again" in owner_client.post(path, data=form).text
    assert owner_client.post(path, data={**form, "password": "other"}).status_code == 302
    assert the_account().settings["port"] == 587


@pytest.mark.parametrize(
    "kind", [*registry.KINDS.values(), AcmeKind()], ids=lambda kind: kind.title
)
def test_a_kind_describes_each_of_its_fields_once(kind: Kind[KindModel, KindModel, object]) -> None:
    models = {**kind.settings.model_fields, **kind.credentials.model_fields}
    assert sorted(about.name for about in kind.fields) == sorted(models)
    own = AccountInput(kind="smtp").fields().keys() - SmtpSettings.model_fields.keys()
    assert models.keys().isdisjoint({*own, "account"}), "names that every account form has"
    for about in kind.fields:
        allowed = get_args(models[about.name].annotation)
        assert tuple(choice.value for choice in about.choices) == allowed


def test_a_preset_fills_in_fields_that_the_form_has(app: Flask) -> None:
    kind = registry.KINDS["smtp"]
    known = {about.name for about in kind.fields} | {*ProviderAccount.__table__.c.keys()}
    for preset in kind.presets(mailbox_port=2525):
        assert preset.values.keys() <= known
