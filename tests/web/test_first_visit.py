"""The first visit: it makes the owner's account, once."""

import pytest
from flask.testing import FlaskClient

from campaigns.accounts import service
from tests.web.visits import visit

FORM = {
    "workspace": "Harbour Coffee",
    "name": "Olga",
    "address": "owner@example.org",
    "password": "correct horse battery",
    "password_again": "correct horse battery",
}


def test_everything_leads_to_the_first_visit(client: FlaskClient) -> None:
    assert visit(client, "/").location == "/login?next=/"
    assert visit(client, "/login").location == "/welcome"
    assert visit(client, "/welcome").status_code == 200


def test_the_owner_is_logged_in_afterwards(client: FlaskClient) -> None:
    assert visit(client, "/welcome", "POST", data=FORM).location == "/"
    page = visit(client, "/")
    assert page.status_code == 200
    assert "Harbour Coffee" in page.text


def test_it_is_closed_as_soon_as_there_is_an_account(client: FlaskClient) -> None:
    visit(client, "/welcome", "POST", data=FORM)
    visit(client, "/logout", "POST")
    second = {**FORM, "address": "second@example.org"}
    assert visit(client, "/welcome").location == "/login"
    assert visit(client, "/welcome", "POST", data=second).location == "/login"
    assert service.find_user("second@example.org") is None
    assert visit(client, "/").status_code == 302


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_again": "other"}, "The two passwords differ."),
        ({"password": "short", "password_again": "short"}, "at least 10 characters"),
        ({"address": "nonsense"}, "@"),
        ({"address": "a\x00b@example.org"}, "control character"),
    ],
)
def test_a_mistake_gives_the_form_back_without_passwords(
    client: FlaskClient, change: dict[str, str], words: str
) -> None:
    answer = visit(client, "/welcome", "POST", data={**FORM, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Olga"' in answer.text
    assert FORM["password"] not in answer.text
    assert not service.has_users()


def test_it_cannot_be_hammered(client: FlaskClient) -> None:
    codes = [visit(client, "/welcome", "POST", data={}).status_code for _ in range(21)]
    assert (codes[0], codes[-1]) == (422, 429)
