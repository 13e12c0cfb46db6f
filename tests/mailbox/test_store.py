"""The mailbox's file: what is stored, what is counted, and errors of an unusable file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaigns.mailbox.schema import MailboxError
from campaigns.mailbox.store import MessagePage, Store, Totals
from campaigns.mailbox.writer import Writer
from tests.english import refused
from tests.mailbox.mail import captured, copies


def fill(path: Path, count: int, **limits: int) -> Store:
    with closing(Writer(path, **limits)) as writer:
        for first in range(1, count + 1, 10):
            last = min(first + 10, count + 1)
            writer.append([captured(number) for number in range(first, last)])
    return Store(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mailbox.sqlite3"


def test_no_file_is_an_empty_mailbox(path: Path) -> None:
    store = Store(path)
    assert store.totals() == Totals()
    assert store.page() == MessagePage()
    assert (store.entry(1), store.source(1)) == (None, None)
    store.empty()
    assert not path.exists()


def test_trimming_keeps_the_newest_and_the_totals(path: Path) -> None:
    store = fill(path, 135, max_messages=100)
    totals = store.totals()
    assert (totals.messages, totals.recipients, totals.last_id) == (135, 135, 135)
    assert 98 <= totals.kept <= 100
    entries = store.page(limit=1000).entries
    assert [entry.id for entry in entries] == list(range(135, 135 - totals.kept, -1))
    assert store.source(1) is None
    assert store.source(135) is not None


def test_trimming_keeps_within_the_size_limit(path: Path) -> None:
    with closing(Writer(path, max_bytes=50_000)) as writer:
        for number in range(1, 31):
            writer.append([captured(number, raw=os.urandom(4000))])
    totals = Store(path).totals()
    assert totals.kept_bytes <= 50_000
    assert totals.kept in {11, 12}
    assert (totals.messages, totals.bytes) == (30, 120_000)


def test_a_message_larger_than_the_limit_is_counted_but_not_stored(path: Path) -> None:
    with closing(Writer(path, max_bytes=1000)) as writer:
        writer.append([captured(raw=os.urandom(4000))])
    assert Store(path).totals().messages == 1
    assert Store(path).totals().kept == 0


def test_copies_are_counted_even_after_trimming(path: Path) -> None:
    with closing(Writer(path, max_messages=10)) as writer:
        writer.append([captured(1), captured(2), captured(2)])
        writer.append([captured(number) for number in range(3, 40)])
    store = Store(path)
    assert copies(path, "u1@shop.example", "<1@example.org>") == 1
    assert copies(path, "U2@Shop.example", "<2@example.org>") == 2
    assert copies(path, "u1@shop.example", "<2@example.org>") == 0
    assert store.repeated() == 1


def test_paging_goes_through_everything_once_in_both_directions(path: Path) -> None:
    store = fill(path, 25)
    page = store.page(limit=10)
    seen = [page]
    while page.has_older:
        page = store.page(before=page.entries[-1].id, limit=10)
        seen.append(page)
    assert [entry.id for found in seen for entry in found.entries] == list(range(25, 0, -1))
    assert [found.has_newer for found in seen] == [False, True, True]
    back = store.page(after=seen[2].entries[0].id, limit=10)
    assert back == seen[1]
    assert store.page(after=back.entries[0].id, limit=10) == seen[0]


def test_searching_looks_in_recipients_sender_and_subject(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.append(
            [
                captured(1, raw="Subject: Grüße 100%\r\nFrom: ÉCOLE <e@example.org>\r\n".encode()),
                captured(2, raw=b"Subject: =?utf-8?q?GR=C3=9CSSE?=\r\n\r\nnot this: needle"),
                captured(3, to="Needle@shop.example"),
            ]
        )
    store = Store(path)

    def found(query: str) -> list[int]:
        return [entry.id for entry in store.page(query=query).entries]

    assert found("needle@SHOP") == [3]
    assert found("grüsse") == [2, 1]
    assert found("école") == [1]
    assert found("100%") == [1]
    assert found("%") == [1]
    assert found("nobody") == []
    assert store.page(query="grüsse", limit=1).has_older


def test_emptying_resets_the_counts_and_frees_the_space(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.append([captured(number, raw=os.urandom(50_000)) for number in range(40)])
        store = Store(path)
        store.empty()
        assert store.totals() == Totals(last_id=40)
        assert store.page() == MessagePage()
        assert writer.append([captured(1)]) == [
            41
        ]  # ids continue, so a page that polls for new messages notices
    assert path.stat().st_size < 500_000
    assert copies(path, "u1@shop.example", "<1@example.org>") == 1


def test_one_process_reads_while_another_writes(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.append([captured(1)])
        writer._connection.execute("BEGIN IMMEDIATE")
        assert len(Store(path).page().entries) == 1
        writer._connection.execute("ROLLBACK")


def test_a_failed_batch_is_not_stored_partially(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.append([captured(1)])
        writer._connection.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            writer.append([captured(2, raw=os.urandom(100_000)), captured(3)])
        assert Store(path).totals().messages == 1
        writer._connection.execute("PRAGMA max_page_count=100000")
        assert writer.append([captured(4)]) == [2]


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    fill(path, 1)
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_of_another_version_is_explained(path: Path) -> None:
    fill(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    for use in (Writer, lambda path: Store(path).page()):
        with refused(MailboxError, r"another version.*delete mailbox\.sqlite3"):
            use(path)


def test_a_damaged_file_is_explained(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1000)
    for use in (Writer, lambda path: Store(path).page()):
        with refused(MailboxError, r"damaged.*delete mailbox\.sqlite3"):
            use(path)


def test_a_folder_that_cannot_be_created_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused(MailboxError, "Set DATA_DIR to another folder"):
        Writer(tmp_path / "file" / "mailbox.sqlite3")
