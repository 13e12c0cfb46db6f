"""The components that pages are made of, and the page for developers that shows them all."""

import re

from flask import Flask
from flask.testing import FlaskClient


def render(app: Flask, source: str) -> str:
    with app.test_request_context("/"):
        return app.jinja_env.from_string(source).render()


def test_the_page_of_components_exists_in_development_mode_only(
    app: Flask, owner_client: FlaskClient
) -> None:
    app.debug = False
    assert owner_client.get("/dev/components").status_code == 404
    app.debug = True
    try:
        answer = owner_client.get("/dev/components")
    finally:
        app.debug = False
    assert answer.status_code == 200
    assert 'data-bs-theme="dark"' in answer.text
    ids = re.findall(r'\bid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))


def test_the_page_of_components_asks_for_a_login(app: Flask, client: FlaskClient) -> None:
    app.debug = True
    try:
        assert client.get("/dev/components").headers["Location"].startswith("/login")
    finally:
        app.debug = False


def test_a_field_names_its_hint_and_its_error_for_screen_readers(app: Flask) -> None:
    html = render(
        app,
        '{% from "components/forms.html" import field %}'
        '{{ field("a", "A", "<b>", hint="H", error="E") }}',
    )
    assert 'aria-describedby="a-error a-hint"' in html
    assert '<label class="form-label" for="a">A</label>' in html
    assert 'value="&lt;b&gt;"' in html


def test_a_post_button_carries_the_token_its_values_and_its_question(app: Flask) -> None:
    html = render(
        app,
        '{% from "components/forms.html" import post_button %}'
        '{{ post_button("/go", "Go", values={"list": "x"}, confirm="Sure?", danger=true) }}',
    )
    assert 'method="post" action="/go"' in html
    assert 'name="csrf_token"' in html
    assert '<input type="hidden" name="list" value="x">' in html
    assert 'data-confirm="Sure?" data-confirm-danger' in html


def test_a_cell_knows_its_heading_for_phones(app: Flask) -> None:
    html = render(
        app,
        '{% from "components/data.html" import cell %}'
        '{{ cell("Rows", "1,234", numeric=true) }}{{ cell("Name", "News", main=true) }}',
    )
    assert '<td class="num " data-label="Rows">1,234</td>' in html
    assert '<td class="main-cell ">News</td>' in html


def test_success_is_a_toast_and_a_problem_stays_on_the_page(
    app: Flask, owner_client: FlaskClient
) -> None:
    with owner_client.session_transaction() as session:
        session["_flashes"] = [("success", "Changes saved"), ("danger", "Choose a list.")]
    page = owner_client.get("/").text
    toasts = page.partition('id="toasts"')[2]
    assert "Changes saved" in toasts
    assert "Choose a list." not in toasts
    assert page.count("Changes saved") == page.count("Choose a list.") == 1
