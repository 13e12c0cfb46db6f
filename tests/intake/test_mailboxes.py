import ssl
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import IntakeMailbox
from campaigns.inputs import InvalidInputError
from campaigns.intake import mailboxes
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.intake.reader import MailboxLogin, MailboxTroubleError
from campaigns.intake.service import open_mailbox
from campaigns.providers import return_domains
from campaigns.providers.smtp import oauth
from campaigns.reason import Reason
from tests.factories import a_provider
from tests.token_endpoint import ok, serving

pytestmark = pytest.mark.usefixtures("app")
NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
GOOD = {
    "host": "imap.example.org", "username": "bounces@example.org", "password": "tea and cake",
    "done_folder": "Done", "is_on": True,
}  # fmt: skip


def save(mailbox: IntakeMailbox | None = None, **values: Any) -> IntakeMailbox:
    typed = IntakeMailboxInput(**{**GOOD, **values})
    with transaction():
        return mailboxes.save(mailbox, typed, services().vault, account_id=None, now=NOW)


def problems(**values: Any) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as refused:
        save(**values)
    return {
        name: one.code for name, one in refused.value.problems.items() if isinstance(one, Reason)
    }


def test_a_mailbox_is_stored_with_an_encrypted_password() -> None:
    mailbox = save()
    assert "tea" not in str(mailbox.credentials)
    login = mailboxes.login_of(mailbox, services().vault)
    assert (login.host, login.port, login.password) == ("imap.example.org", 993, "tea and cake")
    assert (login.folder, login.done_folder) == ("INBOX", "Done")
    assert mailboxes.typed_from(mailbox).password == ""


def test_an_empty_password_keeps_the_stored_one_only_for_the_same_server() -> None:
    mailbox = save()
    save(mailbox, password="", folder="Bounces")
    assert mailboxes.login_of(mailbox, services().vault).password == "tea and cake"
    with pytest.raises(InvalidInputError) as refused:
        save(mailbox, password="", host="imap.evil.example")
    assert set(refused.value.problems) == {"password"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"host": " "}, {"host": "intake.host_missing"}),
        ({"host": "imap.example.org\r\nA1"}, {"host": "intake.text_invalid"}),
        ({"username": "a\x00b"}, {"username": "intake.text_invalid"}),
        ({"username": "a" * 501}, {"username": "intake.text_too_long"}),
        ({"username": ""}, {"username": "intake.username_missing"}),
        ({"password": ""}, {"password": "intake.password_missing"}),
        ({"password": "tea\r\nA2 DELETE INBOX"}, {"password": "intake.text_invalid"}),
        ({"port": "0"}, {"port": "intake.port_invalid"}),
        ({"port": "65536"}, {"port": "intake.port_invalid"}),
        ({"port": "00000099999"}, {"port": "intake.port_invalid"}),
        ({"security": "starttls"}, {"port": "intake.port_unfit"}),
        ({"port": "143"}, {"port": "intake.port_unfit"}),
        ({"port": "٣"}, {"port": "intake.port_invalid"}),
        ({"protocol": "smtp"}, {"protocol": "intake.choice_unknown"}),
        ({"security": "none"}, {"security": "intake.password_unencrypted"}),
        ({"done_folder": "INBOX"}, {"done_folder": "intake.same_folder"}),
        ({"done_folder": "Inbox"}, {"done_folder": "intake.same_folder"}),
        (
            {"auth": "xoauth2", "token_url": "http://login.example.org"},
            {
                "token_url": "intake.token_url_invalid",
                "refresh_token": "intake.refresh_token_missing",
            },
        ),
    ],
)
def test_a_bad_field_is_named(values: dict[str, str], expected: dict[str, str]) -> None:
    assert problems(**values) == expected


def test_without_encryption_only_this_machine_is_read() -> None:
    assert save(host="127.0.0.1", security="none").security == "none"


def test_trouble_is_noted_since_its_beginning_until_the_next_success() -> None:
    mailbox = save()
    reason = Reason("intake.refused", {"host": "imap.example.org", "error": "later"})
    later = NOW.replace(hour=10)
    for at in (NOW, later):
        with transaction():
            mailboxes.note_trouble(mailbox.id, mailbox.version, reason, now=at)
    db.session.refresh(mailbox)
    assert (Reason.unpack(mailbox.trouble), mailbox.trouble_at) == (reason, NOW)
    with transaction():
        mailboxes.note_checked(mailbox.id, mailbox.version, received=3, now=later)
    db.session.refresh(mailbox)
    assert (mailbox.trouble, mailbox.trouble_at, mailbox.last_received_at) == ("", None, later)


def test_what_an_earlier_connection_found_is_not_noted_after_a_change() -> None:
    mailbox = save()
    earlier = mailbox.version
    save(mailbox, folder="Bounces")
    with transaction():
        mailboxes.note_checked(mailbox.id, earlier, received=1, now=NOW)
    db.session.refresh(mailbox)
    assert mailbox.checked_at is None


def test_a_proof_ends_with_the_mailbox_that_it_came_by() -> None:
    mailbox = save()
    with transaction():
        account = a_provider()
    changes: list[tuple[dict[str, Any], bool]] = [
        ({"password": "new"}, True),
        ({"protocol": "pop3", "port": "995"}, True),
        ({"folder": "Bounces"}, False),
        ({"host": "imap.example.net"}, False),
        ({"is_on": False}, False),
    ]
    for values, is_kept in changes:
        save(mailbox)
        prove(account.id, mailbox)
        save(mailbox, **values)
        assert bool(return_domains.proofs_of(account.id)) == is_kept, values
    prove(account.id, mailbox)
    with transaction():
        mailboxes.delete(mailbox)
    assert not return_domains.proofs_of(account.id)


def prove(account_id: int, mailbox: IntakeMailbox) -> None:
    with transaction():
        return_domains.prove(
            account_id, "example.org", source="imap", mailbox_id=mailbox.id, now=NOW
        )


def test_a_mailbox_that_is_read_keeps_its_proof_fresh() -> None:
    mailbox = save()
    with transaction():
        account = a_provider()
    prove(account.id, mailbox)
    late = NOW + 3 * return_domains.ALIVE
    [proof] = return_domains.proofs_of(account.id).values()
    assert return_domains.state_of(proof, now=late) == "stopped"
    with transaction():
        mailboxes.note_checked(mailbox.id, mailbox.version, received=0, now=late)
    db.session.refresh(proof)
    assert return_domains.state_of(proof, now=late) == "proven"


def test_a_refresh_token_that_the_provider_replaces_is_kept(
    server_tls: ssl.SSLContext, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "KNOWN_HOSTS", frozenset({"localhost"}))
    oauth.forget_all()
    with serving(server_tls, ok(refresh_token="second"), ok()) as endpoint:
        url = endpoint.grant().token_url
        mailbox = save(auth="xoauth2", token_url=url, refresh_token="first")
        for _ in range(2):  # before and after a new start
            login = mailboxes.login_of(mailbox, services().vault)
            assert login.token is not None
            assert login.token() == "token-1"
            with transaction():
                mailboxes.keep_renewed(mailbox.id, mailbox.version, services().vault)
            oauth.forget_all()
    assert [asked["refresh_token"] for asked in endpoint.asked] == ["first", "second"]


@pytest.mark.parametrize("host", ["imap..example.org", "a" * 64 + ".example.org"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_host_that_cannot_exist_is_trouble_and_no_crash(protocol: str, host: str) -> None:
    with pytest.raises(MailboxTroubleError) as refused:
        open_mailbox(MailboxLogin(protocol, host, 993, "tls", "b", "tea"))
    assert refused.value.reason.code == "intake.unreachable"


def test_a_port_that_the_library_refuses_is_trouble_and_no_crash() -> None:
    with pytest.raises(MailboxTroubleError):
        open_mailbox(MailboxLogin("imap", "127.0.0.1", 993, "starttls", "b", "tea"))
