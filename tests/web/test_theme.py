"""A page is light or dark before its scripts run."""

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_a_page_comes_in_the_theme_that_the_user_chose(client: FlaskClient, chosen: str) -> None:
    assert f'data-bs-theme="{chosen}" data-theme-chosen>' in _page(client, chosen)


@pytest.mark.parametrize("cookie", ["", "sepia", '"><script>', "dark\x00"])
def test_without_a_choice_the_device_decides(client: FlaskClient, cookie: str) -> None:
    assert 'data-bs-theme="light">' in _page(client, cookie)


def _page(client: FlaskClient, cookie: str) -> str:
    client.set_cookie("theme", cookie)
    return client.get("/none").text
