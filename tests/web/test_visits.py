"""Requests of one test do not reach into those of another."""

import gc

from flask import Flask, request
from flask.testing import FlaskClient


def test_an_export_that_nobody_reads_ends_no_later_request(
    app: Flask, owner_client: FlaskClient
) -> None:
    cycle: list[object] = [owner_client.get("/suppressions/export.csv")]
    cycle.append(cycle)
    del cycle
    with app.test_request_context("/login"):
        gc.collect()
        assert request.path == "/login"
