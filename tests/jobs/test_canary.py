"""Canary sending end to end: a test group first, then a decision from its results."""

import threading
import time
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts import users
from campaigns.audience.models import MailDomain
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.engine import canary
from campaigns.engine.engine import Engine
from campaigns.engine.serve import serve
from campaigns.jobs import send, transactional
from campaigns.transactional import alerts
from campaigns.transactional.models import TransactionalEmail
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, subscribers
from tests.jobs.steps import run
from tests.readback import campaign_status, delivery_counts, fresh_campaign
from tests.smtp_server import ScriptedServer, Session, scripted_server

pytestmark = pytest.mark.usefixtures("worker")

RECIPIENTS = 150
TEST_GROUP = 50


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def launch(server: ScriptedServer, *, gmail: int = 0) -> int:
    """Launch a campaign with a canary; return its id."""
    with transaction():
        news = a_list()
        db.session.add(MailDomain(domain="g.example", mailbox_group="google"))
        subscribers((f"p{number}@g.example" for number in range(gmail)), news)
        subscribers((f"p{number}@example.org" for number in range(gmail, RECIPIENTS)), news)
        account = a_provider(port=server.port)
        campaign = a_campaign(news, sender=a_sender(provider=account), canary_percent=2.0)
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    return campaign.id


def work(campaign_id: int, state: str) -> Campaign:
    """Run slices of sending until the canary is in this state."""
    end = time.monotonic() + 20
    while (found := fresh_campaign(campaign_id)).canary_state != state and time.monotonic() < end:
        canary.forget()
        send.send()
    assert found.canary_state == state
    return found


def end_observation(campaign_id: int) -> None:
    with transaction():
        over = utcnow() - timedelta(seconds=1)
        db.session.execute(sa.update(Campaign).values(canary_until=over))


def test_the_test_group_is_sent_first_and_the_rest_after_the_observation(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        found = work(campaign_id, "watching")
        assert delivery_counts(campaign_id) == {
            "sent": TEST_GROUP,
            "queued": RECIPIENTS - TEST_GROUP,
        }
        assert found.canary_until is not None
        assert timedelta(minutes=29) < found.canary_until - utcnow() <= timedelta(minutes=30)
        send.send()
        assert len(server.received) == TEST_GROUP, "nothing is sent during the observation"
        end_observation(campaign_id)
        work(campaign_id, "passed")
        run(campaign_id)
        assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(RECIPIENTS))
    assert campaign_status(campaign_id) == "sent"
    assert delivery_counts(campaign_id) == {"sent": RECIPIENTS}


def test_the_clock_decides_as_well(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        work(campaign_id, "watching")
        end_observation(campaign_id)
        canary.judge_all()
        assert fresh_campaign(campaign_id).canary_state == "passed"


def test_refusals_stop_the_campaign_and_the_rest_get_nothing(app: Flask) -> None:
    script = lambda line, _: "550 no" if line.startswith("RCPT TO:<p1") else None  # noqa: E731
    with scripted_server(script) as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        found = work(campaign_id, "stopped")
        assert found.status == "paused"
        assert "were refused" in in_english(found.status_reason)
        assert delivery_counts(campaign_id)["queued"] >= RECIPIENTS - TEST_GROUP
        send.send()
        assert len(server.received) < TEST_GROUP
        with transaction():
            lifecycle.resume(campaign_id, now=utcnow())
        run(campaign_id)
    assert campaign_status(campaign_id) == "sent"
    assert delivery_counts(campaign_id) == {"sent": 89, "failed": 61}


def alerts_written() -> list[TransactionalEmail]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(TransactionalEmail).order_by(TransactionalEmail.id)))


def two_owners() -> None:
    with transaction():
        for name in ("anna", "ben"):
            users.create_user(f"{name}@example.org", "correct horse battery", now=utcnow())


def test_owners_are_alerted_once_when_a_canary_stops(app: Flask) -> None:
    script = lambda line, _: "550 no" if line.startswith("RCPT TO:<p1") else None  # noqa: E731
    two_owners()
    with scripted_server(script) as server, scripted_server() as other:
        campaign_id = launch(server)
        with transaction():
            works = a_provider("Works", port=other.port)
            a_sender("two@example.org", works, is_default=False)
        send.expand(campaign_id)
        found = work(campaign_id, "stopped")
        reported = alerts_written()
        assert [mail.address for mail in reported] == ["anna@example.org", "ben@example.org"]
        for mail in reported:
            transactional.deliver(mail.id)
        assert len(other.received) == 2
        data = other.received[0].data
        canary.judge_all()
        with transaction():
            lifecycle.resume(campaign_id, now=utcnow())
        run(campaign_id)
    text = message_from_bytes(data, policy=policy.default)
    assert "Hello" in str(text["Subject"])
    assert "needs your decision" in str(text["Subject"])
    body = text.get_body(("plain",))
    assert body is not None
    text_told = " ".join(body.get_content().split())
    assert in_english(found.canary_words) in text_told
    assert f"https://news.example.org/campaigns/{found.public_id}/report" in text_told
    assert len(alerts_written()) == 2, "and never again"


def test_owners_are_alerted_once_when_processes_decide_at_the_same_time(app: Flask) -> None:
    two_owners()
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        work(campaign_id, "watching")
    with transaction():
        late = sa.update(Delivery).where(Delivery.status == "sent").values(bounced_at=utcnow())
        db.session.execute(late)
    barrier = threading.Barrier(4)

    def judge() -> None:
        with app.app_context():
            barrier.wait()
            canary.judge_all()

    threads = [threading.Thread(target=judge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fresh_campaign(campaign_id).canary_state == "stopped"
    assert len(alerts_written()) == 2


def test_owners_get_no_alert_when_a_canary_passes_or_holds_a_group(app: Flask) -> None:
    def script(line: str, session: Session) -> str | None:
        return "450 4.7.1 later" if line[:4] == "RCPT" and "@g.example" in line else None

    two_owners()
    with scripted_server(script) as server:
        campaign_id = launch(server, gmail=60)
        send.expand(campaign_id)
        work(campaign_id, "watching")
        end_observation(campaign_id)
        work(campaign_id, "passed")
    assert alerts_written() == []


def test_the_alert_leaves_by_the_campaigns_account_if_there_is_no_other(app: Flask) -> None:
    two_owners()
    with transaction():
        own = a_sender("own@example.org", is_default=False)
        a_sender("broken@example.org", a_provider("Broken", trouble="Down", trouble_count=2))
        campaign = a_campaign(
            sender=own, name="Spring", provider_id=own.provider_id, canary_words="2% bounced."
        )
        ids = alerts.alert_about_canary(campaign, report_url="https://x.test/r", now=utcnow())
    assert [mail.id for mail in alerts_written()] == ids
    assert {mail.payload["sender_id"] for mail in alerts_written()} == {own.id}


def test_a_mailbox_group_with_refusals_is_held_and_the_others_are_sent(app: Flask) -> None:
    def script(line: str, session: Session) -> str | None:
        return "450 4.7.1 later" if line[:4] == "RCPT" and "@g.example" in line else None

    with scripted_server(script) as server:
        campaign_id = launch(server, gmail=60)
        send.expand(campaign_id)
        work(campaign_id, "watching")
        held = db.session.scalars(sa.select(HeldGroup)).one()
        assert (held.mailbox_group, held.kind) == ("google", "canary")
        assert "were deferred" in in_english(held.words)
        end_observation(campaign_id)
        work(campaign_id, "passed")
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": RECIPIENTS - 60, "queued": 60}
    tried = sa.select(sa.func.count()).where(Delivery.deferred_since.is_not(None))
    assert db.session.scalar(tried) == 20, "no more than its share of the test group"
    assert campaign_status(campaign_id) == "sending"


def test_concurrent_workers_send_no_more_than_the_test_group(app: Flask) -> None:
    """Each asks and then claims, so what the other has claimed in between counts as well."""
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        engines = [Engine(app).start() for _ in range(3)]
        barrier = threading.Barrier(len(engines))

        def work_for(engine: Engine) -> None:
            with app.app_context():
                barrier.wait()
                for _ in range(5):
                    serve(engine)

        threads = [threading.Thread(target=work_for, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        end = time.monotonic() + 20
        while not all(engine.is_idle for engine in engines) and time.monotonic() < end:
            time.sleep(0.05)
        for engine in engines:
            engine.close()
        assert len(server.received) == TEST_GROUP
    assert delivery_counts(campaign_id) == {"sent": TEST_GROUP, "queued": RECIPIENTS - TEST_GROUP}
