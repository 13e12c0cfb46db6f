"""Serve an app to a browser, and log a user in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from flask import Flask
from playwright.sync_api import BrowserContext
from werkzeug.serving import make_server

from campaigns.accounts import users
from campaigns.accounts.models import User
from campaigns.db import db
from tests.conftest import start_session


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app on a free port until the block ends; yield its URL."""
    http = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()
    with app.app_context():
        db.engine.dispose()


def log_in(context: BrowserContext, app: Flask, url: str, address: str) -> None:
    """Give a browser the session of a user, as the login page does."""
    client = app.test_client()
    start_session(client, partial(_user, address))
    cookie = client.get_cookie("campaigns")
    assert cookie is not None
    context.add_cookies([{"name": "campaigns", "value": cookie.value, "url": url}])


def _user(address: str) -> User:
    user = users.find_user(address)
    assert user is not None
    return user
