"""An unavailable database: every page says so, and the log has one line."""

import logging
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from campaigns.db import db
from tests import servers
from tests.conftest import Database, settings_for_tests

# Each driver reports an outage in its own way.
pytestmark = pytest.mark.runs_on("sqlite", "postgresql")


def visit(client: FlaskClient) -> list[int]:
    return [client.get(path).status_code for path in ("/login", "/welcome", "/s/abcdefghijkl")]


def test_a_missing_sqlite_file_is_logged_once_and_when_it_is_back(
    databases: dict[str, Database], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from campaigns.app import create_app

    template = databases["sqlite"].template
    assert template is not None
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "campaigns.sqlite3"
    shutil.copyfile(template, file)
    app = create_app(settings_for_tests(tmp_path, database_url=f"sqlite:///{file}"))
    app.testing = False
    client = app.test_client()
    assert 503 not in visit(client)
    with app.app_context():
        db.engine.dispose()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with capture_logs() as logs, caplog.at_level(logging.ERROR):
        assert visit(client) == [503, 503, 503]
        assert visit(client) == [503, 503, 503]
        answer = client.get("/login")
        (tmp_path / "elsewhere").rename(tmp_path / "data")
        assert 503 not in visit(client)
    assert answer.headers["Retry-After"]
    assert "Temporarily unavailable" in answer.text
    assert [line["event"] for line in logs if "atabase" in line["event"]] == [
        "The database is unavailable. Work continues automatically when it is back.",
        "The database is back",
    ]
    assert "Traceback" not in caplog.text


def test_a_postgresql_that_ends_connections_is_reported(
    app: Flask,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.testing = False

    def fail(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("the connection is closed"))

    with capture_logs() as logs, caplog.at_level(logging.ERROR):
        with monkeypatch.context() as patch:
            patch.setattr(sa.engine.Engine, "connect", fail)
            assert visit(client) == [503, 503, 503]
        assert 503 not in visit(client)
    assert len([line for line in logs if "atabase is" in line["event"]]) == 2
    assert "Traceback" not in caplog.text


def test_an_out_of_range_value_on_a_public_page_is_no_outage(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.testing = False

    def fail(*_: object, **__: object) -> None:
        raise sa.exc.DataError("SELECT", {}, Exception("integer out of range"))

    monkeypatch.setattr(sa.engine.Engine, "connect", fail)
    assert client.get("/s/abcdefghijkl").status_code == 400


@pytest.mark.process
def test_a_stopped_postgresql_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from campaigns import migrate
    from campaigns.app import create_app

    with servers.embedded_postgresql() as url:
        settings = settings_for_tests(tmp_path, database_url=url)
        migrate.upgrade(settings)
        app = create_app(settings)
        app.testing = False
        client = app.test_client()
        assert 503 not in visit(client)
    with capture_logs() as logs, caplog.at_level(logging.ERROR):
        assert visit(client) == [503, 503, 503]
    assert len([line for line in logs if "atabase is" in line["event"]]) == 1
    assert "Traceback" not in caplog.text
