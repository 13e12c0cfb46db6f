"""A forgotten password is reset by email, and no page reveals who has an account."""

import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as email_policy

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns import formatting
from campaigns.accounts import password_resets, users
from campaigns.accounts.models import PasswordReset
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import runtime, sweep
from campaigns.jobs.transactional import deliver
from campaigns.providers.models import ProviderAccount
from campaigns.transactional.models import TransactionalEmail
from tests.jobs.test_transactional import sending_server
from tests.smtp_server import ScriptedServer
from tests.web.statements import counted
from tests.web.visits import visit

OWNER = "owner@example.org"
PASSWORD = "correct horse battery"
NEW = "another good password"
FORM = {"password": NEW, "password_again": NEW}


@pytest.fixture
def server(app: Flask) -> Iterator[ScriptedServer]:
    """A server for email, and the owner's account."""
    runtime.use(app)
    with transaction():
        users.create_user(OWNER, PASSWORD, now=utcnow())
    with sending_server() as server:
        yield server


def ask(client: FlaskClient, address: str = OWNER, ip: str = "198.51.100.7") -> int:
    form = {"address": address}
    answer = visit(client, "/forgot", "POST", data=form, environ_base={"REMOTE_ADDR": ip})
    return answer.status_code


def queued_emails() -> list[TransactionalEmail]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(sa.select(TransactionalEmail).order_by(TransactionalEmail.id)))


def send_all() -> None:
    for mail in queued_emails():
        if mail.status == "queued":
            deliver(mail.id)


def last_email(server: ScriptedServer) -> EmailMessage:
    return message_from_bytes(server.received[-1].data, policy=email_policy)


def link_in(server: ScriptedServer) -> str:
    body = last_email(server).get_body(("plain",))
    assert body is not None
    found = re.search(r"https://news\.example\.org(/reset/\S+)", str(body.get_content()))
    assert found is not None
    return found[1]


def a_link(client: FlaskClient, server: ScriptedServer) -> str:
    assert ask(client) == 302
    send_all()
    return link_in(server)


def can_log_in(client: FlaskClient, password: str) -> bool:
    form = {"address": OWNER, "password": password}
    return visit(client, "/login", "POST", data=form).status_code == 302


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_link_in_the_email_sets_a_new_password(
    app: Flask, client: FlaskClient, server: ScriptedServer
) -> None:
    logged_in = app.test_client()
    assert can_log_in(logged_in, PASSWORD)
    link = a_link(client, server)
    assert server.received[-1].rcpt_to == OWNER
    assert visit(client, link).status_code == 200
    assert visit(client, link, "POST", data=FORM).location == "/login"
    assert visit(logged_in, "/").status_code == 302, "all sessions have ended"
    assert can_log_in(client, NEW)
    send_all()
    assert last_email(server)["Subject"] == "Your password was changed"


def test_the_link_works_once(client: FlaskClient, server: ScriptedServer) -> None:
    link = a_link(client, server)
    for _ in range(3):
        assert visit(client, link).status_code == 200, "viewing the page does not use it up"
    assert visit(client, link, "POST", data=FORM).status_code == 302
    again = {"password": "a third password", "password_again": "a third password"}
    assert visit(client, link, "POST", data=again).status_code == 404
    assert visit(client, link).status_code == 404
    assert can_log_in(client, NEW)


def test_a_newer_link_ends_the_older_one(client: FlaskClient, server: ScriptedServer) -> None:
    first, second = a_link(client, server), a_link(client, server)
    assert first != second
    assert visit(client, first).status_code == 404
    assert visit(client, second).status_code == 200


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize("change", ["password", "address"])
def test_a_change_of_the_account_ends_the_link(
    client: FlaskClient, server: ScriptedServer, change: str
) -> None:
    link = a_link(client, server)
    with transaction():
        user = users.find_user(OWNER)
        assert user is not None
        if change == "password":
            users.set_password(user, NEW)
        else:
            users.change_profile(user, name="", address="new@example.org")
    assert visit(client, link).status_code == 404


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_link_ends_after_half_an_hour(client: FlaskClient, server: ScriptedServer) -> None:
    link = a_link(client, server)
    with transaction():
        ends = db.session.scalars(sa.select(PasswordReset.expires_at)).one()
        assert ends - utcnow() <= timedelta(minutes=30)
        db.session.execute(sa.update(PasswordReset).values(expires_at=utcnow()))
    assert visit(client, link).status_code == 404
    assert visit(client, link, "POST", data=FORM).status_code == 404
    sweep.prune()
    assert db.session.scalars(sa.select(PasswordReset)).all() == []


def test_an_email_that_waited_too_long_is_not_sent(
    client: FlaskClient, server: ScriptedServer
) -> None:
    ask(client)
    with transaction():
        db.session.execute(
            sa.update(TransactionalEmail).values(created_at=utcnow() - password_resets.GOOD_FOR)
        )
    send_all()
    assert server.received == []
    assert queued_emails()[0].status == "failed"


def test_only_the_hash_of_the_token_is_stored(client: FlaskClient, server: ScriptedServer) -> None:
    token = a_link(client, server).removeprefix("/reset/")
    stored = db.session.scalars(sa.select(PasswordReset)).one()
    assert token not in stored.token_hash
    assert len(stored.token_hash) == 64
    assert token not in str(queued_emails()[0].payload)


def test_the_answer_is_the_same_for_every_address(
    client: FlaskClient, server: ScriptedServer
) -> None:
    """It also takes equally long: the address is looked up when the email is sent."""
    asked = {}
    for address in (OWNER, "nobody@example.org"):
        with counted() as statements:
            answer = visit(client, "/forgot", "POST", data={"address": address})
        page = visit(client, answer.location)
        asked[address] = answer.status_code, answer.location, page.text, tuple(statements)
    assert asked[OWNER] == asked["nobody@example.org"]
    send_all()
    assert [received.rcpt_to for received in server.received] == [OWNER]
    assert [mail.address for mail in queued_emails()] == [OWNER], (
        "nothing is stored of the other address"
    )


def test_the_email_goes_to_the_address_of_the_account(
    client: FlaskClient, server: ScriptedServer
) -> None:
    for typed in (" OWNER@Example.org ", "Olga <owner@example.org>", "mailto:owner@example.org"):
        ask(client, typed)
        send_all()
        assert server.received.pop().rcpt_to == OWNER


def test_the_link_uses_the_public_url_whatever_the_request_says(
    client: FlaskClient, server: ScriptedServer
) -> None:
    visit(
        client,
        "/forgot",
        "POST",
        data={"address": OWNER},
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    for mail in queued_emails():
        deliver(mail.id)
    for received in server.received:
        assert b"evil" not in received.data
        assert link_in(server).startswith("/reset/")


def test_without_a_working_account_the_page_names_the_command(
    client: FlaskClient, server: ScriptedServer
) -> None:
    with transaction():
        db.session.execute(sa.update(ProviderAccount).values(trouble="refused", trouble_count=1))
    pages = {visit(client, "/forgot").text}
    for address in (OWNER, "nobody@example.org"):
        pages.add(visit(client, "/forgot", "POST", data={"address": address}).text)
    assert len({re.sub('name="csrf_token".*', "", page) for page in pages}) == 1
    assert "campaigns reset-password" in pages.pop()
    assert queued_emails() == []


def test_the_email_is_sent_through_a_working_account(
    client: FlaskClient, server: ScriptedServer
) -> None:
    with transaction():
        db.session.execute(sa.update(ProviderAccount).values(trouble="refused", trouble_count=1))
        from tests.factories import a_provider, a_sender

        works = a_provider("Works", port=server.port)
        a_sender("other@example.org", works, is_default=False)
    ask(client)
    send_all()
    assert server.received[-1].mail_from == "other@example.org"


def test_the_address_and_the_network_are_limited(
    client: FlaskClient, server: ScriptedServer
) -> None:
    same_address = [ask(client, f"owner+{n}@example.org", f"203.0.113.{n}") for n in range(6)]
    assert same_address == [302] * 5 + [429]
    spellings = ("Olga <owner@example.org>", "mailto:owner@example.org?1", "'owner@example.org'")
    assert [ask(client, text, f"192.0.2.{n}") for n, text in enumerate(spellings)] == [429] * 3
    same_network = [ask(client, f"p{n}@example.org", f"2001:db8::{n}") for n in range(6)]
    assert same_network == [302] * 5 + [429]


def test_addresses_that_cannot_exist_use_up_no_limit_of_sending(
    client: FlaskClient, server: ScriptedServer
) -> None:
    typos = ["owner@", "", "owner@example", "owner example.org", "owner@exa mple.org", "owner@"]
    assert [ask(client, typo) for typo in [*typos, *typos]] == [422] * 12
    assert ask(client) == 302
    assert [ask(client, "owner@") for _ in range(9)][-1] == 429, "the client's limit counts all"


def test_all_spellings_of_an_address_reach_the_account_and_count_as_one(
    client: FlaskClient, server: ScriptedServer
) -> None:
    spellings = [f"<{OWNER}>", f"mailto:{OWNER}", f"Ann <{OWNER}>", f'"{OWNER}"', OWNER.upper()]
    answers = [ask(client, one, f"203.0.113.{n}") for n, one in enumerate([*spellings, OWNER])]
    assert answers == [302] * 5 + [429]
    send_all()
    assert [received.rcpt_to for received in server.received] == [OWNER] * 5


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"password": NEW, "password_again": "other"}, "The two passwords differ."),
        ({"password": "short", "password_again": "short"}, "at least 10 characters"),
        ({}, "at least 10 characters"),
    ],
)
def test_an_error_does_not_use_up_the_link(
    client: FlaskClient, server: ScriptedServer, form: dict[str, str], words: str
) -> None:
    link = a_link(client, server)
    answer = visit(client, link, "POST", data=form)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert visit(client, link, "POST", data=FORM).status_code == 302


def test_the_url_of_the_page_is_not_leaked(client: FlaskClient, server: ScriptedServer) -> None:
    link = a_link(client, server)
    assert visit(client, link).headers["Referrer-Policy"] == "no-referrer"
    assert visit(client, "/reset/nonsense").headers["Referrer-Policy"] == "no-referrer"


def test_a_new_password_ends_the_delay_of_the_login(
    client: FlaskClient, server: ScriptedServer
) -> None:
    for _ in range(6):
        can_log_in(client, "wrong")
    assert not can_log_in(client, PASSWORD)
    visit(client, a_link(client, server), "POST", data=FORM)
    assert can_log_in(client, NEW)


def test_the_page_says_how_long_to_wait(client: FlaskClient, server: ScriptedServer) -> None:
    for number in range(5):
        ask(client, ip=f"198.51.{number}.7")
    answer = visit(
        client,
        "/forgot",
        "POST",
        data={"address": OWNER},
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 120, "the hourly limit was reached"
    minutes = -(-int(answer.headers["Retry-After"]) // 60)
    assert f"Try again in {formatting.duration(60 * minutes, 'en')}." in answer.text
