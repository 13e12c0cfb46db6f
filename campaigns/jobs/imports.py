"""The import job: reads a file slice by slice."""

import time
from collections.abc import Callable

import structlog

from campaigns.audience.imports import runs
from campaigns.audience.models import ImportRun
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs import leases
from campaigns.jobs.runtime import job
from campaigns.reason import Reason

log = structlog.get_logger()

SLICE_SECONDS = 1.0
WAIT_SECONDS = 0.2
REPORT_SECONDS = 0.5
_MISSING = Reason("import_file.gone")


@job("import")
def run(import_id: int) -> None:
    """Read for a slice of time; ring again while there is more."""
    if work(import_id, seconds=SLICE_SECONDS):
        services().doorbell.ring("import", import_id)


def run_to_end(import_id: int, on_progress: Callable[[ImportRun], None]) -> ImportRun:
    """Read until the import is done or failed, in this process (for the command line).

    Keeps reporting if a worker reads instead.
    """
    while True:
        more = work(import_id, seconds=REPORT_SECONDS)
        db.session.rollback()
        found = db.session.get(ImportRun, import_id, populate_existing=True)
        if found is None:
            raise LookupError(f"there is no import {import_id}")
        on_progress(found)
        if found.status not in {"queued", "running"}:
            return found
        if not more:
            time.sleep(WAIT_SECONDS)


def work(import_id: int, *, seconds: float) -> bool:
    """Read for this long. Returns whether there is more for this process to read."""
    with transaction():
        if not runs.take_lease(import_id, now=utcnow()):
            return False
    found = db.session.get(ImportRun, import_id, populate_existing=True)
    if found is None:
        return False
    path = runs.path_of(found, services().settings.uploads_dir)
    try:
        renewal = leases.renewed(lambda now: runs.renew_lease(import_id, now=now))
        with path.open("rb") as file, renewal:
            source = runs.FileOfImport.open(found, file)
            is_over = _read(import_id, source, time.monotonic() + seconds)
    except runs.LostLeaseError:
        log.info("another worker is running this import", import_id=import_id)
        return False
    except FileNotFoundError:
        _fail(import_id, _MISSING)
        return False
    except OSError as error:
        _fail(import_id, Reason("import_file.not_readable", {"detail": error.strerror}))
        return False
    if is_over:
        with transaction(durable=True):
            runs.finish(import_id, now=utcnow())
        path.unlink(missing_ok=True)
        return False
    with transaction():
        runs.give_lease_back(import_id)
    return True


def _read(import_id: int, source: runs.FileOfImport, until: float) -> bool:
    """Read chunks until the slice is over. Returns whether the file is complete."""
    while True:
        db.session.rollback()  # no transaction stays open while the file is read
        chunk = source.read_chunk()
        if chunk.is_empty:
            return True
        with transaction():
            run = db.session.get(ImportRun, import_id, populate_existing=True)
            if run is None:
                raise runs.LostLeaseError
            runs.record(run, chunk, now=utcnow())
        if time.monotonic() >= until:
            return False


def _fail(import_id: int, reason: Reason) -> None:
    with transaction():
        runs.fail(import_id, reason, now=utcnow())
