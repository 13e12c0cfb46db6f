"""The whole way of a campaign: expand, send, record, against a real server and a real Valkey."""

import re
import time
from datetime import timedelta

import dkim
import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import Subscription, Suppression
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, CampaignLink, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import claims, completion, journal
from campaigns.jobs import clock, send, sweep
from campaigns.messages import SendResult
from campaigns.providers.domains import keys, standing
from campaigns.providers.models import DkimKey, ProviderAccount, SenderAddress
from campaigns.providers.smtp.pool import MOST_FAILURES
from campaigns.throttling.loading import load_plan, next_tries
from campaigns.throttling.models import GroupState
from tests.english import in_english
from tests.factories import a_provider
from tests.jobs.steps import launch, run
from tests.readback import campaign_status, delivery_counts
from tests.smtp_server import CLOSE, Session, scripted_server

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def test_a_campaign_reaches_everybody_once_and_is_sent(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, people=60)
        run(campaign_id)
    assert campaign_status(campaign_id) == "sent"
    assert delivery_counts(campaign_id) == {"sent": 60}
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 61))
    campaign = db.session.get_one(Campaign, campaign_id)
    assert (campaign.matched, campaign.audience) == (60, 60)
    assert campaign.finished_at is not None
    assert journal.orphans(app.extensions["campaigns"].settings.journal_dir) == []


def test_the_mail_is_personal_and_its_links_are_kept(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, people=2)
        run(campaign_id)
    assert {m.rcpt_to: f"Hello P{m.rcpt_to[1]}".encode() in m.data for m in server.received} == {
        "p1@example.org": True,
        "p2@example.org": True,
    }
    targets = db.session.scalars(sa.select(CampaignLink.target)).all()
    assert targets == ["https://shop.example/news"]
    assert all(m.mail_from.startswith("b+") for m in server.received)


def test_the_suppressed_are_rows_with_their_reason(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        with transaction():
            suppressions.suppress("p2@example.org", reason="manual", source="", now=utcnow())
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "skipped": 1}
    assert "p2@example.org" not in server.recipients


def test_running_the_expansion_twice_makes_no_second_row(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        send.expand(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 5}


def test_t2_who_leaves_after_the_launch_gets_nothing(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        with transaction():
            subscriptions.unsubscribe([1], 3, ConsentEvidence("page", utcnow()))
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "skipped": 1}
    assert "p3@example.org" not in server.recipients


def test_many_who_left_do_not_hold_up_the_others(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, people=130)
        send.expand(campaign_id)
        with transaction():
            for number in range(1, 121):  # more than one claim takes
                subscriptions.unsubscribe([1], number, ConsentEvidence("page", utcnow()))
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 10, "skipped": 120}


def test_a_refused_recipient_fails_alone(app: Flask) -> None:
    def script(line: str, session: Session) -> str | None:
        return "550 5.1.1 no such user" if line.startswith("RCPT TO:<p2@") else None

    with scripted_server(script) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "failed": 1}
    assert campaign_status(campaign_id) == "sent"


def test_a_greylisted_recipient_waits_for_its_turn(app: Flask) -> None:
    with scripted_server(lambda line, _: "451 later" if "<p2@" in line else None) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "queued": 1}
    assert campaign_status(campaign_id) == "sending"
    due = db.session.scalars(sa.select(Delivery.not_before).where(Delivery.status == "queued"))
    assert due.one() > utcnow()  # type: ignore[operator]


@pytest.mark.parametrize("where", ["MAIL", "<body>"])
def test_thirty_people_are_reached_at_a_server_that_takes_five_messages_a_session(
    app: Flask, where: str
) -> None:
    def script(line: str, session: Session) -> str | None:
        if line.startswith(where) and session.messages >= 5:
            return "452 4.4.5 Maximum number of messages per session exceeded."
        return None

    with scripted_server(script) as server:
        campaign_id = launch(server, people=30)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 30}
    assert campaign_status(campaign_id) == "sent"
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {1}
    assert sorted(server.recipients) == sorted(f"p{n}@example.org" for n in range(1, 31))
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert (account.trouble, account.retry_at) == ("", None)
    assert db.session.scalars(sa.select(GroupState)).all() == []


def test_a_server_that_takes_no_message_in_any_session_lets_the_account_rest(app: Flask) -> None:
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
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert f"accepts connections but no messages: {words}" in in_english(account.trouble)
    # Sessions side by side count as one failure; after the first, one at a time is tried.
    assert MOST_FAILURES <= len(server.sessions) <= 2 + MOST_FAILURES - 1
    assert delivery_counts(campaign_id) == {"queued": 5}
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {0}


def test_one_next_try_is_shown_for_an_account_that_rests_twice(app: Flask) -> None:
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


def test_a_paused_campaign_sends_nothing_and_a_resumed_one_the_rest(app: Flask) -> None:
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


def test_a_server_that_is_away_costs_nobody_anything(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
    send.expand(campaign_id)
    end = time.monotonic() + 20
    while time.monotonic() < end:  # it takes several tries to say that a server is away
        send.send()
        if db.session.scalars(sa.select(ProviderAccount.trouble)).one():
            break
    assert delivery_counts(campaign_id) == {"queued": 5}
    assert set(db.session.scalars(sa.select(Delivery.attempts))) == {0}
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert "refused the connection" in in_english(account.trouble)
    assert account.retry_at is not None
    assert account.retry_at > utcnow()


def test_a_refused_login_pauses_the_campaign_with_the_servers_words(app: Flask) -> None:
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


def test_a_refused_sender_pauses_and_never_blames_the_subscribers(app: Flask) -> None:
    with scripted_server(lambda line, _: "550 5.1.8 no" if line[:4] == "MAIL" else None) as server:
        campaign_id = launch(server)
        run(campaign_id)
    assert campaign_status(campaign_id) == "paused"
    assert delivery_counts(campaign_id) == {"queued": 5}


def test_a_connection_dropped_at_the_dot_is_unknown_and_not_repeated(app: Flask) -> None:
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
        campaign_id = launch(server, people=6, per_second=5)
        begun = time.monotonic()
        run(campaign_id)
        seconds = time.monotonic() - begun
    assert delivery_counts(campaign_id) == {"sent": 6}
    assert seconds >= 0.9


def test_w3_a_daily_limit_waits_and_says_until_when(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, people=5, per_day=3)
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 2, "sent": 3}
    assert campaign_status(campaign_id) == "sending"
    assert "has used up its 3 emails in 24 hours" in in_english(
        db.session.get_one(Campaign, campaign_id).status_reason
    )


def test_a_worker_killed_in_the_middle_is_settled_by_the_clock(app: Flask) -> None:
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
        writer.intent(third.delivery_id)  # a third body was begun when the process died
        writer.close()
        clock.ClockProcess(app).beat()
        assert delivery_counts(campaign_id) == {"queued": 2, "sent": 2, "unknown": 1}
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"sent": 4, "unknown": 1}
    assert sorted(server.recipients) == sorted(person.address for person in others)


def test_what_is_given_back_after_a_cancellation_is_cancelled_too(app: Flask) -> None:
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


def test_a_daily_limit_is_counted_from_the_ledger_when_redis_was_lost(
    app: Flask, redis_url: str
) -> None:
    from redis import Redis

    with scripted_server() as server:
        campaign_id = launch(server, people=5, per_day=3)
        run(campaign_id)
        Redis.from_url(redis_url).flushall()
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"queued": 2, "sent": 3}


def test_a_template_that_broke_since_the_launch_goes_back_to_the_author(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        with transaction():
            db.session.execute(sa.update(Campaign).values(html="<p>{{ nobody }}</p>"))
        send.expand(campaign_id)
    campaign = db.session.get_one(Campaign, campaign_id)
    assert campaign.status == "draft"
    assert "nobody" in campaign.status_reason
    assert timedelta(0) <= utcnow() - campaign.updated_at < timedelta(minutes=1)


def test_a_mailbox_that_does_not_exist_is_suppressed_with_the_servers_words(app: Flask) -> None:
    script = lambda line, _: "550 5.1.1 no such user here" if "TO:<p2@" in line else None  # noqa: E731
    with scripted_server(script) as server:
        run(launch(server))
    (found,) = db.session.scalars(sa.select(Suppression)).all()
    assert found.address_normal == "p2@example.org"
    assert "no such user here" in found.note


def test_b4_a_flood_of_refusals_holds_the_group_and_suppresses_nobody(app: Flask) -> None:
    script = lambda line, _: "550 5.1.1 user unknown" if line[:4] == "RCPT" else None  # noqa: E731
    with scripted_server(script) as server:
        campaign_id = launch(server, people=120)
        run(campaign_id)
        counts = delivery_counts(campaign_id)
        assert counts["held"] >= 20
        assert counts["held"] + counts.get("queued", 0) + counts.get("failed", 0) == 120
        assert counts["held"] > counts.get("failed", 0)
        assert len(db.session.scalars(sa.select(Suppression)).all()) == counts.get("failed", 0)


def test_refused_content_pauses_a_young_campaign(app: Flask) -> None:
    script = lambda line, _: "554 5.7.0 spam content rejected" if line == "<body>" else None  # noqa: E731
    with scripted_server(script) as server:
        campaign_id = launch(server, people=60)
        run(campaign_id)
    assert campaign_status(campaign_id) == "paused"
    assert "spam content rejected" in db.session.get_one(Campaign, campaign_id).status_reason


def test_u3_a_campaign_is_signed_with_the_unsubscribe_fields_in_the_signature(
    app: Flask, redis_url: str
) -> None:
    with scripted_server() as server:
        campaign_id = launch(server, people=3)
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


def test_who_leaves_while_a_slow_server_keeps_them_waiting_gets_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers quickly at first, then takes its time; most people leave meanwhile."""
    monkeypatch.setattr("campaigns.engine.consent.CHECK_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr("campaigns.engine.outbox.CHECK_AFTER_SECONDS", 0.05)
    have_left: list[int] = []

    def script(line: str, session: Session) -> str | None:
        if line != "<body>":
            return None
        if len(server.received) == 10 and not have_left:
            have_left.append(1)
            with app.app_context(), transaction():
                db.session.execute(
                    sa.update(Subscription).values(state="unsubscribed", state_at=utcnow())
                )
            time.sleep(0.3)
        return None

    with scripted_server(script) as server:
        campaign_id = launch(server, people=60, connections=1)
        run(campaign_id)
    assert len(server.received) <= 12, "what was on the wire at that moment, and no more"
    assert delivery_counts(campaign_id)["skipped"] >= 48
    assert sum(delivery_counts(campaign_id).values()) == 60
