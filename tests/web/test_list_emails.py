"""The pages on which the emails of a list get their own wording."""

from flask.testing import FlaskClient

from campaigns.db import transaction
from campaigns.transactional import list_emails
from tests.factories import a_list

OWN = {"subject": "One <more> step", "text": "Click:\n\n{{ confirm_url }}", "button": "Yes"}


def path_of_list() -> str:
    with transaction():
        return f"/lists/{a_list().public_id}"


def seen_in(page: str) -> str:
    return page.split('name="seen" value="', 1)[1].split('"')[0]


def test_the_wording_is_edited_from_the_page_of_the_list_and_reset(
    owner_client: FlaskClient,
) -> None:
    path = path_of_list()
    page = owner_client.get(path).text
    assert f'href="{path}/emails/confirm"' in page
    assert "Default wording" in page
    form = owner_client.get(f"{path}/emails/confirm").text
    assert "Confirm your subscription to {{ list.name }}" in form
    assert "Reset to default" not in form
    saved = owner_client.post(f"{path}/emails/confirm", data={**OWN, "seen": ""})
    assert saved.location == path
    assert "Custom wording" in owner_client.get(path).text
    assert "One &lt;more&gt; step" in owner_client.get(f"{path}/emails/confirm").text
    assert owner_client.post(f"{path}/emails/confirm/reset").status_code == 302
    assert "Default wording" in owner_client.get(path).text


def test_without_the_link_nothing_is_saved_and_the_text_stays(owner_client: FlaskClient) -> None:
    path = f"{path_of_list()}/emails/confirm"
    answer = owner_client.post(path, data={**OWN, "text": "My <text>", "seen": ""})
    assert answer.status_code == 422
    assert "The confirmation link is missing." in answer.text
    assert "My &lt;text&gt;" in answer.text


def test_a_second_window_is_told_and_loses_nothing(owner_client: FlaskClient) -> None:
    path = f"{path_of_list()}/emails/confirm"
    assert owner_client.post(path, data={**OWN, "seen": ""}).status_code == 302
    refused = owner_client.post(path, data={**OWN, "subject": "Theirs", "seen": ""})
    assert refused.status_code == 409
    assert 'value="Theirs"' in refused.text
    again = {**OWN, "subject": "Theirs", "seen": seen_in(refused.text)}
    assert owner_client.post(path, data=again).status_code == 302


def test_the_welcome_email_is_turned_on_and_off(owner_client: FlaskClient) -> None:
    path = path_of_list()
    form = {"subject": "Hi", "text": 'Hello {{ subscriber.first_name or "you" }}', "is_on": "1"}
    assert owner_client.post(f"{path}/emails/welcome", data={**form, "seen": ""}).status_code == 302
    assert "· On" in owner_client.get(path).text
    assert owner_client.get(f"{path}/emails/sale").status_code == 404


def test_the_preview_shows_the_email_of_the_form_and_what_is_wrong(
    owner_client: FlaskClient,
) -> None:
    path = f"{path_of_list()}/emails/confirm/preview"
    frame = owner_client.get(path)
    assert "Confirm subscription" in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    answer = owner_client.post(path, data=OWN).json
    assert answer is not None
    assert (answer["subject"], answer["warnings"]) == ("One <more> step", [])
    assert "Yes" in answer["html"]
    wrong = owner_client.post(path, data={**OWN, "text": "{% x %}"}).json
    assert wrong is not None
    assert (wrong["html"], len(wrong["warnings"])) == ("", 1)
    assert list_emails.of_list(1) == {}
