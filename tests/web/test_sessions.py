"""Sessions are stored on the server: they are listed, ended one by one, and expire."""

import re
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import sessions, users
from campaigns.accounts.models import LoginSession
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import runtime, sweep
from tests.english import in_english
from tests.web.statements import counted
from tests.web.visits import visit

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def logged_in(app: Flask, ip: str = "198.51.100.7", user_agent: str = FIREFOX) -> FlaskClient:
    """Another browser in which the owner is logged in."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = ip
    client.environ_base["HTTP_USER_AGENT"] = user_agent
    form = {"address": "owner@example.org", "password": PASSWORD}
    assert visit(client, "/login", "POST", data=form).status_code == 302
    return client


def copied(app: Flask, client: FlaskClient) -> FlaskClient:
    """A browser with a copied cookie."""
    cookie = client.get_cookie("campaigns")
    assert cookie is not None
    copy = app.test_client()
    copy.set_cookie("campaigns", cookie.value)
    assert is_logged_in(copy)
    return copy


def is_logged_in(client: FlaskClient) -> bool:
    return visit(client, "/settings/account").status_code == 200


def rows() -> list[LoginSession]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(sa.select(LoginSession).order_by(LoginSession.id)))


def seen_at(when: datetime) -> None:
    with transaction():
        db.session.execute(sa.update(LoginSession).values(last_seen_at=when))


def test_a_copied_cookie_is_invalid_after_logging_out(
    app: Flask, owner_client: FlaskClient
) -> None:
    copy = copied(app, owner_client)
    visit(owner_client, "/logout", "POST")
    assert not is_logged_in(copy)
    assert rows() == []


def test_a_copied_cookie_is_invalid_after_a_password_change(
    app: Flask, owner_client: FlaskClient
) -> None:
    copy, phone = copied(app, owner_client), logged_in(app)
    form = {
        "old_password": PASSWORD,
        "new_password": "another good password",
        "new_password_again": "another good password",
    }
    assert visit(owner_client, "/settings/account/password", "POST", data=form).status_code == 302
    assert is_logged_in(owner_client)
    assert not is_logged_in(copy)
    assert not is_logged_in(phone)


def test_the_account_page_lists_all_sessions(app: Flask, owner_client: FlaskClient) -> None:
    logged_in(app, "2001:db8:1:2::3", IPHONE)
    logged_in(app)
    page = visit(owner_client, "/settings/account").text
    assert "Safari on iPhone" in page
    assert "2001:db8:1::/48" in page
    assert "Firefox on Linux" in page
    assert "198.51.100.0/24" in page
    assert page.count("This device") == 1
    assert page.count("Active now") == 1, "viewing pages writes nothing, but counts as activity"
    assert "198.51.100.7" not in page


def test_a_session_of_the_previous_version_keeps_its_device_name(
    app: Flask, owner_client: FlaskClient
) -> None:
    with transaction():
        db.session.execute(sa.update(LoginSession).values(device="Safari on iPad"))
    assert "Safari on iPad" in visit(owner_client, "/settings/account").text


def test_one_session_is_logged_out_from_another(app: Flask, owner_client: FlaskClient) -> None:
    phone = logged_in(app)
    own, other = rows()
    path = f"/settings/account/sessions/{other.public_id}/end"
    assert visit(owner_client, path, "POST").location == "/settings/account"
    assert not is_logged_in(phone)
    assert is_logged_in(owner_client)
    path = f"/settings/account/sessions/{own.public_id}/end"
    assert visit(owner_client, path, "POST").location == "/login"
    assert not is_logged_in(owner_client)


def test_nobody_can_end_another_users_session(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        other = users.create_user("second@example.org", PASSWORD, now=utcnow())
        token = sessions.start(other.id, network="", user_agent="", now=utcnow())
    (theirs,) = [row for row in rows() if row.user_id == other.id]
    visit(owner_client, f"/settings/account/sessions/{theirs.public_id}/end", "POST")
    visit(owner_client, "/settings/account/sessions/end", "POST")
    assert sessions.find(token, now=utcnow()) is not None


def test_logging_out_everywhere_ends_every_session(app: Flask, owner_client: FlaskClient) -> None:
    phone = logged_in(app)
    assert visit(owner_client, "/settings/account/sessions/end", "POST").location == "/login"
    assert not is_logged_in(phone)
    assert not is_logged_in(owner_client)
    assert "Logged out everywhere" in visit(owner_client, "/login").text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_reading_writes_nothing_and_a_change_extends_the_session(
    owner_client: FlaskClient,
) -> None:
    earlier = utcnow() - timedelta(days=13)
    seen_at(earlier)
    visit(owner_client, "/")
    assert rows()[0].last_seen_at == earlier
    visit(owner_client, "/settings/account", "POST", data={"address": "owner@example.org"})
    assert utcnow() - rows()[0].last_seen_at < timedelta(minutes=1)
    just_now = utcnow() - timedelta(minutes=4)
    seen_at(just_now)
    visit(owner_client, "/settings/account", "POST", data={"address": "owner@example.org"})
    assert rows()[0].last_seen_at == just_now


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_poll_neither_repeats_nor_loses_a_message(app: Flask, owner_client: FlaskClient) -> None:
    location = owner_client.post("/fields/new", data={"label": "City"}).location
    polled = copied(app, owner_client)
    assert "Field created" in owner_client.get(location).text
    answer = visit(polled, "/fields/progress", headers={"HX-Request": "true"})
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" in visit(owner_client, "/fields").headers
    # A part that shows the message itself takes it out of the session.
    owner_client.post("/fields/new", data={"label": "Plan"})
    answer = visit(owner_client, "/fields", headers={"HX-Request": "true"})
    assert "Field created" in answer.text
    assert "Set-Cookie" in answer.headers
    assert "Field created" not in owner_client.get("/fields").text


def test_a_session_expires_and_is_deleted(app: Flask, owner_client: FlaskClient) -> None:
    runtime.use(app)
    seen_at(utcnow() - sessions.LASTS + timedelta(minutes=1))
    sweep.prune()
    assert is_logged_in(owner_client)
    seen_at(utcnow() - sessions.LASTS)
    assert not is_logged_in(owner_client)
    sweep.prune()
    assert rows() == []


def test_the_cookie_is_not_what_is_stored(owner_client: FlaskClient) -> None:
    with owner_client.session_transaction() as session:
        token = session["_user_id"]
    assert token not in {rows()[0].token_hash, rows()[0].public_id}
    assert rows()[0].token_hash == sessions.token_hash(token)


def test_the_user_is_looked_up_with_one_statement(app: Flask, owner_client: FlaskClient) -> None:
    with counted() as statements:
        visit(owner_client, "/login")
    assert len(statements) == 1, statements
    assert re.search("login_session.*JOIN user_account", statements[0], re.DOTALL)


def test_a_password_changed_while_it_is_checked_opens_no_session(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        owner = users.create_user("owner@example.org", PASSWORD, now=utcnow())
    verify = users.verify

    def slow(*args: object, **values: object) -> object:
        found = verify(*args, **values)  # type: ignore[arg-type]
        with transaction():
            stored = db.session.get_one(type(owner), owner.id)
            users.set_password(stored, "another good password")
        if found is not None:
            found.password_hash = checked
            db.session.expunge(found)
        return found

    checked = owner.password_hash
    monkeypatch.setattr(users, "verify", slow)
    form = {"address": "owner@example.org", "password": PASSWORD}
    assert visit(client, "/login", "POST", data=form).status_code == 422
    assert rows() == []


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/126 Safari/537 Edg/126",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Chrome/126.0 Safari/537", "Chrome on macOS"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("<script>" * 1000, "Unknown browser"),
    ],
)
def test_browsers_have_short_names(user_agent: str, name: str) -> None:
    assert in_english(sessions.device_of(user_agent)) == name
