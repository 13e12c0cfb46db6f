"""Single emails: sent once, retried when that is safe, never sent twice silently."""

import html
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as email_policy
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience import lists, subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.content.brand_style import LIGHT
from campaigns.db import db, transaction
from campaigns.jobs import leases, runtime, transactional
from campaigns.jobs.transactional import deliver
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.self_service import signup
from campaigns.throttling import rules
from campaigns.tokens import ConfirmRef
from campaigns.transactional import list_emails, queue
from campaigns.transactional.list_emails import ListEmailInput
from campaigns.transactional.models import TransactionalEmail
from campaigns.transactional.queue import MailStatus
from campaigns.wording import catalog
from tests.conftest import settings_for_tests
from tests.english import in_english
from tests.factories import (
    a_brand,
    a_campaign,
    a_list,
    a_provider,
    a_sender,
    a_subscriber,
    a_template,
)
from tests.pseudo_locale import LOCALE, add_pseudo, english_left
from tests.smtp_server import CLOSE, ScriptedServer, Session, scripted_server

Script = Callable[[str, Session], str | None]


@contextmanager
def sending_server(script: Script = lambda line, session: None) -> Iterator[ScriptedServer]:
    """A server, an account on it, and the default sender."""
    with scripted_server(script) as server:
        with transaction():
            account = a_provider(port=server.port)
            a_sender("news@example.org", account, name="Example News", reply_to="us@example.org")
        yield server


@pytest.fixture(autouse=True)
def _worker(app: Flask) -> None:
    runtime.use(app)


@pytest.fixture
def news() -> AudienceList:
    with transaction():
        save_workspace(name="Example News", postal_address="1 High Street\nAnytown")
        return a_list("Grüße & <News>", is_public=True)


def sign_up(news: AudienceList, address: str = "alice@example.org", name: str = "") -> int:
    with transaction():
        mail_id = signup.sign_up(
            news.id, address, name=name, evidence=ConsentEvidence("form", utcnow(), "yes")
        )
    assert mail_id is not None
    return mail_id


def an_alert(subject: str = "Look", text: str = "Something happened.") -> int:
    with transaction():
        payload = {"subject": subject, "text": text}
        return queue.enqueue("alert", "owner@example.org", payload, now=utcnow()).id


def a_test_email(campaign: Campaign, *, as_subscriber: Subscriber | None = None) -> int:
    payload = {
        "campaign_id": campaign.id,
        "as_subscriber_id": as_subscriber.id if as_subscriber else None,
    }
    with transaction():
        return queue.enqueue("test", "tester@example.org", payload, now=utcnow()).id


def status(mail_id: int) -> MailStatus:
    db.session.rollback()
    found = queue.status(mail_id)
    assert found is not None
    return found


def make_due(mail_id: int) -> None:
    with transaction():
        db.session.execute(
            sa.update(TransactionalEmail)
            .where(TransactionalEmail.id == mail_id)
            .values(not_before=utcnow() - timedelta(seconds=1))
        )


def read(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=email_policy)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_confirmation_is_neutral_and_its_link_works(app: Flask, news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = sign_up(news, name="Alice")
        deliver(mail_id)
    reply = Reason("transactional.accepted", {"reply": "250 2.0.0 Ok: queued as 4XyZ12abc"})
    assert status(mail_id) == MailStatus("sent", reply, "alice@example.org", is_final=True)
    [received] = server.received
    assert (received.mail_from, received.rcpt_to) == ("news@example.org", "alice@example.org")
    mail = read(received.data)
    assert mail["Subject"] == "Confirm your subscription to Grüße & <News>"
    assert mail["From"] == "Example News <news@example.org>"
    assert mail["Reply-To"] == "us@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "Precedence"):
        assert mail[name] is None
    text, html = part(mail, "plain"), part(mail, "html")
    assert "Alice" not in text
    assert "Grüße &amp; &lt;News&gt;" in html
    assert "<img" not in html
    assert all(line.isascii() for line in received.data.split(b"\r\n"))
    link = next(line for line in text.splitlines() if line.startswith("https://"))
    assert html.count(link) == 2
    answer = app.test_client().post(link.removeprefix("https://news.example.org"))
    assert "You are subscribed" in answer.text


def test_a_confirmation_speaks_the_language_of_its_list(
    app: Flask, news: AudienceList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_pseudo(app, tmp_path / "translations", monkeypatch)
    with transaction():
        lists.set_language(news.id, LOCALE)
    with sending_server() as server:
        deliver(sign_up(news, name="Alice"))
    [received] = server.received
    mail = read(received.data)
    assert mail["Subject"].startswith("[Çóñfířm ")
    data = {"Grüße & <News>", "Example News", "High Street", "Anytown"}
    data |= set(re.findall(r"https://\S+", part(mail, "plain")))
    assert english_left(part(mail, "html"), data) == []
    assert english_left(html.escape(part(mail, "plain")), data) == []
    assert 'lang="en-GB"' in part(mail, "html")
    catalog.catalog.cache_clear()


def test_a_list_speaks_in_its_own_words_and_in_the_look_of_the_brand(news: AudienceList) -> None:
    own = ListEmailInput(
        subject="One more step, {{ sender.name }}",
        text="Almost there.\n\n{{ confirm_url }}\n\nSee you!",
        button="Yes, please",
    )
    with transaction():
        list_emails.save(news.id, "confirm", own, seen="", now=utcnow())
        light = LIGHT.model_copy(update={"accent": "#aa0055"})
        a_brand(is_default=True, style={"light": light.model_dump()})
    with sending_server() as server:
        deliver(sign_up(news))
    [received] = server.received
    mail = read(received.data)
    assert mail["Subject"] == "One more step, Example News"
    html = part(mail, "html")
    assert "#aa0055" in html
    assert "Yes, please" in html
    assert part(mail, "plain").split()[2].startswith("https://news.example.org/confirm/")


def test_a_welcome_is_sent_once_after_confirming_and_can_be_unsubscribed_from(
    app: Flask, news: AudienceList
) -> None:
    own = ListEmailInput(subject="Welcome", text='Hi {{ subscriber.name or "you" }}!', is_on=True)
    with transaction():
        list_emails.save(news.id, "welcome", own, seen="", now=utcnow())
    sign_up(news, name="Alice Miller")
    person = db.session.scalars(sa.select(Subscriber)).one()
    ref = ConfirmRef(person.id, news.id, int(utcnow().timestamp()))
    with transaction():
        done = signup.confirm(ref, ConsentEvidence("form", utcnow()))
    with transaction():
        assert signup.confirm(ref, ConsentEvidence("form", utcnow())).mail_id is None
    assert done.mail_id is not None
    with sending_server() as server:
        deliver(done.mail_id)
        deliver(done.mail_id)
    [received] = server.received
    mail = read(received.data)
    text = part(mail, "plain")
    assert text.startswith("Hi Alice Miller!")
    link = mail["List-Unsubscribe"].strip("<>")
    assert link in text
    assert link in part(mail, "html")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    app.test_client().post(link.removeprefix("https://news.example.org"))
    assert subscriptions.state(news.id, person.id) == "unsubscribed"


def test_no_welcome_is_sent_to_someone_who_has_left_meanwhile(news: AudienceList) -> None:
    with transaction():
        person = a_subscriber("alice@example.org", news, state="unsubscribed")
        payload = {"subscriber_id": person.id, "list_id": news.id}
        mail_id = queue.enqueue("welcome", person.address, payload, now=utcnow()).id
    with sending_server() as server:
        deliver(mail_id)
    assert server.received == []
    assert status(mail_id).reason == Reason("transactional.not_subscribed")


def test_delivering_twice_sends_once(news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = sign_up(news)
        deliver(mail_id)
        deliver(mail_id)
    assert len(server.received) == 1


def test_without_a_sender_the_error_says_what_to_do(news: AudienceList) -> None:
    mail_id = sign_up(news)
    deliver(mail_id)
    assert status(mail_id).status == "failed"
    assert in_english(status(mail_id).reason).startswith("There is no sender address. Add one")


@pytest.mark.parametrize(
    "name",
    [
        "You won! https://evil.example/claim",
        "<a href=https://evil.example>Click</a>",
        "x\r\nBcc: victim@example.org",
        "{{ link }} evil.example",
    ],
)
def test_a_confirmation_contains_nothing_that_a_visitor_typed(
    news: AudienceList, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sending_server() as server:
        deliver(sign_up(news, address="plain@example.org"))
        named = sign_up(news, address="named@example.org", name=name)
        with transaction():
            subscriber = db.session.scalars(
                sa.select(Subscriber).where(Subscriber.address == "named@example.org")
            ).one()
            subscriber.attributes = {"company": name, "list_name": name, "name": name}
        deliver(named)
    plain, hostile = (without_personal_parts(received.data) for received in server.received)
    assert plain == hostile


def without_personal_parts(data: bytes) -> list[str]:
    """The headers and parts of an email, without its address, its date and random values."""
    mail = read(data)
    changing = {"Date", "Message-ID", "Content-Type"}
    found = [f"{name}: {value}" for name, value in mail.items() if name not in changing]
    found += [part(mail, "plain"), part(mail, "html")]
    texts = [re.sub("(plain|named)@example.org", "ADDRESS", text) for text in found]
    return [re.sub(r"/confirm/[\w.~-]+", "/confirm/TOKEN", text) for text in texts]


def test_a_test_of_a_template_comes_from_its_brand_with_variables_and_languages(
    app: Flask, news: AudienceList
) -> None:
    with sending_server() as server:
        mails = [a_test_of_a_template(), a_test_of_a_template(language="de")]
        for mail_id in mails:
            deliver(mail_id)
    english, translated = (read(one.data) for one in server.received)
    assert english["Subject"] == "[Test] News of May"
    assert translated["Subject"] == "[Test] Neues im May"
    assert "brand@example.org" in english["From"]
    assert "Hallo" in part(translated, "html")


def a_test_of_a_template(**more: str) -> int:
    """A test of a template with a brand, a variable and a variant in German."""
    german = {
        "subject": "Neues im {{ var.month }}", "preheader": "", "content_kind": "html",
        "source": "<p>Hallo</p>", "inline_css": False,
    }  # fmt: skip
    with transaction():
        account = db.session.scalars(sa.select(ProviderAccount)).one()
        address = f"brand{more.get('language', '')}@example.org"
        sender = a_sender(address, account, is_default=False)
        brand = a_brand("Harbour", sender_id=sender.id)
        template = a_template(
            subject="News of {{ var.month }}",
            content_kind="html",
            source="<p>Hello</p>",
            brand_id=brand.id,
            variables={"month": "May"},
            variants={"de": german},
        )

        payload = {"template_id": template.id, "as_subscriber_id": None, **more}
        return queue.enqueue("test", "tester@example.org", payload, now=utcnow()).id


def test_a_test_of_a_deleted_template_says_so(app: Flask, news: AudienceList) -> None:
    payload = {"template_id": 404, "as_subscriber_id": None}
    with transaction():
        mail_id = queue.enqueue("test", "tester@example.org", payload, now=utcnow()).id
    with sending_server():
        deliver(mail_id)
    assert in_english(status(mail_id).reason) == "The template has been deleted."


def test_a_suppression_before_delivery_stops_the_confirmation(news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = sign_up(news)
        with transaction():
            suppressions.suppress(
                "alice@example.org", reason="complaint", source="test", now=utcnow()
            )
        deliver(mail_id)
    assert server.received == []
    assert "on the suppression list" in in_english(status(mail_id).reason)


def test_a_suppression_while_the_server_is_slow_stops_the_confirmation(
    app: Flask, news: AudienceList
) -> None:
    mail = sign_up(news)

    def script(line: str, session: Session) -> str | None:
        if line.startswith("RCPT"):
            with app.app_context(), transaction():
                suppressions.suppress(
                    "alice@example.org", reason="manual", source="test", now=utcnow()
                )
        return None

    with sending_server(script) as server:
        deliver(mail)
    assert status(mail).status == "failed"
    assert "on the suppression list" in in_english(status(mail).reason)
    assert server.received == []


def test_no_confirmation_is_sent_after_an_earlier_one_was_used(news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = sign_up(news)
        subscriber_id = db.session.scalars(sa.select(Subscriber.id)).one()
        with transaction():
            subscriptions.confirm(news.id, subscriber_id, ConsentEvidence("form", utcnow()))
        deliver(mail_id)
    assert server.received == []
    assert status(mail_id).status == "failed"


def test_a_refused_recipient_is_not_retried(news: AudienceList) -> None:
    with sending_server(lambda line, _: "550 5.1.1 no such user" if "RCPT" in line else None):
        mail_id = sign_up(news)
        deliver(mail_id)
    assert status(mail_id).status == "failed"
    assert "no such user" in in_english(status(mail_id).reason)


def test_a_temporary_refusal_is_retried_later(news: AudienceList) -> None:
    def script(line: str, session: Session) -> str | None:
        return "451 4.7.1 greylisted" if "RCPT" in line and session.number == 1 else None

    with sending_server(script) as server:
        mail_id = sign_up(news)
        deliver(mail_id)
        assert status(mail_id).status == "queued"
        assert "greylisted" in in_english(status(mail_id).reason)
        deliver(mail_id)  # not due yet
        assert len(server.sessions) == 1
        make_due(mail_id)
        assert queue.stalled(utcnow()) == [mail_id]
        deliver(mail_id)
    assert status(mail_id).status == "sent"
    assert len(server.received) == 1


def test_a_failing_account_delays_a_confirmation_for_at_most_a_day(news: AudienceList) -> None:
    with transaction():
        a_sender(provider=a_provider(port=1))
    mail_id = sign_up(news)
    deliver(mail_id)
    assert status(mail_id).status == "queued"
    assert "refused the connection" in in_english(status(mail_id).reason)
    with transaction():
        db.session.execute(
            sa.update(TransactionalEmail).values(
                created_at=utcnow() - timedelta(hours=24), not_before=None
            )
        )
    deliver(mail_id)
    assert status(mail_id).status == "failed"


def test_a_connection_lost_after_the_body_is_unknown_and_not_repeated(
    news: AudienceList,
) -> None:
    with sending_server(lambda line, _: CLOSE if line == "<body>" else None) as server:
        mail_id = sign_up(news)
        deliver(mail_id)
        assert status(mail_id).status == "unknown"
        deliver(mail_id)
    assert len(server.sessions) == 1
    assert "may have arrived" in in_english(status(mail_id).reason)


def expire_lease() -> None:
    with transaction():
        db.session.execute(
            sa.update(TransactionalEmail).values(lease_until=utcnow() - timedelta(seconds=1))
        )


def test_an_email_of_a_worker_killed_before_the_body_is_sent_by_the_next(
    news: AudienceList,
) -> None:
    with sending_server() as server:
        mail_id = sign_up(news)
        with transaction():
            assert queue.claim(mail_id, now=utcnow()) is not None
        deliver(mail_id)  # its lease has not expired
        assert server.received == []
        expire_lease()
        assert queue.stalled(utcnow()) == [mail_id]
        deliver(mail_id)
    assert status(mail_id).status == "sent"


def test_claims_of_a_killed_worker_are_soon_released(news: AudienceList) -> None:
    mail_id = sign_up(news)
    now = utcnow()
    with transaction():
        assert queue.claim(mail_id, now=now) is not None
    assert queue.stalled(now + timedelta(seconds=11)) == []
    assert queue.stalled(now + timedelta(seconds=13)) == [mail_id]


def test_a_claim_is_renewed_until_the_body_leaves(
    news: AudienceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lease_until() -> datetime:
        with app.app_context():
            found = db.session.scalars(sa.select(TransactionalEmail.lease_until)).one()
        assert found is not None
        return found

    def script(line: str, session: Session) -> str | None:
        if line.startswith("MAIL"):
            before, end = lease_until(), time.monotonic() + 10
            while lease_until() == before and time.monotonic() < end:
                time.sleep(0.01)
            was_renewed.append(lease_until() > before)
        elif line == "<body>":
            time.sleep(0.1)  # renewals no longer change anything
            left.append(lease_until() - utcnow())
        return None

    was_renewed: list[bool] = []
    left: list[timedelta] = []
    app = runtime.app()
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    with sending_server(script):
        mail_id = sign_up(news)
        deliver(mail_id)
    assert status(mail_id).status == "sent"
    assert was_renewed == [True]
    assert left[0] > timedelta(seconds=transactional.SENDING_TIMEOUT_SECONDS)


def test_an_email_of_a_worker_killed_during_the_body_is_unknown(news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = sign_up(news)
        with transaction():
            claimed = queue.claim(mail_id, now=utcnow())
        assert claimed is not None
        with transaction():
            assert queue.begin_body(claimed, now=utcnow())
        assert status(mail_id).reason is None
        expire_lease()
        assert queue.stalled(utcnow()) == [mail_id]
        deliver(mail_id)
    assert server.received == []
    assert status(mail_id).status == "unknown"
    assert queue.stalled(utcnow()) == []


def test_a_worker_that_lost_its_claim_does_not_send(news: AudienceList) -> None:
    """The lease expired while it was connecting, and another worker took over."""

    def script(line: str, session: Session) -> str | None:
        if line == "DATA":
            with app.app_context():
                expire_lease()
                with transaction():
                    assert queue.claim(mail_id, now=utcnow()) is not None
                db.session.remove()
        return None

    app = runtime.app()
    with sending_server(script) as server:
        mail_id = sign_up(news)
        deliver(mail_id)
    assert server.received == []
    assert status(mail_id).status == "sending"  # the other worker's


def test_the_sweep_leaves_new_emails_to_their_own_job(news: AudienceList) -> None:
    mail_id = sign_up(news)
    assert queue.stalled(utcnow()) == []
    assert queue.stalled(utcnow() + timedelta(minutes=1)) == [mail_id]


# --- tests of campaigns, and alerts ----------------------------------------------------------


def test_a_test_email_is_marked_and_not_tracked(news: AudienceList) -> None:
    with sending_server() as server:
        with transaction():
            alice = a_subscriber("alice@example.org", news, name="Alice")
            campaign = a_campaign(news)
        mail_id = a_test_email(campaign, as_subscriber=alice)
        deliver(mail_id)
    assert status(mail_id).status == "sent"
    [received] = server.received
    assert received.rcpt_to == "tester@example.org"
    mail = read(received.data)
    assert mail["Subject"] == "[Test] Hello Alice"
    html = part(mail, "html")
    assert "https://shop.example/news" in html
    assert "/c/" not in html
    assert "/o/" not in html


def test_a_test_email_with_a_content_problem_names_it(news: AudienceList) -> None:
    with sending_server() as server:
        with transaction():
            campaign = a_campaign(news, subject="Hello {{ subscriber.name")
        mail_id = a_test_email(campaign)
        deliver(mail_id)
    assert server.received == []
    assert status(mail_id).status == "failed"
    assert "content has a problem" in in_english(status(mail_id).reason)


@pytest.mark.usefixtures("news")
@pytest.mark.parametrize(("kind", "state"), [("test", "failed"), ("alert", "queued")])
def test_an_email_that_crashes_its_job_says_so(kind: queue.Kind, state: str) -> None:
    with transaction():
        a_sender()
        mail_id = queue.enqueue(kind, "tester@example.org", {"odd": 1}, now=utcnow()).id
    with pytest.raises(KeyError):
        deliver(mail_id)
    assert status(mail_id).status == state
    assert "unexpected error" in in_english(status(mail_id).reason)


def test_a_test_email_fails_immediately_without_a_server(news: AudienceList) -> None:
    with transaction():
        a_sender(provider=a_provider(port=1))
        campaign = a_campaign(news)
    mail_id = a_test_email(campaign)
    deliver(mail_id)
    assert status(mail_id).is_final
    assert "refused the connection" in in_english(status(mail_id).reason)


def test_a_test_email_is_sent_from_the_campaigns_sender(news: AudienceList) -> None:
    with sending_server() as server:
        with transaction():
            other = a_sender(
                "shop@example.org", a_provider("Other", port=server.port), is_default=False
            )
            campaign = a_campaign(news, sender=other)
        deliver(a_test_email(campaign))
    assert server.received[0].mail_from == "shop@example.org"


def test_an_alert_reaches_its_owner_without_stray_headers(news: AudienceList) -> None:
    with sending_server() as server:
        mail_id = an_alert("Sending stopped\r\nBcc: victim@example.org", "Why:\n.\nBecause.")
        deliver(mail_id)
    assert status(mail_id).status == "sent"
    assert server.recipients == ["owner@example.org"]
    mail = read(server.received[0].data)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Sending stopped Bcc: victim@example.org"
    assert part(mail, "plain").splitlines() == ["Why:", ".", "Because."]


def test_an_address_with_non_ascii_letters_is_encoded(news: AudienceList) -> None:
    with scripted_server(extensions=("SMTPUTF8", "8BITMIME")) as server:
        with transaction():
            a_sender(provider=a_provider(port=server.port))
        mail_id = sign_up(news, "дима@example.org", name="Дима")
        deliver(mail_id)
    assert status(mail_id).status == "sent"
    assert "дима@example.org" in server.received[0].data.decode()


# --- limits ----------------------------------------------------------------------------------


class TestUnderLimits:
    @pytest.fixture
    def settings(self, settings: Settings, redis_url: str) -> Settings:
        return settings_for_tests(
            settings.data_dir, database_url=settings.database_url, redis_url=redis_url
        )

    def test_single_emails_count_towards_the_accounts_limit_and_wait_for_it(
        self, app: Flask
    ) -> None:
        with scripted_server() as server:
            with transaction():
                account = a_provider(port=server.port, per_hour=1)
                a_sender(provider=account)
            first, second = an_alert(), an_alert()
            deliver(first)
            deliver(second)
        assert len(server.received) == 1
        assert (status(first).status, status(second).status) == ("sent", "queued")
        assert "has reached its limit of 1 email per hour" in in_english(status(second).reason)

    def test_an_accepted_email_ends_the_trouble_of_an_account(self, app: Flask) -> None:
        with scripted_server() as server:
            with transaction():
                account = a_provider(port=server.port, trouble="It hung up.", trouble_count=7)
                a_sender(provider=account)
            deliver(an_alert())
        db.session.expire_all()
        assert db.session.get_one(ProviderAccount, account.id).trouble_count == 0

    def test_a_hold_of_a_mailbox_group_does_not_delay_single_emails(self, app: Flask) -> None:
        with scripted_server() as server:
            with transaction():
                account = a_provider(port=server.port, per_hour=9)
                a_sender(provider=account)
                rules.apply(account.id, "other", [(421, "RP-001 limit", 1)], now=utcnow())
            deliver(mail_id := an_alert())
        assert status(mail_id).status == "sent"
