"""Signing up and confirming, for visitors and bots."""

import re
import secrets
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import IPv4Address

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.accounts.workspace import save_workspace
from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, ConsentEvent, Subscriber
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.self_service import signup
from campaigns.tokens import ConfirmRef
from campaigns.transactional.models import TransactionalEmail
from tests.factories import a_list, a_subscriber


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        save_workspace(name="Example News", postal_address="1 High Street")
        return a_list("Weekly <news>", is_public=True, description="Every Friday.")


@pytest.fixture
def visitor(client: FlaskClient) -> FlaskClient:
    """A browser with its own IP address, because limits count per address."""
    client.environ_base["REMOTE_ADDR"] = str(IPv4Address(secrets.randbits(24) | 10 << 24))
    return client


def sign_up(visitor: FlaskClient, news: AudienceList, address: str, **more: str) -> TestResponse:
    return visitor.post(f"/s/{news.public_id}", data={"address": address, **more})


def queued_emails() -> list[TransactionalEmail]:
    return list(db.session.scalars(sa.select(TransactionalEmail).order_by(TransactionalEmail.id)))


def state(news: AudienceList, address: str) -> str | None:
    db.session.rollback()
    found = db.session.scalar(sa.select(Subscriber.id).where(Subscriber.address_normal == address))
    return None if found is None else subscriptions.state(news.id, found)


def test_the_page_shows_the_list_and_sets_no_cookie(
    visitor: FlaskClient, news: AudienceList
) -> None:
    answer = visitor.get(f"/s/{news.public_id}")
    assert answer.status_code == 200
    assert "Weekly &lt;news&gt;" in answer.text
    assert "Every Friday." in answer.text
    assert "Example News" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_list_without_a_public_page_is_not_shown(app: Flask, visitor: FlaskClient) -> None:
    with transaction():
        private = a_list("Staff")
    for path in (
        f"/s/{private.public_id}",
        "/s/nonsense",
        f"/s/{private.public_id}/check-your-email",
    ):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "Staff" not in answer.text


def test_signing_up_is_pending_with_proof_until_confirmed(
    visitor: FlaskClient, news: AudienceList
) -> None:
    answer = visitor.post(
        f"/s/{news.public_id}",
        data={"address": " Alice@Example.org ", "name": "Alice"},
        headers={"User-Agent": "Browser/1.0"},
    )
    assert answer.status_code == 303
    assert "Check your email" in visitor.get(answer.headers["Location"]).text
    assert state(news, "alice@example.org") == "pending"
    proof = db.session.scalars(sa.select(ConsentEvent)).one()
    assert (proof.kind, proof.channel, proof.user_agent) == ("requested", "form", "Browser/1.0")
    assert proof.ip == visitor.environ_base["REMOTE_ADDR"]
    shown = visitor.get(f"/s/{news.public_id}").text
    sentence = proof.wording.rpartition(" [")[0]
    assert sentence.replace("<", "&lt;").replace(">", "&gt;") in shown
    [mail] = queued_emails()
    assert (mail.kind, mail.address, mail.status) == ("confirm", "Alice@example.org", "queued")


@pytest.mark.parametrize(
    "address", ["", "alice", "alice@", "a b@example.org", "a@example.org\r\nBcc: x@example.org"]
)
def test_an_invalid_address_is_explained_and_the_form_kept(
    visitor: FlaskClient, news: AudienceList, address: str
) -> None:
    answer = sign_up(visitor, news, address, name="Alice")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="Alice"' in answer.text
    assert queued_emails() == []


def test_the_answer_never_reveals_who_is_subscribed(
    visitor: FlaskClient, news: AudienceList
) -> None:
    with transaction():
        a_subscriber("known@example.org", news)
        a_subscriber("stopped@example.org")
        suppressions.suppress(
            "stopped@example.org", reason="complaint", source="test", now=utcnow()
        )
    answers = [
        sign_up(visitor, news, address)
        for address in ("known@example.org", "stopped@example.org", "new@example.org")
    ]
    assert {(one.status_code, one.headers["Location"], one.data) for one in answers} == {
        (303, f"/s/{news.public_id}/check-your-email", b"")
    }
    assert [mail.address for mail in queued_emails()] == ["new@example.org"]
    assert state(news, "known@example.org") == "subscribed"
    assert state(news, "stopped@example.org") is None


def test_an_address_gets_at_most_three_confirmations_a_day(
    visitor: FlaskClient, news: AudienceList
) -> None:
    for _ in range(6):
        assert sign_up(visitor, news, "alice@example.org").status_code == 303
    assert len(queued_emails()) == 3


def test_addresses_with_plus_tags_share_three_confirmations_a_day(
    visitor: FlaskClient, news: AudienceList
) -> None:
    for address in ("victim@", "Victim+1@", "victim+2@", "victim+3@", "victim@", "victims@"):
        assert sign_up(visitor, news, f"{address}example.org").status_code == 303
    assert sign_up(visitor, news, "victim+4@other.example").status_code == 303
    sent_to = [mail.address.lower() for mail in queued_emails()]
    assert sent_to == [
        "victim@example.org",
        "victim+1@example.org",
        "victim+2@example.org",
        "victims@example.org",
        "victim+4@other.example",
    ]
    known = set(db.session.scalars(sa.select(Subscriber.address_normal)))
    assert known == set(sent_to), "a request without an email adds no subscriber"


@pytest.mark.runs_on("sqlite", "postgresql")
def test_simultaneous_sign_ups_count_together(
    app: Flask, news: AudienceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, list_id = signup._requests_lately, news.id
    together = threading.Barrier(5)

    def count_and_wait(address: str, now: datetime) -> int:
        found = count(address, now)
        with suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return found

    monkeypatch.setattr(signup, "_requests_lately", count_and_wait)

    def ask(number: int) -> None:
        with app.app_context():
            address, evidence = f"victim+{number}@example.org", ConsentEvidence("form", utcnow())
            with transaction():
                signup.sign_up(list_id, address, name="", evidence=evidence)

    db.session.rollback()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(queued_emails()) == 3


def test_an_ip_address_is_limited_to_ten_attempts(visitor: FlaskClient, news: AudienceList) -> None:
    answers = [sign_up(visitor, news, f"p{n}@example.org").status_code for n in range(12)]
    assert answers == [303] * 10 + [429] * 2
    assert visitor.get(f"/s/{news.public_id}").status_code == 200


def test_a_bot_that_fills_in_the_hidden_field_achieves_nothing(
    visitor: FlaskClient, news: AudienceList
) -> None:
    answer = sign_up(visitor, news, "bot@example.org", website="https://spam.example")
    assert answer.status_code == 303
    assert state(news, "bot@example.org") is None
    assert queued_emails() == []


def test_a_stranger_cannot_rename_a_subscriber(visitor: FlaskClient, news: AudienceList) -> None:
    with transaction():
        a_subscriber("alice@example.org", name="Alice")
    sign_up(visitor, news, "alice@example.org", name="Mallory")
    assert db.session.scalars(sa.select(Subscriber.name)).one() == "Alice"


# --- confirming ----------------------------------------------------------------------------


def confirm_path(*, age: timedelta = timedelta(0)) -> str:
    """The path of the link in the newest confirmation email."""
    payload = queued_emails()[-1].payload
    ref = ConfirmRef(
        payload["subscriber_id"],
        payload["list_id"],
        payload["sent_at"] - int(age.total_seconds()),
    )
    return "/confirm/" + services().signer.sign("confirm", ref.pack())


def test_only_the_button_confirms(visitor: FlaskClient, news: AudienceList) -> None:
    sign_up(visitor, news, "alice@example.org")
    path = confirm_path()
    for _ in range(200):
        answer = visitor.get(path)
        assert answer.status_code == 200
    assert visitor.head(path).status_code == 200
    assert state(news, "alice@example.org") == "pending"
    assert "Set-Cookie" not in answer.headers
    assert len(re.findall("<button", answer.text)) == 1
    done = visitor.post(path)
    assert "You are subscribed" in done.text
    assert state(news, "alice@example.org") == "subscribed"
    again = visitor.post(path)
    assert "Already confirmed" in again.text
    kinds = db.session.scalars(sa.select(ConsentEvent.kind).order_by(ConsentEvent.id)).all()
    assert kinds == ["requested", "confirmed"]


def test_a_link_older_than_a_week_offers_to_sign_up_again(
    visitor: FlaskClient, news: AudienceList
) -> None:
    sign_up(visitor, news, "alice@example.org")
    path = confirm_path(age=timedelta(days=7, seconds=5))
    answer = visitor.post(path)
    assert "has expired" in answer.text
    assert f"/s/{news.public_id}" in answer.text
    assert state(news, "alice@example.org") == "pending"


def test_an_earlier_link_still_works_after_a_newer_one(
    visitor: FlaskClient, news: AudienceList
) -> None:
    sign_up(visitor, news, "alice@example.org")
    first = confirm_path(age=timedelta(hours=1))
    sign_up(visitor, news, "alice@example.org")
    visitor.post(first)
    assert state(news, "alice@example.org") == "subscribed"


def test_a_link_does_not_resubscribe_after_an_unsubscribe(
    visitor: FlaskClient, news: AudienceList
) -> None:
    sign_up(visitor, news, "alice@example.org")
    path = confirm_path()
    visitor.post(path)
    subscriber_id = db.session.scalars(sa.select(Subscriber.id)).one()
    with transaction():
        subscriptions.unsubscribe([news.id], subscriber_id, ConsentEvidence("page", utcnow()))
    assert "You have unsubscribed" in visitor.post(path).text
    assert state(news, "alice@example.org") == "unsubscribed"
    sign_up(visitor, news, "alice@example.org")
    assert state(news, "alice@example.org") == "pending"


def test_a_forged_link_is_not_found(visitor: FlaskClient, news: AudienceList) -> None:
    sign_up(visitor, news, "alice@example.org")
    path = confirm_path()
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    assert visitor.post(forged).status_code == 404
    assert state(news, "alice@example.org") == "pending"


def test_a_link_to_a_deleted_list_says_so(visitor: FlaskClient, news: AudienceList) -> None:
    sign_up(visitor, news, "alice@example.org")
    path = confirm_path()
    with transaction():
        db.session.execute(sa.delete(AudienceList))
    answer = visitor.post(path)
    assert answer.status_code == 404
    assert "has been deleted" in answer.text


@pytest.mark.parametrize(
    "address", ["z1@multi.example\u200b", "\u2060z1@multi.example", "\ufeff z1@multi.example\u202c"]
)
def test_invisible_characters_around_an_address_do_not_matter(
    visitor: FlaskClient, news: AudienceList, address: str
) -> None:
    assert sign_up(visitor, news, address).status_code == 303
    assert [mail.address for mail in queued_emails()] == ["z1@multi.example"]


def test_an_invisible_character_inside_an_address_is_named(
    visitor: FlaskClient, news: AudienceList
) -> None:
    answer = sign_up(visitor, news, "z\u200b1@multi.example")
    assert answer.status_code == 422
    assert "an invisible character (zero width space, U+200B) between “z” and “1”" in answer.text
