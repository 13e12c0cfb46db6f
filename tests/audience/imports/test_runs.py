"""Imports: every row is counted once and nobody is resubscribed, interrupted or not."""

import io
import os
import resource
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import export, tags
from campaigns.audience.fields import definitions
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.notation import Notation
from campaigns.audience.imports import mapping, runs, status_values, uploads
from campaigns.audience.imports import preview as import_preview
from campaigns.audience.imports import problems as import_problems
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.mapping import MappingError
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    ImportProblem,
    ImportRun,
    Subscriber,
    Subscription,
    Suppression,
    Tag,
)
from campaigns.audience.search import Search
from campaigns.audience.segments import members
from campaigns.audience.selection import Selection
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs import imports, leases, runtime
from tests.english import in_english, refused
from tests.factories import a_field, a_list, a_subscriber


def staged(data: bytes, name: str = "people.csv") -> ImportRun:
    upload = uploads.take_in(io.BytesIO(data), services().settings.uploads_dir)
    with transaction():
        return runs.create(upload, name, list_id=None, now=utcnow())


def notations(seen: import_preview.Preview, fields: Sequence[Definition]) -> dict[int, Notation]:
    """How the columns of fields are written, as detected."""
    types = {one.key: one.type for one in fields}
    return {
        index: column.detected(types[column.guess.attribute]).notation
        for index, column in enumerate(seen.columns)
        if column.guess.role == "field"
    }


def begun(
    data: bytes,
    list_id: int,
    *,
    update: bool = True,
    chosen: mapping.Statuses | None = None,
    leaves_out: bool = False,
) -> ImportRun:
    """An import that waits for its worker, with the guessed mapping."""
    run = staged(data)
    dialect = Dialect(run.encoding, run.delimiter)
    with runs.path_of(run, services().settings.uploads_dir).open("rb") as file:
        fields = definitions.all_definitions()
        seen = import_preview.preview(file, dialect, fields=fields)
        columns = tuple(column.guess for column in seen.columns)
        values = status_values.status_values(
            file, dialect, columns, seen.titles, header_row=seen.header_row, chosen=chosen or {}
        )
    choices = runs.Choices(
        list_id=list_id,
        dialect=dialect,
        has_header=seen.has_header,
        header_row=seen.header_row,
        columns=columns,
        titles=seen.titles,
        statuses=status_values.checked_statuses(values, seen.titles),
        notations=notations(seen, fields),
        leaves_out=leaves_out,
        update_existing=update,
        consent_source="Order form",
    )
    with transaction():
        assert runs.start(run.id, choices, now=utcnow())
    return run


def imported(
    data: bytes,
    list_id: int,
    *,
    update: bool = True,
    chosen: mapping.Statuses | None = None,
    leaves_out: bool = False,
) -> ImportRun:
    run = begun(data, list_id, update=update, chosen=chosen, leaves_out=leaves_out)
    return imports.run_to_end(run.id, lambda run: None)


def counts(run: ImportRun) -> tuple[int, int, int, int, int]:
    """Read, added, updated, unchanged and failed rows; also check their sum."""
    assert run.rows_read == (
        run.rows_added
        + run.rows_updated
        + run.rows_unchanged
        + run.rows_failed
        + sum(held_back(run))
    )
    return (
        run.rows_read,
        run.rows_added,
        run.rows_updated,
        run.rows_unchanged,
        run.rows_failed,
    )


def held_back(run: ImportRun) -> tuple[int, int, int, int]:
    """Unsubscribed, pending, suppressed and skipped rows."""
    return run.rows_unsubscribed, run.rows_pending, run.rows_suppressed, run.rows_skipped


def states() -> dict[str, str]:
    rows = db.session.execute(
        sa.select(Subscriber.address_normal, Subscription.state).join(Subscription)
    )
    return dict(rows.all())


def suppressed() -> dict[str, str]:
    rows = db.session.execute(sa.select(Suppression.address_normal, Suppression.reason))
    return dict(rows.all())


def problems(run: ImportRun) -> list[tuple[int, str]]:
    rows = db.session.scalars(import_problems.problems_of(run.id, after=(0, 0), limit=1000))
    return [(problem.row_number, in_english(problem.reason)) for problem in rows]


def people() -> dict[str, tuple[str, dict[str, Any]]]:
    rows = db.session.scalars(sa.select(Subscriber).order_by(Subscriber.id))
    return {one.address_normal: (one.name, one.attributes) for one in rows}


@pytest.fixture
def list_id(app: Flask) -> int:
    with transaction():
        return int(a_list("News").id)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "CHUNK_ROWS", 3)


def test_subscribers_are_added_with_proof_of_consent(app: Flask, list_id: int) -> None:
    run = imported(
        "E-Mail;Vorname;Nachname;Ort\nZoé@Shop.example;x;y;z\nann@shop.example;Ann;Lee;Köln\n"
        "nonsense;;;\n".encode("cp1252"),
        list_id,
    )
    assert (run.status, counts(run)) == ("done", (3, 2, 0, 0, 1))
    assert people()["ann@shop.example"] == ("Ann Lee", {"ort": "Köln"})
    places = db.session.scalars(sa.select(Subscription)).all()
    assert {(place.list_id, place.state, place.source) for place in places} == {
        (list_id, "subscribed", "import")
    }
    proof = db.session.scalars(sa.select(ConsentEvent)).all()
    assert {(one.kind, one.channel, one.wording, one.import_id) for one in proof} == {
        ("subscribed", "import", "Order form", run.id)
    }
    assert len(proof) == 2
    assert [row for row, _ in problems(run)] == [4]


def test_the_file_is_deleted_after_reading(app: Flask, list_id: int) -> None:
    run = imported(b"ann@shop.example\n", list_id)
    assert run.path == ""
    assert len(run.sha256) == 64
    assert list(services().settings.uploads_dir.iterdir()) == []


def test_an_import_resubscribes_nobody(app: Flask, list_id: int) -> None:
    with transaction():
        news = a_list("Other")
        a_subscriber("gone@shop.example", news, state="unsubscribed", name="Old")
        a_subscriber("asked@shop.example", news, state="pending")
        a_subscriber("known@shop.example")
        for address in ("angry@shop.example", "known@shop.example"):
            db.session.add(Suppression(address_normal=address, reason="complaint"))
        other = news.id
    run = imported(
        b"email,name\nGone@shop.example,New\nasked@shop.example,A\nAngry@shop.example,B\n"
        b"known@shop.example,C\nfine@shop.example,D\n",
        other,
    )
    assert counts(run) == (5, 1, 0, 0, 4)
    states = dict(
        db.session.execute(
            sa.select(Subscriber.address_normal, Subscription.state).join(Subscription)
        ).all()
    )
    assert states == {
        "gone@shop.example": "unsubscribed",
        "asked@shop.example": "pending",
        "fine@shop.example": "subscribed",
    }
    assert "angry@shop.example" not in people()
    assert people()["gone@shop.example"][0] == "Old"
    assert [reason.partition(",")[0] for _, reason in problems(run)] == [
        "This person unsubscribed from the list. Only they can come back.",
        "This person was asked to confirm and has not done so. An import cannot confirm for them.",
        "This address is on the suppression list (spam complaint)",
        "This address is on the suppression list (spam complaint)",
    ]


DUPLICATES = (
    b"email,name,city\nann@shop.example,Ann,\nbob@shop.example,Bob,Rome\nANN@shop.example,,Paris\n"
    b"ann@shop.example,Ann,Paris\nbad\nbob@shop.example,Bobby,\n"
)


@pytest.mark.parametrize("update", [True, False])
def test_duplicates_count_the_same_within_and_across_chunks(
    app: Flask, list_id: int, update: bool, request: pytest.FixtureRequest
) -> None:
    whole = imported(DUPLICATES, list_id, update=update)
    expected = counts(whole), people()
    assert expected[0] == ((6, 2, 2, 1, 1) if update else (6, 2, 0, 3, 1))
    assert people()["ann@shop.example"] == ("Ann", {"city": "Paris"} if update else {})
    with transaction():
        db.session.execute(sa.delete(Subscriber))
    request.getfixturevalue("small_chunks")
    assert (counts(imported(DUPLICATES, list_id, update=update)), people()) == expected


def test_importing_again_changes_nothing(app: Flask, list_id: int) -> None:
    imported(DUPLICATES, list_id)
    before = people()
    data = b"email,name,city\nann@shop.example,Ann,Paris\nbob@shop.example,,\n"
    assert counts(imported(data, list_id)) == (2, 0, 0, 2, 0)
    assert people() == before
    assert db.session.scalar(sa.select(sa.func.count(ConsentEvent.id))) == 2


def test_existing_subscribers_are_updated_or_kept_as_chosen(app: Flask, list_id: int) -> None:
    with transaction():
        a_subscriber("ann@shop.example", name="Ann", attributes={"plan": "gold"})
    data = b"email,name,city\nann@shop.example,Anna,Paris\n"
    assert counts(imported(data, list_id, update=False)) == (1, 1, 0, 0, 0)
    assert people()["ann@shop.example"] == ("Ann", {"plan": "gold"})
    assert counts(imported(data, list_id)) == (1, 0, 1, 0, 0)
    assert people()["ann@shop.example"] == ("Anna", {"plan": "gold", "city": "Paris"})


def names() -> dict[str, tuple[str, str, str]]:
    """Full, first and last name of each subscriber."""
    rows = db.session.execute(
        sa.select(
            Subscriber.address, Subscriber.name, Subscriber.first_name, Subscriber.last_name
        ).order_by(Subscriber.id)
    )
    return {address: (full, first, last) for address, full, first, last in rows}


def test_first_and_last_names_fill_their_columns_and_the_full_name(
    app: Flask, list_id: int
) -> None:
    with transaction():
        known = a_subscriber("known@shop.example", name="Dr. Kim Old").address
    imported(
        b"email,name,first name,last name\n"
        b"ann@shop.example,,Ann,Lee\n"
        b"bob@shop.example,Sir Bob,Bob,\n"
        b"twice@shop.example,,Tea,\n"
        b"twice@shop.example,,,Two\n"
        b"known@shop.example,,Kim,New\n",
        list_id,
    )
    assert names() == {
        known: ("Kim New", "Kim", "New"),
        "ann@shop.example": ("Ann Lee", "Ann", "Lee"),
        "bob@shop.example": ("Sir Bob", "Bob", ""),
        "twice@shop.example": ("Tea Two", "Tea", "Two"),
    }


@pytest.fixture
def birthday(app: Flask) -> None:
    with transaction():
        a_field("Birthday", "date")
        a_field("Amount", "number")


BIRTHDAYS = (
    b"email,Birthday,Amount\n"
    b'a@shop.example,31.05.1980,"1,50"\n'
    b"b@shop.example,5/31/1980,\n"
    b"c@shop.example,n/a,3\n"
    b"d@shop.example,5/6/1980,12\n"
)


def test_columns_named_like_a_field_are_read_in_its_type(
    app: Flask, list_id: int, birthday: None
) -> None:
    run = imported(BIRTHDAYS, list_id)
    assert problems(run) == [
        (4, "The value does not fit “Birthday”: “n/a” is not a date. Write it as 1980-05-31.")
    ]
    assert counts(run) == (4, 3, 0, 0, 1)
    assert {address: values for address, (_, values) in people().items()} == {
        "a@shop.example": {"birthday": "1980-05-31", "amount": 1.5},
        "b@shop.example": {"birthday": "1980-05-31"},
        "d@shop.example": {"birthday": "1980-05-06", "amount": 12},
    }


def test_a_row_can_be_imported_without_the_value_that_does_not_fit(
    app: Flask, list_id: int, birthday: None
) -> None:
    run = imported(BIRTHDAYS, list_id, leaves_out=True)
    assert [row for row, _ in problems(run)] == [4]
    assert counts(run) == (4, 4, 0, 0, 0)
    assert run.rows_incomplete == 1
    assert people()["c@shop.example"] == ("", {"amount": 3})


def test_an_import_fills_a_field_that_was_created_after_its_start(app: Flask, list_id: int) -> None:
    run = begun(BIRTHDAYS, list_id)
    with transaction():
        a_field("Amount", "number")
    imports.run_to_end(run.id, lambda run: None)
    assert people()["c@shop.example"] == ("", {"birthday": "n/a", "amount": 3})


def rows_of(count: int) -> bytes:
    lines = [f"person{number}@shop.example,P{number}" for number in range(count)]
    lines[5] = "broken"
    return ("email,name\n" + "\n".join(lines)).encode()


def one_chunk(run_id: int) -> None:
    """Import one chunk like a worker that is then killed, leaving its lease."""
    with transaction():
        assert runs.take_lease(run_id, now=utcnow())
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    with runs.path_of(run, services().settings.uploads_dir).open("rb") as file:
        chunk = runs.FileOfImport.open(run, file).read_chunk()
        with transaction():
            run = db.session.get_one(ImportRun, run_id)
            runs.record(run, chunk, now=utcnow())


def test_a_killed_import_resumes_where_it_stopped(
    app: Flask, list_id: int, small_chunks: None
) -> None:
    run = begun(rows_of(20), list_id)
    one_chunk(run.id)
    assert runs.stalled(utcnow()) == []
    assert not imports.work(run.id, seconds=5)  # its worker may still be running
    later = utcnow() + runs.LEASE + timedelta(seconds=1)
    assert runs.stalled(later) == [run.id]
    with transaction():
        runs.give_lease_back(run.id)
    found = imports.run_to_end(run.id, lambda run: None)
    assert counts(found) == (20, 19, 0, 0, 1)
    assert problems(found)[0][0] == 7


def test_the_lease_of_an_import_is_renewed_while_it_is_read(
    app: Flask, list_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(number: int, source: runs.FileOfImport, until: float) -> bool:
        """Take a long time for one chunk."""
        before, end = lease_until(), time.monotonic() + 10
        while lease_until() == before and time.monotonic() < end:
            time.sleep(0.01)
        was_renewed.append(lease_until() > before)
        return False

    def lease_until() -> datetime:
        db.session.rollback()
        found = db.session.scalars(sa.select(ImportRun.lease_until)).one()
        assert found is not None
        return found

    was_renewed: list[bool] = []
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(imports, "_read", read)
    run_id = begun(rows_of(20), list_id).id
    assert imports.work(run_id, seconds=5)
    assert was_renewed == [True]
    with transaction():
        runs.renew_lease(run_id, now=utcnow())
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    assert run.lease_until is None, "the lease was released"


def test_a_chunk_of_two_workers_is_counted_once(
    app: Flask, list_id: int, small_chunks: None
) -> None:
    run_id = begun(rows_of(10), list_id).id
    with transaction():
        assert runs.take_lease(run_id, now=utcnow())
        assert not runs.take_lease(run_id, now=utcnow())
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    with runs.path_of(run, services().settings.uploads_dir).open("rb") as file:
        chunk = runs.FileOfImport.open(run, file).read_chunk()
    with transaction():
        runs.record(db.session.get_one(ImportRun, run_id), chunk, now=utcnow())
    with pytest.raises(runs.LostLeaseError), transaction():
        runs.record(db.session.get_one(ImportRun, run_id), chunk, now=utcnow())
    assert db.session.get_one(ImportRun, run_id, populate_existing=True).rows_read == 3


def test_a_job_imports_a_slice_and_leaves_the_rest_to_the_next(
    app: Flask, list_id: int, small_chunks: None
) -> None:
    run_id = begun(rows_of(10), list_id).id
    assert imports.work(run_id, seconds=0)
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    assert (run.status, run.rows_read, run.lease_until) == ("running", 3, None)
    assert runs.stalled(utcnow()) == [run_id]
    runtime.use(app)
    imports.run(run_id)
    imports.run(run_id)  # queued once more: nothing happens
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    assert (run.status, counts(run)) == ("done", (10, 9, 0, 0, 1))
    assert runs.stalled(utcnow()) == []


def test_a_lost_file_fails_with_a_sentence_and_can_be_retried(app: Flask, list_id: int) -> None:
    run = begun(b"ann@shop.example\n", list_id)
    path = runs.path_of(run, services().settings.uploads_dir)
    hidden = path.rename(path.with_suffix(".away"))
    failed = imports.run_to_end(run.id, lambda run: None)
    assert failed.status == "failed"
    assert "Upload the file again" in in_english(failed.error)
    hidden.rename(path)
    with transaction():
        assert runs.retry(run.id)
    assert imports.run_to_end(run.id, lambda run: None).status == "done"


def test_problems_are_stored_up_to_a_limit_but_all_are_counted(
    app: Flask, list_id: int, monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    monkeypatch.setattr(import_problems, "MAX_PROBLEMS", 4)
    run = imported(b"email,name\n" + b"bad,B\n" * 9, list_id)
    assert run.rows_failed == 9
    assert db.session.scalar(sa.select(sa.func.count(ImportProblem.id))) == 4


def test_broken_rows_are_stored_for_the_report(app: Flask, list_id: int) -> None:
    run = imported(
        b'email,name\nann@shop.example,"Ann\nb\0b@shop.example,B\nc@shop.example,C', list_id
    )
    assert counts(run) == (3, 1, 0, 0, 2)
    text = "".join(import_problems.failed_rows(run, in_english))
    assert text.splitlines()[0] == "\ufeffemail,name,row,problem"
    assert "ann@shop.example" in text
    assert 'b\u2400b@shop.example,B,3,"The row contains NUL bytes' in text


def test_the_file_of_failed_rows_can_be_corrected_and_imported(app: Flask, list_id: int) -> None:
    run = imported(b"email,phone\nann@shop.example,+491\nbob at shop.example,+492\n", list_id)
    again = "".join(import_problems.failed_rows(run, in_english)).replace("bob at ", "bob@")
    assert "'+492" in again
    assert counts(imported(again.encode(), list_id)) == (1, 1, 0, 0, 0)
    assert people()["bob@shop.example"][1] == {"phone": "+492"}


def test_an_invalid_start_is_refused_and_only_one_starts(app: Flask, list_id: int) -> None:
    run = staged(b"ann@shop.example\n")
    columns = (mapping.Column("address"),)
    good = runs.Choices(list_id, Dialect("utf-8", ","), has_header=False, columns=columns)
    with refused(MappingError, "list"), transaction():
        runs.start(
            run.id,
            runs.Choices(999, good.dialect, has_header=False, columns=columns),
            now=utcnow(),
        )
    with refused(MappingError, "encoding"), transaction():
        runs.start(
            run.id,
            runs.Choices(list_id, Dialect("rot13", ","), has_header=False, columns=columns),
            now=utcnow(),
        )
    with transaction():
        assert runs.start(run.id, good, now=utcnow())
        assert not runs.start(run.id, good, now=utcnow())
        assert not runs.discard(run.id)


# --- uploads ----------------------------------------------------------------------------------


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Limit files of this process to a megabyte, so that writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failing_write_leaves_nothing_and_says_so(tmp_path: Path, full_disk: None) -> None:
    upload = uploads.take_in(io.BytesIO(b"ann@shop.example\n" * 200_000), tmp_path)
    with refused(uploads.UploadError, "could not be stored"):
        upload.finish()
    assert list(tmp_path.iterdir()) == []


def test_an_endless_upload_is_read_only_while_there_is_space(
    tmp_path: Path, full_disk: None
) -> None:
    class Endless(io.RawIOBase):
        blocks = 0

        def read(self, size: int = -1) -> bytes:
            self.blocks += 1
            assert self.blocks < 100
            return b"a@shop.example\n" * 1000

    with refused(uploads.UploadError, "could not be stored"):
        uploads.take_in(Endless(), tmp_path).finish()  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_the_disk_is_refused_immediately(tmp_path: Path) -> None:
    upload = uploads.Upload(tmp_path, expected_bytes=10**18)
    upload.write(b"ann@shop.example\n")
    with refused(uploads.UploadError, "no room"):
        upload.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_upload_is_deleted(tmp_path: Path) -> None:
    upload = uploads.take_in(io.BytesIO(b"ann@shop.example\n"), tmp_path)
    assert upload.finish() == Dialect("utf-8", ",")
    upload.close()
    assert list(tmp_path.iterdir()) == []


def test_uploads_left_by_a_killed_server_are_deleted_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / "old.part", tmp_path / "new.part"
    for path in (old, new):
        path.touch()
    long_ago = (utcnow() - timedelta(days=2)).timestamp()
    os.utime(old, (long_ago, long_ago))
    uploads.sweep(tmp_path, now=utcnow())
    assert list(tmp_path.iterdir()) == [new]


# --- status columns ----------------------------------------------------------------------------


def test_a_negative_status_is_not_subscribed(app: Flask, list_id: int) -> None:
    run = imported(
        b"Email,First name,Last name,Status\nactive@st.example,Foo,Bar,active\n"
        b"unsub@st.example,Foo,Bar,unsubscribed\nbounced@st.example,Foo,Bar,cleaned\n"
        b"spam@st.example,F,B,complained\nwaits@st.example,F,B,Pending\n",
        list_id,
    )
    assert counts(run) == (5, 1, 0, 0, 0)
    assert held_back(run) == (1, 1, 2, 0)
    assert states() == {
        "active@st.example": "subscribed",
        "unsub@st.example": "unsubscribed",
        "bounced@st.example": "unsubscribed",
        "spam@st.example": "unsubscribed",
        "waits@st.example": "pending",
    }
    assert suppressed() == {"bounced@st.example": "hard_bounce", "spam@st.example": "complaint"}
    assert people()["unsub@st.example"] == ("Foo Bar", {})
    kinds = db.session.scalars(sa.select(ConsentEvent.kind).order_by(ConsentEvent.kind)).all()
    assert kinds == ["requested", "subscribed", *["unsubscribed"] * 3]


def test_a_status_makes_a_subscription_stricter_never_looser(app: Flask, list_id: int) -> None:
    imported(b"email\na@st.example\nb@st.example\nc@st.example\nd@st.example\n", list_id)
    first = imported(
        b"email,status\na@st.example,unsubscribed\nb@st.example,pending\nc@st.example,bounced\n",
        list_id,
    )
    assert held_back(first) == (1, 1, 1, 0)
    expected = {
        "a@st.example": "unsubscribed",
        "b@st.example": "subscribed",
        "c@st.example": "unsubscribed",
        "d@st.example": "subscribed",
    }
    assert states() == expected
    second = imported(
        b"email,status\na@st.example,active\nc@st.example,active\nc@st.example,pending\n", list_id
    )
    assert second.rows_added == 0
    assert states() == expected
    assert suppressed() == {"c@st.example": "hard_bounce"}


def test_the_strictest_of_several_rows_and_columns_counts(app: Flask, list_id: int) -> None:
    imported(
        b"email,status,bounced,Unsubscribed at\na@st.example,active,no,\n"
        b"a@st.example,unsubscribed,no,\nb@st.example,active,yes,\n"
        b"c@st.example,active,no,2024-01-31 10:00\nd@st.example,active,no,\n",
        list_id,
    )
    assert states() == {
        "a@st.example": "unsubscribed",
        "b@st.example": "unsubscribed",
        "c@st.example": "unsubscribed",
        "d@st.example": "subscribed",
    }
    assert suppressed() == {"b@st.example": "hard_bounce"}


def test_an_unknown_status_stops_the_import_and_asks(app: Flask, list_id: int) -> None:
    data = b"email,status\na@st.example,active\nb@st.example,Level 7\nc@st.example,\n"
    with refused(MappingError, "empty cells and these values .*“Level 7”"):
        begun(data, list_id)
    run = imported(data, list_id, chosen={1: {"level7": "unsubscribed", "": "skip"}})
    assert held_back(run) == (1, 0, 0, 1)
    assert states() == {"a@st.example": "subscribed", "b@st.example": "unsubscribed"}


def test_an_unknown_status_far_down_fails_its_row(
    app: Flask, list_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_values, "STATUS_ROWS", 2)
    run = imported(b"email,status\na@st.example,active\nb@st.example,Level 7\n", list_id)
    assert counts(run) == (2, 1, 0, 0, 1)
    assert "“Level 7”" in problems(run)[0][1]
    assert states() == {"a@st.example": "subscribed"}


def exported(list_id: int) -> bytes:
    selection = Selection(search=Search(list_id=list_id))
    return "".join(export.export_rows(selection, members.context_at(utcnow()))).encode()


def test_values_of_fields_are_exported_and_imported_without_loss(app: Flask) -> None:
    with transaction():
        for label, type_ in (("Born", "date"), ("Points", "number"), ("Member", "boolean")):
            a_field(label, type_)
        a_field("Land", "country")
        a_field("Topics", "choices", options=[("", "Köln"), ("", "=cmd()"), ("", "B")])
        news = a_list("News")
        values = {
            "born": "1980-05-31",
            "points": 1.234,
            "member": False,
            "land": "DE",
            "topics": ["option", "cmd"],
            "other": "12",
        }
        person = a_subscriber("ann@st.example", news, attributes=values)
        list_id = news.id
    file = exported(list_id)
    header, row = file.decode("utf-8-sig").splitlines()
    assert header.endswith("born,points,member,land,topics,other")
    assert row.endswith('1980-05-31,1.2340,no,DE,"Köln, =cmd()",12')
    with transaction():
        db.session.get_one(Subscriber, person.id).attributes = {}
    imported(file, list_id)
    assert people()["ann@st.example"][1] == values


def test_exported_lists_are_imported_unchanged(app: Flask) -> None:
    def state_of_everything() -> list[object]:
        return [
            sorted((normal, *rest) for normal, rest in people().items()),
            sorted(
                db.session.execute(
                    sa.select(AudienceList.name, Subscriber.address, Subscription.state)
                    .select_from(Subscription)
                    .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
                    .join(AudienceList, AudienceList.id == Subscription.list_id)
                ).all()
            ),
            suppressed(),
        ]

    hostile = {"note": "'=1+1", "status": "gold", "vorname": "Z", "row": ' "x"', "state": "-CA"}
    with transaction():
        lists = {name: a_list(name) for name in ("News", "Other")}
        ann = a_subscriber("ann@st.example", lists["News"], name='=Ann, "the" Lee')
        ann.attributes = {name: value.strip() for name, value in hostile.items()}
        a_subscriber("+bob@st.example", lists["News"], state="unsubscribed", name="'Bob")
        a_subscriber("carl@st.example", lists["News"], state="pending", attributes={"b": "''@x"})
        a_subscriber("dora@st.example", *lists.values(), attributes={"c": "\uff1d1"})
        a_subscriber("emil@st.example", *lists.values(), name="Emil")
        other = lists["Other"].id
        both = {"ann@st.example": "unsubscribed", "+bob@st.example": "subscribed"}
        for address, state in both.items():
            found = db.session.scalars(
                sa.select(Subscriber).where(Subscriber.address_normal == address)
            ).one()
            db.session.add(Subscription(list_id=other, subscriber_id=found.id, state=state))
        for address, reason in (
            ("dora@st.example", "hard_bounce"),
            ("emil@st.example", "complaint"),
            ("carl@st.example", "manual"),
        ):
            db.session.add(Suppression(address_normal=address, reason=reason))
        ids = [entry.id for entry in lists.values()]
    before = state_of_everything()
    files = {id_: exported(id_) for id_ in ids}
    with transaction():
        for model in (ConsentEvent, Subscription, Subscriber, Suppression):
            db.session.execute(sa.delete(model))
    for id_, data in files.items():
        run = imported(data, id_)
        assert run.rows_failed == 0, problems(run)
    assert state_of_everything() == before


def test_invisible_characters_around_an_address_do_not_matter(app: Flask, list_id: int) -> None:
    run = imported(
        "email,name\nz1@multi.example\u200b,Z\n\ufeffz2@multi.example,Z\n"
        "\u202az3@multi.example\u202c,Z\nz4@multi.example\u200e,Z\n\u2060z5@multi.example,Z\n"
        "\u200b,Z\nz\u200b7@multi.example,Z\n".encode(),
        list_id,
    )
    assert sorted(people()) == [f"z{number}@multi.example" for number in range(1, 6)]
    assert [row for row, _ in problems(run)] == [7, 8]
    assert problems(run)[0][1] == "The row has no address."
    assert "between “z” and “7”" in problems(run)[1][1]


def test_no_status_subscribes_a_suppressed_or_erased_address(app: Flask, list_id: int) -> None:
    with transaction():
        for name, reason in (("a", "complaint"), ("b", "erased"), ("c", "manual")):
            db.session.add(Suppression(address_normal=f"{name}@st.example", reason=reason))
    run = imported(
        b"email,status\na@st.example,pending\nb@st.example,unsubscribed\nc@st.example,bounced\n",
        list_id,
    )
    assert (run.rows_failed, run.rows_suppressed) == (2, 1)
    assert states() == {"c@st.example": "unsubscribed"}
    assert suppressed()["c@st.example"] == "manual"


def test_corrected_failed_rows_can_be_imported(app: Flask, list_id: int) -> None:
    run = imported(
        b"address,name,state,suppressed,created_at,plan\nann@,'=Ann,unsubscribed,,2026,gold\n",
        list_id,
    )
    rows = "".join(import_problems.failed_rows(run, in_english))
    again = imported(rows.replace("ann@", "ann@shop.example").encode(), list_id)
    assert held_back(again) == (1, 0, 0, 0)
    assert people() == {"ann@shop.example": ("=Ann", {"plan": "gold"})}


def test_lines_above_the_header_are_skipped_and_its_status_column_counts(
    app: Flask, list_id: int
) -> None:
    table = b"Name,E-mail,Deliverable\nAnn,ann@shop.example,TRUE\nBo,bo@shop.example,FALSE\n"
    run = imported(b"My contacts export\nby,me@corp.example\n\n" + table, list_id)
    assert counts(run) == (2, 1, 0, 0, 0)
    assert states() == {"ann@shop.example": "subscribed", "bo@shop.example": "unsubscribed"}
    assert suppressed() == {"bo@shop.example": "hard_bounce"}


def tags_of() -> dict[str, list[str]]:
    """The tags of everyone, by address."""
    db.session.rollback()
    people = {one.id: one.address for one in db.session.scalars(sa.select(Subscriber))}
    found = tags.of(people.keys())
    return {people[id_]: [tag.name for tag in found[id_]] for id_ in people}


def test_tags_are_added_and_never_removed(app: Flask, list_id: int) -> None:
    with transaction():
        known = a_subscriber("known@tag.example")
        tags.add(known.id, ["Old", "vip"], now=utcnow())
        a_subscriber("left@tag.example", db.session.get_one(AudienceList, list_id), state="pending")
    run = imported(
        "email,name,Tags\n"
        'new@tag.example,N,"VIP, Blog; blog"\nnew@tag.example,N,Third\nnone@tag.example,N,\n'
        'known@tag.example,,"VIP;Blog"\nleft@tag.example,,VIP\n'
        f"long@tag.example,L,{'x' * 101}\n".encode(),
        list_id,
    )
    assert tags_of() == {
        "known@tag.example": ["Blog", "Old", "vip"],
        "left@tag.example": [],
        "new@tag.example": ["Blog", "Third", "vip"],
        "none@tag.example": [],
    }
    assert (run.rows_added, run.rows_updated, run.rows_failed) == (3, 1, 2)
    assert "at most 100 characters" in problems(run)[1][1]
    again = imported(b"email,tags\nknown@tag.example,vip\nknown@tag.example,New\n", list_id)
    assert (again.rows_unchanged, again.rows_updated) == (1, 1)


def test_existing_people_get_no_tags_if_they_are_not_updated(app: Flask, list_id: int) -> None:
    with transaction():
        a_subscriber("known@tag.example")
    data = b"email,tags\nknown@tag.example,VIP\nnew@tag.example,VIP\nnew@tag.example,Other\n"
    imported(data, list_id, update=False)
    assert tags_of() == {"known@tag.example": [], "new@tag.example": ["VIP"]}


def test_exported_tags_are_imported_unchanged(app: Flask, list_id: int) -> None:
    names = ["=cmd()", "<script>", "VIP", "it's", '"quoted"', "\u05d0\u05d1"]
    with transaction():
        news = db.session.get_one(AudienceList, list_id)
        ann = a_subscriber("ann@tag.example", news, attributes={"tags": "an attribute"})
        tags.add(ann.id, names, now=utcnow())
    before, data = tags_of(), exported(list_id)
    with transaction():
        for model in (Subscription, Subscriber, Tag):
            db.session.execute(sa.delete(model))
    run = imported(data, list_id)
    assert run.rows_failed == 0, problems(run)
    assert tags_of() == before
    assert db.session.scalars(sa.select(Subscriber.attributes)).all() == [{"tags": "an attribute"}]
