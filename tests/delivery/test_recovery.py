"""The journal, and recovery from it after a crash."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign.models import Claim
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import claims, journal, outcomes, recovery
from campaigns.jobs import runtime, sweep
from campaigns.messages import SendResult
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber
from tests.manual_clock import ManualSeconds
from tests.readback import delivery_statuses

NOW = utcnow()
LEASE = timedelta(seconds=90)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> ManualSeconds:
    clock = ManualSeconds(5000.0)
    monkeypatch.setattr(sweep, "running_seconds", clock)
    monkeypatch.setattr(sweep, "_watch", recovery.Watch())
    return clock


def test_a_journal_distinguishes_the_three_outcomes(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    writer.intent(1)
    writer.reply(SendResult(1, "sent", "250 ok", 250))
    writer.intent(2)
    writer.close()
    (path,) = journal.orphans(tmp_path)
    story = journal.read(path)
    assert story.results == {1: SendResult(1, "sent", "250 ok", 250)}
    assert story.unknown == {2}


def test_a_delivery_released_and_started_again_is_unknown(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    writer.intent(1)
    writer.reply(SendResult(1, "unsent", scope="connection"))
    writer.intent(1)
    writer.close()
    (path,) = journal.orphans(tmp_path)
    assert journal.read(path).unknown == {1}


def test_a_delivery_refused_by_a_full_session_was_never_started(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "t")
    writer.intent(1)
    writer.revoke(1)
    writer.close()
    story = journal.read(tmp_path / "t.journal")
    assert (story.begun, story.results) == (set(), {})


def test_a_truncated_line_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "token.journal"
    path.write_bytes(b'I 1\nR 1 ["sent",250,"recipient","dot","ok"]\nI 2\nR 2 ["sen')
    assert journal.read(path).unknown == {2}


def test_the_journal_of_a_running_writer_is_not_adopted(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    (path,) = journal.orphans(tmp_path)
    with journal.adopt(path) as is_ours:
        assert not is_ours
    writer.close()
    with journal.adopt(path) as is_ours:
        assert is_ours


def test_an_orphan_is_adopted_once(tmp_path: Path) -> None:
    journal.Journal(tmp_path, "token").close()
    (path,) = journal.orphans(tmp_path)
    with journal.adopt(path) as first, journal.adopt(path) as second:
        assert (first, second) == (True, False)


def test_a_removed_journal_is_not_adopted(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    (path,) = journal.orphans(tmp_path)
    writer.remove()
    with journal.adopt(path) as is_ours:
        assert not is_ours


def test_every_line_of_a_killed_writer_is_kept(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from campaigns.delivery.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]), 'token')\n"
        "[j.intent(n) for n in range(500)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (path,) = journal.orphans(tmp_path)
    with journal.adopt(path) as is_ours:
        assert is_ours
        assert len(journal.read(path).unknown) == 500


def test_a_full_disk_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from campaigns.delivery.journal import RESERVED_BYTES, Journal\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVED_BYTES,) * 2)\n"
        "j = Journal(Path(sys.argv[1]), 'token')\n"
        "[j.intent(n) for n in range(10**12, 10**12 + RESERVED_BYTES)]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert "OSError" in done.stderr
    (path,) = journal.orphans(tmp_path)
    assert len(journal.read(path).unknown) == journal.RESERVED_BYTES // 16 - 3


def test_a_journal_grows_with_long_replies(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    for number in range(2000):
        writer.intent(number)
        writer.reply(SendResult(number, "sent", f"250 {number} " + "x" * 400, 250))
    writer.close()
    (path,) = journal.orphans(tmp_path)
    story = journal.read(path)
    assert len(story.results) == 2000
    assert story.results[1999].reply.startswith("250 1999 xxx")
    assert not story.unknown


def test_a_line_without_its_beginning_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "token.journal"
    path.write_bytes(b"I 1\n\0\0\0" + b"2\n" + bytes(100))
    assert journal.read(path).unknown == {1}


def claim_five() -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, sender=a_sender(), status="sending")
        for number in range(5):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
        claims.claim(campaign.id, {"other": 5}, token="t", lease=LEASE, now=utcnow())


def test_the_claim_of_a_killed_worker_is_settled_by_its_journal(app: Flask) -> None:
    claim_five()
    story = journal.JournalContents({1, 2, 3}, {1: SendResult(1, "sent", "250 ok", 250)})
    story.results[2] = SendResult(2, "failed", "550 5.1.1 no", 550, step="rcpt")
    with transaction():
        recovery.settle("t", story, now=NOW)
    assert delivery_statuses() == ["sent", "failed", "unknown", "queued", "queued"]


def test_settling_twice_changes_nothing(app: Flask) -> None:
    claim_five()
    story = journal.JournalContents({1}, {})
    for _ in range(2):
        with transaction():
            recovery.settle("t", story, now=NOW)
    assert delivery_statuses() == ["unknown"] + ["queued"] * 4


def jump(by: timedelta) -> None:
    """Set the wall clock: move all leases relative to it."""
    with transaction():
        until = db.session.scalars(sa.select(Claim.lease_until)).one()
        db.session.execute(sa.update(Claim).values(lease_until=until - by))


def test_claims_of_a_lost_host_become_unknown_never_queued(
    app: Flask, running: ManualSeconds
) -> None:
    runtime.use(app)
    claim_five()
    assert sweep.recover_claims() == 0
    running.seconds += LEASE.total_seconds() + 60
    assert sweep.recover_claims() == 0, "its host may be back in a minute"
    running.seconds += recovery.HOST_LOST_AFTER.total_seconds()
    assert sweep.recover_claims() == 1
    assert delivery_statuses() == ["unknown"] * 5
    assert db.session.scalars(sa.select(Claim)).all() == []


def test_after_a_power_cut_nothing_counts_as_not_started(app: Flask) -> None:
    runtime.use(app)
    folder = app.extensions["campaigns"].settings.journal_dir
    folder.mkdir(parents=True)
    facts = b'["sent", 250, "recipient", "dot", "250 ok"]'
    (folder / "t.journal").write_bytes(b"B an-earlier-boot\nI 1\nR 1 " + facts + b"\nI 2\n")
    claim_five()
    assert sweep.recover_claims() == 1
    assert delivery_statuses() == ["sent"] + ["unknown"] * 4


def test_a_frozen_worker_loses_its_claim_and_can_record_nothing(
    app: Flask, running: ManualSeconds
) -> None:
    runtime.use(app)
    folder = app.extensions["campaigns"].settings.journal_dir
    stopped = journal.Journal(folder, "t")
    claim_five()
    stopped.intent(1)
    stopped.intent(2)
    stopped.reply(SendResult(2, "sent", "250 ok", 250))
    for _ in range(2):
        assert sweep.recover_claims() == 0, "it may be slow, and its lease has not expired"
        running.seconds += LEASE.total_seconds() * 0.9
        with transaction():
            claims.renew(["t"], lease=LEASE, now=utcnow())
    assert sweep.recover_claims() == 0
    running.seconds += LEASE.total_seconds()
    assert sweep.recover_claims() == 1
    assert delivery_statuses() == ["unknown", "sent", "queued", "queued", "queued"]
    with transaction():  # it resumes, with the answer to what it had started
        late = [SendResult(number, "sent", "250 ok", 250) for number in (1, 3)]
        outcomes.record("t", late, now=NOW)
        outcomes.release("t", [4], now=NOW)
    assert delivery_statuses() == ["sent", "sent", "queued", "queued", "queued"]
    stopped.remove()


def test_an_expired_lease_cannot_be_renewed(app: Flask) -> None:
    claim_five()
    with transaction():
        assert claims.renew(["t", "other"], lease=LEASE, now=utcnow()) == {"t"}
    jump(LEASE + timedelta(seconds=1))
    with transaction():
        assert claims.renew(["t"], lease=LEASE, now=utcnow()) == set()


def test_setting_the_clock_forward_takes_no_claim_from_a_running_worker(
    app: Flask, running: ManualSeconds
) -> None:
    runtime.use(app)
    living = journal.Journal(app.extensions["campaigns"].settings.journal_dir, "t")
    claim_five()
    living.intent(1)
    sweep.recover_claims()
    jump(timedelta(hours=1))
    running.seconds += 5
    assert sweep.recover_claims() == 0, "another worker would send what this one is sending"
    running.seconds += LEASE.total_seconds() - 1
    assert sweep.recover_claims() == 0
    assert delivery_statuses() == ["sending"] * 5
    living.remove()


def test_setting_the_clock_back_keeps_no_claim_of_a_stopped_worker(
    app: Flask, running: ManualSeconds
) -> None:
    runtime.use(app)
    stopped = journal.Journal(app.extensions["campaigns"].settings.journal_dir, "t")
    claim_five()
    jump(timedelta(hours=-1))
    sweep.recover_claims()
    running.seconds += LEASE.total_seconds()
    assert sweep.recover_claims() == 1
    assert delivery_statuses() == ["queued"] * 5
    stopped.remove()


def test_a_claim_renewed_meanwhile_is_not_settled(app: Flask) -> None:
    claim_five()
    (seen,) = recovery.leases().values()
    with transaction():
        claims.renew(["t"], lease=LEASE, now=utcnow())
    story = journal.JournalContents({1}, {})
    with transaction():
        assert not recovery.settle("t", story, now=utcnow(), lent_until=seen)
    assert delivery_statuses() == ["sending"] * 5
    with transaction():
        assert recovery.settle("t", story, now=utcnow(), lent_until=recovery.leases()["t"])
    assert delivery_statuses() == ["unknown"] + ["queued"] * 4


def test_a_damaged_journal_is_set_aside_and_stops_nothing(app: Flask) -> None:
    runtime.use(app)
    folder = app.extensions["campaigns"].settings.journal_dir
    folder.mkdir(parents=True)
    (folder / "t.journal").write_bytes(b"I not-a-number\n")
    claim_five()
    assert sweep.recover_claims() == 0
    assert [path.name for path in folder.iterdir()] == ["t.damaged"]
    assert delivery_statuses() == ["sending"] * 5, "until long after the lease; then unknown"
