"""The components of pages, and the page for developers that shows them all."""

import re

from flask import Flask
from flask.testing import FlaskClient


def render(app: Flask, module: str, macro: str, call: str) -> str:
    source = f'{{% from "components/{module}.html" import {macro} %}}{call}'
    with app.test_request_context("/"):
        return app.jinja_env.from_string(source).render()


def test_the_page_of_components_exists_only_in_development_mode(
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
    assert ids
    assert len(ids) == len(set(ids))


def test_the_page_of_components_needs_a_login(app: Flask, client: FlaskClient) -> None:
    app.debug = True
    try:
        assert client.get("/dev/components").headers["Location"].startswith("/login")
    finally:
        app.debug = False


def test_a_field_refers_to_its_hint_and_error_for_screen_readers(app: Flask) -> None:
    call = '{{ field("a", "A", "<b>", hint="H", error="E") }}'
    html = render(app, "forms", "field", call)
    assert 'aria-describedby="a-error a-hint"' in html
    assert '<label class="form-label" for="a">A</label>' in html
    assert 'value="&lt;b&gt;"' in html


def test_a_post_button_includes_the_token_its_values_and_its_confirmation(app: Flask) -> None:
    call = '{{ post_button("/go", "Go", values={"list": "x"}, confirm="Sure?", danger=true) }}'
    html = render(app, "forms", "post_button", call)
    assert 'method="post" action="/go"' in html
    assert 'name="csrf_token"' in html
    assert '<input type="hidden" name="list" value="x">' in html
    assert 'data-confirm="Sure?" data-confirm-danger' in html


def test_a_cell_includes_its_heading_for_phones(app: Flask) -> None:
    call = '{{ cell("Rows", "1,234", numeric=true) }}{{ cell("Name", "News", main=true) }}'
    html = render(app, "data", "cell", call)
    assert '<td class="num " data-label="Rows">1,234</td>' in html
    assert '<td class="main-cell ">News</td>' in html


def test_a_success_is_a_toast_and_an_error_stays_on_the_page(
    app: Flask, owner_client: FlaskClient
) -> None:
    with owner_client.session_transaction() as session:
        session["_flashes"] = [("success", "Changes saved"), ("danger", "Choose a list.")]
    page = owner_client.get("/").text
    toasts = page.partition('id="toasts"')[2]
    assert "Changes saved" in toasts
    assert "Choose a list." not in toasts
    assert page.count("Changes saved") == page.count("Choose a list.") == 1
