"""Only host names of this installation are served, so that no page can link elsewhere."""

import re
from pathlib import Path

import pytest

from campaigns.app import create_app
from campaigns.config import SettingsError, load_settings
from campaigns.supervisor.up import Screen, _Run
from tests.conftest import settings_for_tests

OTHER = "evil.example"


def code_for(tmp_path: Path, asked: str, path: str = "/nothing", **settings: object) -> int:
    app = create_app(settings_for_tests(tmp_path, **settings))
    return app.test_client().get(path, headers={"Host": asked}).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:9000", "127.0.0.1:8000", "[::1]:8000", "news.example.org",
     "NEWS.example.org:8443", "old.example.org", "10.1.2.3:8000"],
)  # fmt: skip
def test_host_names_of_this_installation_are_served(tmp_path: Path, host: str) -> None:
    found = code_for(tmp_path, host, trusted_hosts="old.example.org", host="10.1.2.3")
    assert found == 404


@pytest.mark.parametrize(
    "host",
    [OTHER, f"{OTHER}:8000", f"news.example.org.{OTHER}", f"x@{OTHER}", "news.example.org:81:82",
     f"{OTHER}/news.example.org", "", "[", "a b"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/login", "/", "/lists/", "/nothing", "/u/x"])
def test_other_host_names_are_refused_with_what_to_do(tmp_path: Path, host: str, path: str) -> None:
    app = create_app(settings_for_tests(tmp_path))
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "add the name to TRUSTED_HOSTS" in answer.text
    assert OTHER not in answer.text
    assert 'class="error-code"' in answer.text


def test_a_forwarded_name_counts_only_behind_a_trusted_proxy(tmp_path: Path) -> None:
    for hops, host, forwarded, code in (
        (0, "localhost", OTHER, 404),
        (0, OTHER, "localhost", 400),
        (1, "localhost", OTHER, 400),
        (1, OTHER, "news.example.org", 404),
    ):
        app = create_app(settings_for_tests(tmp_path, trusted_proxies=hops))
        headers = {"Host": host, "X-Forwarded-Host": forwarded}
        assert app.test_client().get("/nothing", headers=headers).status_code == code


def test_health_and_tracking_are_served_under_any_name(tmp_path: Path) -> None:
    assert code_for(tmp_path, "10.9.8.7", "/health", database_url=f"sqlite:///{tmp_path}/x") == 200
    assert code_for(tmp_path, "10.9.8.7", "/o/x.gif") == 200


def test_the_page_under_an_unknown_name_is_styled(tmp_path: Path) -> None:
    client = create_app(settings_for_tests(tmp_path)).test_client()
    page = client.get("/login", headers={"Host": OTHER}).text
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert styles
    for style in styles:
        assert client.get(style, headers={"Host": OTHER}).status_code == 200


def test_hosts_are_plain_names(tmp_path: Path) -> None:
    assert load_settings(trusted_hosts="a.example, B.example,").trusted_hosts == (
        "a.example",
        "b.example",
    )
    with pytest.raises(SettingsError, match="TRUSTED_HOSTS"):
        load_settings(trusted_hosts="https://a.example")


def test_the_page_under_an_unknown_name_has_no_useless_button(tmp_path: Path) -> None:
    app = create_app(settings_for_tests(tmp_path))
    refused = app.test_client().get("/", headers={"Host": OTHER}).text
    assert 'href="/"' not in refused
    assert "Go to home page" in app.test_client().get("/nothing").text


@pytest.mark.parametrize(
    ("values", "is_nameless"),
    [
        ({"host": "0.0.0.0"}, True),  # noqa: S104
        ({"host": "::"}, True),
        ({"host": "0.0.0.0", "public_url": "https://news.example.org"}, False),  # noqa: S104
        ({"host": "0.0.0.0", "trusted_hosts": "box.example.org"}, False),  # noqa: S104
        ({"host": "192.0.2.7"}, False),
        ({"host": "127.0.0.1"}, False),
    ],
)
def test_listening_everywhere_without_a_host_name_logs_a_warning(
    tmp_path: Path, values: dict[str, object], is_nameless: bool
) -> None:
    settings = settings_for_tests(tmp_path, **{"public_url": "", **values})
    lines = _Run(settings, Screen(), 0, False, False, None)._ready_block([])
    assert any("set PUBLIC_URL" in line for line in lines) is is_nameless
