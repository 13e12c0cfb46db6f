"""A full disk is reported on the page."""

import errno
import logging
from io import BytesIO

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.imports import uploads
from campaigns.db import db, is_disk_full
from campaigns.web import template_helpers


def test_every_page_says_that_the_disk_is_full(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "disk is full" not in owner_client.get("/").get_data(as_text=True)
    monkeypatch.setattr(template_helpers, "LOW_DISK_BYTES", 1 << 62)
    assert "disk is full" in owner_client.get("/").get_data(as_text=True)


def test_a_change_that_cannot_be_saved_is_reported(app: Flask, owner_client: FlaskClient) -> None:
    db.session.remove()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")  # pages that earlier tests left empty would be used
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def keep_small(connection: sa.engine.interfaces.DBAPIConnection, record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    db.session.remove()
    db.engine.dispose()
    sa.event.listen(db.engine, "connect", keep_small)
    app.testing = False  # errors become pages, as in production
    form = {"addresses": "\n".join(f"reader{number}@example.org" for number in range(3000))}
    try:
        answer = owner_client.post("/suppressions/new", data=form)
    finally:
        sa.event.remove(db.engine, "connect", keep_small)  # the next test uses the same engine
        db.session.remove()
        db.engine.dispose()
    assert answer.status_code == 507
    assert "The disk is full" in answer.get_data(as_text=True)


def test_a_file_that_cannot_be_written_is_reported(
    app: Flask,
    owner_client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "sweep", fail)
    app.testing = False
    form = {"file": (BytesIO(b"a@example.org\n"), "people.csv")}
    with caplog.at_level(logging.ERROR):
        answer = owner_client.post("/imports", data=form, content_type="multipart/form-data")
    assert answer.status_code == 507
    assert "The disk is full" in answer.text
    assert "Traceback" not in caplog.text


def test_the_messages_of_both_databases_are_recognized() -> None:
    full = sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))
    assert is_disk_full(full)
    words = Exception('could not extend file "base/1": No space left on device')
    assert is_disk_full(sa.exc.OperationalError("INSERT", {}, words))
    assert not is_disk_full(sa.exc.OperationalError("INSERT", {}, Exception("server closed")))
    assert is_disk_full(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(None)
