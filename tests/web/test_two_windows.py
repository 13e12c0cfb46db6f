"""Two people have the same form open, and both save it: the second is told, and loses nothing."""

from collections.abc import Callable
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.audience.models import AudienceList
from campaigns.campaign import series
from campaigns.clock import utcnow
from campaigns.content.library.models import Media, Template
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.webhooks import endpoints
from campaigns.intake import mailboxes
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.throttling import editing
from campaigns.throttling.builtin import RULES
from campaigns.throttling.editing import WarmUpInput
from tests.content.library.pictures import drawing, encoded
from tests.content.library.test_media import added
from tests.factories import (
    a_campaign,
    a_field,
    a_list,
    a_provider,
    a_sender,
    a_series,
    a_template,
)
from tests.web.page_forms import inputs_of


def path_of_list() -> str:
    with transaction():
        a_field("City")
        return f"/lists/{a_list('News').public_id}/edit"


def path_of_image() -> str:
    return f"/media/{added(encoded(drawing(), 'PNG'), name='quay.png').public_id}"


def path_of_template() -> str:
    with transaction():
        return f"/templates/{a_template('Monthly').public_id}/details"


def path_of_series() -> str:
    with transaction():
        return f"/calendar/series/{a_series(a_list()).public_id}/rule"


def path_of_scheduled() -> str:
    with transaction():
        at = utcnow() + timedelta(days=2)
        return f"/campaigns/{a_campaign(status='scheduled', scheduled_at=at).public_id}/time"


def path_of_account() -> str:
    with transaction():
        return f"/settings/providers/{a_provider().public_id}"


def path_of_sender() -> str:
    with transaction():
        return f"/settings/senders/{a_sender().public_id}"


def path_of_limits() -> str:
    return f"{path_of_account()}/limits"


def path_of_warm_up() -> str:
    with transaction():
        account = a_provider()
        editing.save_warm_up(account.id, "", WarmUpInput())
        return f"/settings/providers/{account.public_id}/limits/warm-up"


def path_of_webhook() -> str:
    with transaction():
        account = a_provider()
        endpoints.create(account, "amazon_ses", services().vault, now=utcnow())
        return f"/settings/providers/{account.public_id}/returns/webhook/save"


def path_of_mailbox() -> str:
    with transaction():
        account = a_provider()
        typed = IntakeMailboxInput(host="imap.example.org", username="b", password="s3cret-word")
        mailboxes.save(None, typed, services().vault, account_id=account.id, now=utcnow())
        return f"/settings/providers/{account.public_id}/returns/mailbox"


IN_THREE_DAYS, IN_A_WEEK = (f"{utcnow() + timedelta(days=days):%Y-%m-%d}" for days in (3, 7))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:{}"
PARTS = ("/warm-up", "/webhook/save", "/mailbox")
"""Ends of the paths of forms that are a part of the page before."""

FORMS = [
    pytest.param(path_of_list, "description", ("Tips", "News"), id="list"),
    pytest.param(path_of_image, "alt", ("The quay", "A quay"), id="image"),
    pytest.param(path_of_template, "subject", ("May", "June"), id="template"),
    pytest.param(path_of_series, "interval", ("7", "8"), id="series"),
    pytest.param(path_of_scheduled, "date", (IN_THREE_DAYS, IN_A_WEEK), id="scheduled"),
    pytest.param(lambda: "/settings/workspace", "name", ("Quay", "Pier"), id="workspace"),
    pytest.param(lambda: "/settings/bounces", "soft_times", ("7", "8"), id="bounces"),
    pytest.param(lambda: f"/settings/rules/{RULES[0].key}", "note", ("May", "June"), id="rule"),
    pytest.param(path_of_account, "per_hour", ("7", "8"), id="account"),
    pytest.param(path_of_sender, "name", ("Quay", "Pier"), id="sender"),
    pytest.param(path_of_limits, "google.per_minute", ("7", "8"), id="limits"),
    pytest.param(path_of_warm_up, "first", ("7", "8"), id="warm-up"),
    pytest.param(path_of_webhook, "topic_arn", (TOPIC.format(1), TOPIC.format(2)), id="webhook"),
    pytest.param(path_of_mailbox, "folder", ("Quay", "Pier"), id="mailbox"),
]


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize(("path_of", "name", "values"), FORMS)
def test_the_second_to_save_is_told_and_loses_nothing(
    owner_client: FlaskClient, path_of: Callable[[], str], name: str, values: tuple[str, str]
) -> None:
    first, second = values
    path = path_of()
    page = reduce(str.removesuffix, PARTS, path)

    def opened() -> dict[str, Any]:
        db.session.rollback()
        return inputs_of(owner_client.get(page).text, path, at=page)

    form = opened()
    assert owner_client.post(path, data={**form, name: first}).status_code == 302
    assert opened()[name][0] == first
    refused = owner_client.post(path, data={**form, name: second})
    assert refused.status_code == 409
    assert "Someone else changed this first." in refused.text
    assert opened()[name][0] == first
    again = inputs_of(refused.text, path, at=page)
    assert again[name][0] == second
    assert owner_client.post(path, data=again).status_code == 302
    assert opened()[name][0] == second
    assert owner_client.post(path, data=opened()).status_code == 302


@pytest.mark.parametrize(
    ("path_of", "secret", "changed"),
    [(path_of_account, "password", "per_hour"), (path_of_mailbox, "password", "folder")],
)
def test_a_password_that_was_not_saved_is_asked_for_again(
    owner_client: FlaskClient, path_of: Callable[[], str], secret: str, changed: str
) -> None:
    path = path_of()
    page = reduce(str.removesuffix, PARTS, path)
    form = inputs_of(owner_client.get(page).text, path, at=page)
    owner_client.post(path, data={**form, changed: "7"})
    again = "Enter passwords and keys again."
    refused = owner_client.post(path, data={**form, secret: "s3cret-w0rd"})
    assert refused.status_code == 409
    assert again in refused.text
    assert "s3cret-w0rd" not in refused.text
    assert again not in owner_client.post(path, data=form).text
    wrong = owner_client.post(path, data={**form, secret: "s3cret-w0rd", "port": "none"})
    assert again in wrong.text


def test_two_new_webhooks_or_warm_ups_do_not_replace_each_other(owner_client: FlaskClient) -> None:
    with transaction():
        page = f"/settings/providers/{a_provider().public_id}"
    for path, data in (
        (f"{page}/returns/webhook", {"kind": "brevo"}),
        (f"{page}/limits/warm-up", {"group": "google"}),
    ):
        at = path.rpartition("/")[0]
        form = {**inputs_of(owner_client.get(at).text, path, at=at), **data}
        assert owner_client.post(path, data=form).status_code == 302
        assert owner_client.post(path, data=form).status_code == 409


@pytest.mark.parametrize(("path_of", "model"), [
    (path_of_list, AudienceList), (path_of_image, Media), (path_of_template, Template)
])  # fmt: skip
def test_what_was_deleted_meanwhile_is_not_found(
    owner_client: FlaskClient, path_of: Callable[[], str], model: type[Any]
) -> None:
    path = path_of()
    form = inputs_of(owner_client.get(path).text, path)
    with transaction():
        for row in db.session.query(model):
            db.session.delete(row)
    assert owner_client.post(path, data=form).status_code == 404


def test_sign_up_fields_chosen_in_another_window_stay(owner_client: FlaskClient) -> None:
    path = path_of_list()
    page = owner_client.get(path).text
    form = inputs_of(page, path)
    field = page.split('name="field" value="', 1)[1].split('"')[0]
    assert owner_client.post(path, data={**form, "field": field}).status_code == 302
    assert owner_client.post(path, data={**form, "description": "Tips"}).status_code == 409
    assert inputs_of(owner_client.get(path).text, path)["field"] == [field]


def test_a_series_that_stopped_meanwhile_is_not_said_to_have_changed(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of_series()
    form = inputs_of(owner_client.get(path).text, path)
    monkeypatch.setattr(series, "change", lambda *_given, **_also: False)
    page = owner_client.post(path, data=form, follow_redirects=True).text
    assert "has stopped" in page
    assert "Schedule changed" not in page
