"""The journal, and what is made of it after a crash."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import maintenance, runtime
from campaigns.messages import SendResult
from campaigns.sending import dispatch, journal, recover
from campaigns.sending.models import Delivery
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber

NOW = utcnow()


def test_a_journal_tells_the_three_fates_apart(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    writer.intent(1)
    writer.reply(SendResult(1, "sent", "250 ok", 250))
    writer.intent(2)
    writer.close()
    (path,) = journal.orphans(tmp_path)
    story = journal.read(path)
    assert story.results == {1: SendResult(1, "sent", "250 ok", 250)}
    assert story.unknown == {2}


def test_a_line_cut_short_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "token.journal"
    path.write_bytes(b'I 1\nR 1 ["sent",250,"recipient","dot","ok"]\nI 2\nR 2 ["sen')
    assert journal.read(path).unknown == {2}


def test_the_journal_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    (path,) = journal.orphans(tmp_path)
    with journal.adopt(path) as is_ours:
        assert not is_ours
    writer.close()
    with journal.adopt(path) as is_ours:
        assert is_ours


def test_only_one_adopts_an_orphan(tmp_path: Path) -> None:
    journal.Journal(tmp_path, "token").close()
    (path,) = journal.orphans(tmp_path)
    with journal.adopt(path) as first, journal.adopt(path) as second:
        assert (first, second) == (True, False)


def test_a_removed_journal_is_nobodys(tmp_path: Path) -> None:
    writer = journal.Journal(tmp_path, "token")
    (path,) = journal.orphans(tmp_path)
    writer.remove()
    with journal.adopt(path) as is_ours:
        assert not is_ours


def test_a_killed_writer_leaves_every_line_it_wrote(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from campaigns.sending.journal import Journal\n"
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


def test_a_full_disk_stops_the_sending(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    writer = journal.Journal(tmp_path, "token")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer._fd)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        writer.intent(1)
    writer.close()


def claim_five() -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, sender=a_sender(), status="sending")
        for number in range(5):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
        dispatch.claim(campaign.id, 5, token="t", now=NOW)


def statuses() -> list[str]:
    return list(db.session.scalars(sa.select(Delivery.status).order_by(Delivery.id)))


def test_a_dead_workers_claim_is_settled_by_its_journal(app: Flask) -> None:
    claim_five()
    story = journal.Story({1, 2, 3}, {1: SendResult(1, "sent", "250 ok", 250)})
    story.results[2] = SendResult(2, "failed", "550 5.1.1 no", 550)
    with transaction():
        recover.settle("t", story, now=NOW)
    assert statuses() == ["sent", "failed", "unknown", "queued", "queued"]


def test_settling_twice_changes_nothing_more(app: Flask) -> None:
    claim_five()
    story = journal.Story({1}, {})
    for _ in range(2):
        with transaction():
            recover.settle("t", story, now=NOW)
    assert statuses() == ["unknown"] + ["queued"] * 4


def test_the_claims_of_a_lost_host_become_unknown_never_queued(app: Flask) -> None:
    claim_five()
    just_expired = NOW + timedelta(seconds=dispatch.LEASE_SECONDS + 60)
    assert not recover.has_lost_hosts(now=just_expired)
    long_gone = just_expired + recover.HOST_LOST_AFTER
    assert recover.has_lost_hosts(now=long_gone)
    with transaction():
        assert recover.settle_lost_hosts(now=long_gone) == 5
    assert statuses() == ["unknown"] * 5


def test_a_damaged_journal_is_set_aside_and_stops_nobody(app: Flask) -> None:
    runtime.use(app)
    folder = app.extensions["campaigns"].settings.journal_dir
    folder.mkdir(parents=True)
    (folder / "t.journal").write_bytes(b"I not-a-number\n")
    claim_five()
    assert maintenance.recover_journals() == 0
    assert [path.name for path in folder.iterdir()] == ["t.damaged"]
    assert statuses() == ["sending"] * 5, "until the lease is long over; then unknown"
