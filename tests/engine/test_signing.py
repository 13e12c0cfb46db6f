"""Single emails are signed with DKIM if the sender's domain has a key."""

import dkim
import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs import runtime, sweep
from campaigns.jobs.transactional import deliver
from campaigns.providers.domains import keys, standing
from campaigns.providers.models import DkimKey
from campaigns.transactional import queue
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber
from tests.smtp_server import scripted_server

FROM = "news@news.example"


@pytest.fixture(autouse=True)
def _worker(app: Flask) -> None:
    runtime.use(app)


def _keys(*algorithms: str) -> dict[bytes, bytes]:
    """Add a domain that signs with all these keys; return their DNS records."""
    with transaction():
        domain = keys.set_up("news.example", services().vault, now=utcnow())
        keys.discard(db.session.scalars(sa.select(DkimKey)).one(), now=utcnow())
        for algorithm in algorithms:
            key = keys.make_key(domain, algorithm, "", services().vault, now=utcnow())
            keys.activate(key, now=utcnow())
    return {f"{key.host}.".encode(): key.record.encode() for key in standing.view(domain).keys}


def _delivered(kind: queue.Kind = "alert") -> bytes:
    """Send a single email; return what the server received."""
    with scripted_server() as server:
        with transaction():
            news = a_list()
            a_subscriber("alice@example.org", news)
            sender = a_sender(FROM, a_provider(port=server.port))
            payload: dict[str, object] = {"subject": "Grüße", "text": "Etwas ist geschehen.\n\n"}
            if kind == "test":
                payload = {"campaign_id": a_campaign(news, sender=sender).id}
            mail = queue.enqueue(kind, "owner@example.org", payload, now=utcnow())
        deliver(mail.id)
        found = queue.status(mail.id)
        assert found is not None
        assert found.status == "sent", found.reason
    return server.received[0].data


def _verdicts(data: bytes, records: dict[bytes, bytes]) -> list[bool]:
    def answer(name: bytes, timeout: int = 5) -> bytes:
        return records[name]

    count = data.count(b"DKIM-Signature:")
    return [dkim.DKIM(data).verify(idx=index, dnsfunc=answer) for index in range(count)]


@pytest.mark.parametrize("kind", ["alert", "test"])
def test_an_email_is_signed_by_every_key(kind: queue.Kind) -> None:
    records = _keys("rsa", "ed25519")
    data = _delivered(kind)
    assert _verdicts(data, records) == [True, True]


def test_without_a_key_an_email_is_sent_unsigned() -> None:
    _keys()
    assert b"DKIM-Signature" not in _delivered()


def test_an_unreadable_key_is_reported_and_nothing_is_sent_unsigned() -> None:
    _keys("ed25519")
    with transaction():
        db.session.execute(sa.update(DkimKey).values(private_key="nonsense"))
        a_sender(FROM, a_provider())
        payload = {"subject": "Look", "text": "Something happened."}
        mail = queue.enqueue("alert", "owner@example.org", payload, now=utcnow())
    deliver(mail.id)
    found = queue.status(mail.id)
    assert found is not None
    assert found.status == "failed"
    assert "The DKIM key of news.example cannot be read" in in_english(found.reason)


def test_the_sweep_erases_keys_retired_a_week_ago() -> None:
    _keys("rsa", "ed25519")
    with transaction():
        rsa = sa.update(DkimKey).where(DkimKey.algorithm == "rsa")
        week_ago = utcnow() - keys.KEEP_RECORD
        db.session.execute(rsa.values(state="retired", retired_at=week_ago))
    sweep.prune()
    db.session.rollback()
    rows = db.session.execute(sa.select(DkimKey.algorithm, DkimKey.private_key != "")).all()
    assert {algorithm: bool(is_there) for algorithm, is_there in rows} == {
        "rsa": False,
        "ed25519": True,
    }
