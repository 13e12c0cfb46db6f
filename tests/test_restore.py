"""A backup taken in mid-campaign is restored as docs/operations.md says, with real processes.

The processes are those of a Procfile, so only a worker or a clock can recognize the backup.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import users
from campaigns.app import create_app
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.models import ProviderAccount
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from tests.backups import back_up
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, subscribers
from tests.procfile import Procfile, copy_for_processes
from tests.smtp_server import ScriptedServer, Session, scripted_server
from tests.supervisor.helpers import wait_until

pytestmark = pytest.mark.process

RECIPIENTS = 600
LATER_RECIPIENTS = 5
PER_SECOND, PER_SECOND_AFTERWARDS = 15, 1000
"""Limit of the account until the processes stop: something must be left even on a busy machine."""
SECONDS_PER_BODY = 0.01
QUIET_SECONDS = 4.0
"""Time during which nothing may be sent before a decision. The clock acts every second."""
OWNER, PASSWORD = "owner@example.org", "correct horse battery"
WAITING_ADDRESS = "single@example.org"
"""Recipient of an alert that waits in the backup and is sent after it."""
SETTLED = ("sent", "unknown", "failed", "skipped")
BANNER = "On hold: the database was restored from a backup"


def slow(line: str, session: Session) -> str | None:
    if line == "<body>":
        time.sleep(SECONDS_PER_BODY)
    return None


class Machine(Procfile):
    """The processes of a machine, and what a restore needs."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder, database_url)
        self._app = create_app(self.settings)
        self._app.config["WTF_CSRF_ENABLED"] = False

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """The app of a web process; its connections are closed at the end."""
        with self._app.app_context():
            try:
                yield self._app
            finally:
                db.session.remove()
                db.engine.dispose()

    def back_up(self) -> Callable[[], None]:
        """Copy Redis and back up the database; return a function that restores the database."""
        shutil.copytree(self.redis_dir, self.folder / "redis of the backup")
        return back_up(self.database_url, self.folder)


@pytest.fixture
def machine(tmp_path: Path, database_url: str) -> Iterator[Machine]:
    machine = Machine(tmp_path, copy_for_processes(database_url, tmp_path))
    try:
        yield machine
    finally:
        machine.stop()
        print(machine.log[-6000:])


@pytest.fixture
def sink() -> Iterator[ScriptedServer]:
    with scripted_server(slow) as server:
        yield server


def launch(machine: Machine, sink: ScriptedServer) -> None:
    """Launch a campaign; schedule another and queue an alert, both waiting for the clock."""
    with machine.app():
        with transaction():
            users.create_user(OWNER, PASSWORD, now=utcnow())
            sender = a_sender(provider=a_provider(port=sink.port))
            db.session.execute(sa.update(ProviderAccount).values(per_second=PER_SECOND))
            first, later = a_list("First"), a_list("Later")
            subscribers((f"first{number}@example.org" for number in range(RECIPIENTS)), first)
            subscribers((f"later{number}@example.org" for number in range(LATER_RECIPIENTS)), later)
            campaign = a_campaign(first, sender=sender, name="First")
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
            scheduled = a_campaign(later, sender=sender, name="Later")
            lifecycle.launch(scheduled.id, at=utcnow(), undo_seconds=0, now=utcnow())
            payload = {"subject": "Look", "text": "Look"}
            mail = queue.enqueue("alert", WAITING_ADDRESS, payload, now=utcnow())
            mail.not_before = utcnow()
        services().doorbell.ring("expand", campaign.id)


def emails_received(sink: ScriptedServer) -> Counter[str]:
    """The number of emails that each recipient got, without the owner."""
    return Counter(address for address in sink.recipients if address != OWNER)


def send_past_a_backup(machine: Machine, sink: ScriptedServer) -> Counter[str]:
    """Back up in mid-campaign, send more, stop and restore; return the emails received so far."""
    machine.start("valkey", "worker")
    wait_until(lambda: "worker started" in machine.log, "the worker runs", 60)
    launch(machine, sink)
    wait_until(lambda: len(sink.recipients) > 20, "the campaign is being sent", 60)
    restore = machine.back_up()
    late = {WAITING_ADDRESS, *(f"later{number}@example.org" for number in range(LATER_RECIPIENTS))}
    assert not late & set(sink.recipients), "the backup was too late"
    machine.start("clock")
    wait_until(
        lambda: late < set(sink.recipients),
        "more is sent after the backup", 60,
    )  # fmt: skip
    machine.stop()
    before = emails_received(sink)
    assert len(before) < RECIPIENTS + LATER_RECIPIENTS + 1, "nothing was left to be sent"
    assert max(before.values()) == 1
    restore()
    return before


def log_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"address": OWNER, "password": PASSWORD})
    return client


def wait_until_held(machine: Machine, sink: ScriptedServer, before: Counter[str]) -> None:
    """Wait until the processes hold everything and alert the owner; nobody else gets an email."""
    wait_until(lambda: "was restored from a backup" in machine.log, "the backup is recognized", 60)
    wait_until(lambda: OWNER in sink.recipients, "the owner is alerted", 30)
    time.sleep(QUIET_SECONDS)
    assert emails_received(sink) == before, "an email was sent before a decision"


def decide(machine: Machine, decision: str) -> None:
    """Check home and both reports, and choose the same action for every kind."""
    with machine.app() as app:
        client = log_in(app)
        home = client.get("/").text
        assert BANNER in home
        campaigns = {one.name: one for one in db.session.scalars(sa.select(Campaign))}
        assert (campaigns["First"].status, campaigns["Later"].status) == ("paused", "scheduled")
        assert "restored from a backup" in in_english(campaigns["First"].status_reason)
        notices = {"First": BANNER, "Later": "This campaign may have been sent"}
        for name, words in notices.items():
            page = client.get(f"/campaigns/{campaigns[name].public_id}/report")
            assert words in page.text
        with transaction():
            db.session.execute(sa.update(ProviderAccount).values(per_second=PER_SECOND_AFTERWARDS))
        for what in ("campaigns", "scheduled", "emails"):
            client.post(f"/restored/{what}", data={"decision": decision})
        assert BANNER not in client.get("/").text


def outcomes(machine: Machine) -> dict[str, str]:
    with machine.app():
        rows = db.session.execute(sa.select(Delivery.address, Delivery.status)).all()
        mails = db.session.execute(
            sa.select(TransactionalEmail.address, TransactionalEmail.status).where(
                TransactionalEmail.address == WAITING_ADDRESS
            )
        ).all()
        return {row.address: row.status for row in (*rows, *mails)}


def wait_until_settled(machine: Machine) -> dict[str, str]:
    is_open = Delivery.status.not_in(SETTLED)
    with machine.app():

        def are_settled() -> bool:
            db.session.rollback()
            return db.session.scalar(sa.select(Delivery.id).where(is_open).limit(1)) is None

        wait_until(are_settled, "every delivery has an outcome", 60)
    wait_until(
        lambda: outcomes(machine)[WAITING_ADDRESS] in SETTLED, "the alert has an outcome", 60
    )
    return outcomes(machine)


# One decision per database here; tests/web/test_restored.py tests all of them on both.
@pytest.mark.runs_on("sqlite")
def test_after_the_restore_nothing_is_sent_when_the_campaigns_are_ended(
    machine: Machine, sink: ScriptedServer
) -> None:
    before = send_past_a_backup(machine, sink)
    machine.start("valkey", "worker", "clock")
    wait_until_held(machine, sink, before)
    decide(machine, "leave")
    found = wait_until_settled(machine)
    time.sleep(QUIET_SECONDS)
    assert emails_received(sink) == before, "nobody got a second email, and nobody new got one"
    first = {address for address in found if address.startswith("first")}
    assert len(first) == RECIPIENTS, "everyone is accounted for"
    assert {found[address] for address in first - before.keys()} == {"unknown"}
    assert {found[address] for address in first} == {"sent", "unknown"}
    assert found[WAITING_ADDRESS] == "unknown"


@pytest.mark.runs_on("postgresql")
def test_after_the_restore_sending_the_rest_reaches_everyone(
    machine: Machine, sink: ScriptedServer
) -> None:
    before = send_past_a_backup(machine, sink)
    machine.start("valkey", "worker", "clock")
    with_outcome = {address for address, status in outcomes(machine).items() if status == "sent"}
    wait_until_held(machine, sink, before)
    decide(machine, "send")
    wait_until(
        lambda: sum(address.startswith("later") for address in sink.recipients)
        == 2 * LATER_RECIPIENTS,
        "the scheduled campaign is sent", 60,
    )  # fmt: skip
    found = wait_until_settled(machine)
    unknown = {address for address, status in found.items() if status == "unknown"}
    after = emails_received(sink)
    assert len(found) == RECIPIENTS + LATER_RECIPIENTS + 1
    assert found.keys() - unknown <= after.keys(), "nobody is lost"
    again = {address for address, count in after.items() if count > 1}
    assert max(after.values()) == 2
    assert not again & with_outcome, "sent before the backup and emailed again"
    assert not again & unknown


def lose_nothing(machine: Machine) -> None:
    pass


def lose_redis(machine: Machine) -> None:
    shutil.rmtree(machine.redis_dir)


def move_to_a_new_machine(machine: Machine) -> None:
    shutil.rmtree(machine.redis_dir)
    shutil.rmtree(machine.data_dir)


def move_with_the_redis_of_the_backup(machine: Machine) -> None:
    move_to_a_new_machine(machine)
    (machine.folder / "redis of the backup").rename(machine.redis_dir)


@pytest.mark.runs_on("sqlite")
@pytest.mark.parametrize(
    "lose", [lose_redis, move_to_a_new_machine, move_with_the_redis_of_the_backup]
)
def test_whatever_else_was_lost_nothing_is_sent_automatically(
    machine: Machine, sink: ScriptedServer, lose: Callable[[Machine], None]
) -> None:
    before = send_past_a_backup(machine, sink)
    lose(machine)
    machine.start("valkey", "worker", "clock")
    wait_until_held(machine, sink, before)
