"""The wheel, installed away from any checkout, migrates and serves pages."""

import http.client
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import wheels
from tests.product import free_port
from tests.supervisor.helpers import wait_until

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.install(wheel, tmp_path_factory.mktemp("clean"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port())}


def test_the_wheel_contains_templates_static_files_migrations_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for wanted in (
        "campaigns/_resources/templates/web/login.html",
        "campaigns/_resources/static/css/app.css",
        "campaigns/_resources/migrations/env.py",
        "campaigns/py.typed",
    ):
        assert wanted in names
    assert any(name.endswith("static/vendor/htmx/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_checkout_is_not_importable(python: Path, tmp_path: Path) -> None:
    code = (
        "import campaigns.paths; print(campaigns.__file__); print(campaigns.paths.resource_root())"
    )
    done = subprocess.run(
        [python, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(ROOT) + "/" not in done.stdout
    assert done.stdout.rstrip().endswith("campaigns/_resources")


def test_the_installed_wheel_migrates_and_serves_a_page_and_a_static_file(
    python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [str(python), "-P", "-m", "campaigns.cli"]
    migrated = subprocess.run(
        [*command, "migrate"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert migrated.returncode == 0, migrated.stderr
    account = subprocess.run(
        [*command, "create-admin", "--address", "owner@example.org", "--password-stdin"],
        cwd=tmp_path, env=environment, input="correct horse battery\n", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert account.returncode == 0, account.stderr
    for page in _served(command, environment, tmp_path):
        assert page("/login")[0] == 200
        assert b"<form" in page("/login")[1]
        style = re.search(rb'href="(/static/[^"]+/app\.bundle\.css)"', page("/login")[1])
        assert style is not None
        assert page(style[1].decode())[0] == 200


def _served(command: list[str], environment: dict[str, str], folder: Path) -> Iterator["Page"]:
    """Run the server once; return the pages it serves."""
    with (folder / "web.log").open("wb") as log:
        web = subprocess.Popen(
            [*command, "web"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    page = Page(int(environment["PORT"]))
    try:
        wait_until(
            lambda: page("/health")[0] == 200 or web.poll() is not None, "the web process", 60
        )
        assert web.poll() is None, (folder / "web.log").read_text()
        yield page
    finally:
        web.terminate()
        web.wait(20)


class Page:
    """Requests a page; returns the status (0: no answer) and the body."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()
