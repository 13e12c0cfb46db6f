"""Two people have the same form open, and both save it: the second is told, and loses nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.audience.models import AudienceList
from campaigns.campaign import series
from campaigns.content.library.models import Media, Template
from campaigns.db import db, transaction
from tests.content.library.pictures import drawing, encoded
from tests.content.library.test_media import added
from tests.factories import a_field, a_list, a_series, a_template
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


FORMS = [
    pytest.param(path_of_list, "description", id="list"),
    pytest.param(path_of_image, "alt", id="image"),
    pytest.param(path_of_template, "subject", id="template"),
    pytest.param(path_of_series, "interval", id="series"),
]


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize(("path_of", "name"), FORMS)
def test_the_second_to_save_is_told_and_loses_nothing(
    owner_client: FlaskClient, path_of: Callable[[], str], name: str
) -> None:
    path = path_of()

    def opened() -> dict[str, Any]:
        db.session.rollback()
        return inputs_of(owner_client.get(path).text, path)

    form = opened()
    assert owner_client.post(path, data={**form, name: "7"}).status_code == 302
    assert opened()[name] == ["7"]
    refused = owner_client.post(path, data={**form, name: "8"})
    assert refused.status_code == 409
    assert "Someone else changed this first." in refused.text
    assert opened()[name] == ["7"]
    again = inputs_of(refused.text, path)
    assert again[name] == ["8"]
    assert owner_client.post(path, data=again).status_code == 302
    assert opened()[name] == ["8"]
    assert owner_client.post(path, data=opened()).status_code == 302


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
