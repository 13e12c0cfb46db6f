"""A campaign end to end: expand, send, record, with a real SMTP server and a real Valkey."""

import re
import time
from dataclasses import replace
from datetime import timedelta

import dkim
import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions, suppressions, tags
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.fields import changes
from campaigns.audience.models import Subscription, Suppression
from campaigns.campaign import drafts, lifecycle
from campaigns.campaign.models import Campaign, CampaignLink, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import claims, completion, journal
from campaigns.jobs import clock, send, sweep
from campaigns.messages import SendResult
from campaigns.providers.domains import keys, standing
from campaigns.providers.models import DkimKey, ProviderAccount, SenderAddress
from campaigns.providers.smtp.pool import MAX_FAILURES
from campaigns.throttling.loading import load_plan, next_tries
from campaigns.throttling.models import GroupState
from tests.english import in_english
from tests.factories import a_field, a_provider, a_segment
from tests.jobs.steps import launch, run, wait_for_outcomes
from tests.readback import campaign_status, delivery_counts
from tests.smtp_server import CLOSE, Session, scripted_server

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def test_a_campaign_reaches_everyone_once_and_is_sent(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=60)
        run(campaign_id)
    assert campaign_status(campaign_id) == "sent"
    assert delivery_counts(campaign_id) == {"sent": 60}
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 61))
    campaign = db.session.get_one(Campaign, campaign_id)
    assert (campaign.matched, campaign.audience) == (60, 60)
    assert campaign.finished_at is not None
    assert journal.orphans(app.extensions["campaigns"].settings.journal_dir) == []


def test_emails_are_personal_and_their_links_are_recorded(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=2)
        run(campaign_id)
    assert {m.rcpt_to: f"Hello P{m.rcpt_to[1]}".encode() in m.data for m in server.received} == {
        "p1@example.org": True,
        "p2@example.org": True,
    }
    targets = db.session.scalars(sa.select(CampaignLink.target)).all()
    assert targets == ["https://shop.example/news"]
    assert all(m.mail_from.startswith("b+") for m in server.received)


def test_tags_are_looped_over_in_the_email_of_each_recipient(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=2)
        with transaction():
            loop = "<ul>{% for x in subscriber.tags %}<li>{{ x }}</li>{% endfor %}</ul>"
            db.session.execute(sa.update(Campaign).values(source=f"<p>Hi</p>{loop}"))
            tags.add(1, ["VIP", "Blog"], now=utcnow())
        run(campaign_id)
        bodies = {one.rcpt_to: one.data.replace(b"=\r\n", b"") for one in server.received}
    assert b"<li>Blog</li><li>VIP</li>" in bodies["p1@example.org"]
    assert b"<li>" not in bodies["p2@example.org"]


def test_suppressed_recipients_are_skipped_with_a_reason(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        with transaction():
            suppressions.suppress("p2@example.org", reason="manual", source="", now=utcnow())
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "skipped": 1}
    assert "p2@example.org" not in server.recipients


def test_expanding_twice_creates_no_second_row(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        send.expand(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 5}


def test_t2_an_unsubscribe_after_the_launch_is_honoured(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        with transaction():
            subscriptions.unsubscribe([1], 3, ConsentEvidence("page", utcnow()))
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "skipped": 1}
    assert "p3@example.org" not in server.recipients


def test_many_unsubscribes_do_not_delay_the_others(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=130)
        send.expand(campaign_id)
        with transaction():
            for number in range(1, 121):  # more than fit in one claim
                subscriptions.unsubscribe([1], number, ConsentEvidence("page", utcnow()))
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 10, "skipped": 120}


def test_only_the_refused_recipient_fails(app: Flask) -> None:
    def script(line: str, session: Session) -> str | None:
        return "550 5.1.1 no such user" if line.startswith("RCPT TO:<p2@") else None

    with scripted_server(script) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "failed": 1}
    assert campaign_status(campaign_id) == "sent"


def test_a_greylisted_recipient_is_retried_later(app: Flask) -> None:
    with scripted_server(lambda line, _: "451 later" if "<p2@" in line else None) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "queued": 1}
    assert campaign_status(campaign_id) == "sending"
    due = db.session.scalars(sa.select(Delivery.not_before).where(Delivery.status == "queued"))
    assert due.one() > utcnow()  # type: ignore[operator]


@pytest.mark.parametrize("where", ["MAIL", "<body>"])
def test_a_server_that_accepts_five_messages_per_session_still_gets_all(
    app: Flask, where: str
) -> None:
    def script(line: str, session: Session) -> str | None:
        if line.startswith(where) and session.messages >= 5:
            return "452 4.4.5 Maximum number of messages per session exceeded."
        return None

    with scripted_server(script) as server:
        campaign_id = launch(server, recipients=30)
        run(campaign_id)
        # Another connection may still be opening, and fails when the server stops.
        account = db.session.scalars(sa.select(ProviderAccount)).one()
        assert (account.trouble, account.retry_at) == ("", None)
    assert delivery_counts(campaign_id) == {"sent": 30}
    assert campaign_status(campaign_id) == "sent"
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {1}
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 31))
    assert db.session.scalars(sa.select(GroupState)).all() == []


def test_an_account_rests_when_no_session_accepts_a_message(app: Flask) -> None:
    words = "452 4.4.5 Maximum number of messages per session exceeded."
    with scripted_server(lambda line, _: words if line.startswith("MAIL") else None) as server:
        campaign_id = launch(server, connections=2)
        send.expand(campaign_id)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            send.send()
            db.session.rollback()
            if db.session.scalars(sa.select(ProviderAccount.trouble)).one():
                break
        wait_for_outcomes()
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert f"accepts connections but no messages: {words}" in in_english(account.trouble)
    # Sessions side by side count as one failure; after the first, one at a time is tried.
    assert MAX_FAILURES <= len(server.sessions) <= 2 + MAX_FAILURES - 1
    assert delivery_counts(campaign_id) == {"queued": 5}
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {0}


def test_an_account_that_rests_twice_shows_one_next_attempt(app: Flask) -> None:
    now = utcnow()
    with transaction():
        account = a_provider()
        account.trouble, account.retry_at = "It does not work.", now + timedelta(seconds=2)
        later = now + timedelta(hours=1)
        db.session.add(
            GroupState(provider_id=account.id, mailbox_group="", suspended_until=later, why="busy")
        )
    plan = load_plan(account.id, now=now)
    assert next_tries([account.id]) == {account.id: plan.suspended_until} == {account.id: later}


def test_a_paused_campaign_sends_nothing_until_it_is_resumed(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        with transaction():
            lifecycle.pause(campaign_id, now=utcnow())
        send.send()
        assert server.received == []
        with transaction():
            lifecycle.resume(campaign_id, now=utcnow())
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 5}


def test_an_unreachable_server_uses_up_no_attempts(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
    send.expand(campaign_id)
    end = time.monotonic() + 20
    while time.monotonic() < end:  # several attempts are needed to call a server unreachable
        send.send()
        if db.session.scalars(sa.select(ProviderAccount.trouble)).one():
            break
    wait_for_outcomes()
    assert delivery_counts(campaign_id) == {"queued": 5}
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {0}
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert "refused the connection" in in_english(account.trouble)
    assert account.retry_at is not None
    assert account.retry_at > utcnow()


def test_a_refused_login_pauses_the_campaign_and_quotes_the_server(app: Flask) -> None:
    with scripted_server(extensions=("AUTH PLAIN",), accept_login=lambda _: False) as server:
        campaign_id = launch(server)
        with transaction():
            vault = app.extensions["campaigns"].vault
            db.session.execute(
                sa.update(ProviderAccount).values(
                    settings={**db.session.query(ProviderAccount).one().settings, "username": "me"},
                    credentials={"password": vault.encrypt("wrong")},
                )
            )
        run(campaign_id)
    assert campaign_status(campaign_id) == "paused"
    assert "535 5.7.8 bad credentials" in db.session.get_one(Campaign, campaign_id).status_reason
    assert delivery_counts(campaign_id) == {"queued": 5}


def test_a_refused_sender_pauses_the_campaign_and_fails_no_delivery(app: Flask) -> None:
    with scripted_server(lambda line, _: "550 5.1.8 no" if line[:4] == "MAIL" else None) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert campaign_status(campaign_id) == "paused"
    assert delivery_counts(campaign_id) == {"queued": 5}


def test_a_connection_lost_after_the_body_is_unknown_and_not_repeated(app: Flask) -> None:
    def script(line: str, session: Session) -> str | None:
        return CLOSE if line == "<body>" and session.number == 1 and session.messages == 2 else None

    with scripted_server(script) as server:
        campaign_id = launch(server, connections=1)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "unknown": 1}
    assert campaign_status(campaign_id) == "sent"
    assert len(server.recipients) == len(set(server.recipients)) == 4


def test_a_limit_per_second_is_kept(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=6, per_second=5)
        begun = time.monotonic()
        run(campaign_id)
        seconds = time.monotonic() - begun
    assert delivery_counts(campaign_id) == {"sent": 6}
    assert seconds >= 0.9


def test_w3_a_daily_limit_pauses_sending_and_says_until_when(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=5, per_day=3)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 2, "sent": 3}
    assert campaign_status(campaign_id) == "sending"
    assert "has reached its limit of 3 emails in 24 hours" in in_english(
        db.session.get_one(Campaign, campaign_id).status_reason
    )


def test_the_clock_recovers_the_work_of_a_killed_worker(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        writer = journal.Journal(app.extensions["campaigns"].settings.journal_dir, "t")
        with transaction():
            claimed = claims.claim(
                campaign_id, {"other": 5}, token="t", lease=timedelta(seconds=90), now=utcnow()
            )
        first, second, third, *others = claimed.recipients
        for person in (first, second):
            writer.intent(person.delivery_id)
            writer.reply(SendResult(person.delivery_id, "sent", "250 ok", 250))
        writer.intent(third.delivery_id)  # the process died during a third body
        writer.close()
        clock.ClockProcess(app).beat()
        assert delivery_counts(campaign_id) == {"queued": 2, "sent": 2, "unknown": 1}
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "unknown": 1}
    assert sorted(server.recipients) == sorted(person.address for person in others)


def test_deliveries_released_after_a_cancellation_are_cancelled(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        with transaction():
            completion.cancel(campaign_id, now=utcnow())
            db.session.execute(
                sa.update(Delivery).where(Delivery.id == 1).values(status="queued", reason="")
            )
        sweep.sweep()
    assert delivery_counts(campaign_id) == {"cancelled": 5}


def test_a_daily_limit_survives_the_loss_of_redis(app: Flask, redis_url: str) -> None:
    from redis import Redis

    with scripted_server() as server:
        campaign_id = launch(server, recipients=5, per_day=3)
        run(campaign_id)
        Redis.from_url(redis_url).flushall()
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 2, "sent": 3}


def test_a_segment_broken_after_the_launch_returns_the_campaign_to_draft(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        with transaction():
            segment = a_segment("Locals", {"kind": "list", "op": "is", "list": 1})
            chosen = replace(drafts.chosen_audience(campaign_id), segments=frozenset({segment.id}))
            drafts.choose_audience(campaign_id, chosen)
            segment.rules = {"version": 99}
        run(campaign_id)
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    assert campaign.status == "draft"
    assert in_english(campaign.status_reason) == (
        "The segment “Locals” cannot be used. These rules were saved by a newer version of"
        " Campaigns. Upgrade to use them."
    )
    assert delivery_counts(campaign_id) == {}


def test_a_campaign_is_sent_once_the_values_that_its_segment_compares_are_moved(
    app: Flask,
) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=2)
        with transaction():
            field = a_field("City")
            rule = {"kind": "field", "key": "city", "op": "no_value", "values": []}
            segments = frozenset({a_segment("Nowhere", rule).id})
            chosen = replace(drafts.chosen_audience(campaign_id), segments=segments)
            drafts.choose_audience(campaign_id, chosen)
            moving = changes.start_rename(field, "town", now=utcnow()).id
        send.expand(campaign_id)
        assert campaign_status(campaign_id) == "preparing"
        with transaction():
            changes.carry_on(moving, now=utcnow())
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 2}


def test_a_template_broken_after_the_launch_pauses_the_campaign(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        with transaction():
            db.session.execute(sa.update(Campaign).values(source="<p>{{ nobody }}</p>"))
        send.expand(campaign_id)
    campaign = db.session.get_one(Campaign, campaign_id)
    assert campaign.status == "draft"
    assert "nobody" in campaign.status_reason
    assert timedelta(0) <= utcnow() - campaign.updated_at < timedelta(minutes=1)


def test_a_nonexistent_mailbox_is_suppressed_and_quotes_the_server(app: Flask) -> None:
    script = lambda line, _: "550 5.1.1 no such user here" if "TO:<p2@" in line else None  # noqa: E731
    with scripted_server(script) as server:
        run(launch(server))
    (found,) = db.session.scalars(sa.select(Suppression)).all()
    assert found.address_normal == "p2@example.org"
    assert "no such user here" in found.note


def test_refused_content_pauses_a_campaign_that_just_started(app: Flask) -> None:
    script = lambda line, _: "554 5.7.0 spam content rejected" if line == "<body>" else None  # noqa: E731
    with scripted_server(script) as server:
        campaign_id = launch(server, recipients=60)
        run(campaign_id)
    assert campaign_status(campaign_id) == "paused"
    assert "spam content rejected" in db.session.get_one(Campaign, campaign_id).status_reason


def test_u3_the_dkim_signature_covers_the_unsubscribe_headers(app: Flask, redis_url: str) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, recipients=3)
        with transaction():
            found = db.session.scalars(sa.select(SenderAddress)).one()
            vault = app.extensions["campaigns"].vault
            domain = keys.set_up(found.address.partition("@")[2], vault, now=utcnow())
            key = db.session.scalars(sa.select(DkimKey)).one()
            keys.activate(key, now=utcnow())
        run(campaign_id)
    (shown,) = standing.view(domain).keys
    records = {f"{shown.host}.".encode(): shown.record.encode()}
    assert len(server.received) == 3
    for message in server.received:
        assert dkim.verify(message.data, dnsfunc=lambda name, timeout=5: records[name])
        signed = "".join(re.findall(rb"\sh=([^;]*);", message.data)[0].decode().lower().split())
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signed.split(":"))


def test_unsubscribing_while_waiting_for_a_slow_server_is_honoured(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers quickly at first, then slowly; most recipients unsubscribe meanwhile."""
    monkeypatch.setattr("campaigns.engine.consent.CHECK_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr("campaigns.engine.outbox.CHECK_AFTER_SECONDS", 0.05)
    have_left: list[int] = []

    def script(line: str, session: Session) -> str | None:
        if line != "<body>":
            return None
        if len(server.received) == 10 and not have_left:
            have_left.append(1)
            with app.app_context():
                with transaction():
                    db.session.execute(
                        sa.update(Subscription).values(state="unsubscribed", state_at=utcnow())
                    )
                end = time.monotonic() + 20
                while not delivery_counts(1).get("skipped") and time.monotonic() < end:
                    time.sleep(0.02)
        return None

    with scripted_server(script) as server:
        campaign_id = launch(server, recipients=60, connections=1)
        run(campaign_id)
    assert len(server.received) <= 12, "only messages already in progress"
    assert delivery_counts(campaign_id)["skipped"] >= 48
    assert sum(delivery_counts(campaign_id).values()) == 60
