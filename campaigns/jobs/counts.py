"""Refresh large counts in the background, for the pages that show them."""

import time

from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.jobs.runtime import job
from campaigns.reports import figures, snapshots
from campaigns.reports.snapshots import Subject


@job("count_campaign")
def campaign(number: int) -> None:
    """Count one campaign again, unless that was just done."""
    count("campaign", number)


@job("count_list")
def one_list(number: int) -> None:
    """Count one list again, unless that was just done."""
    count("list", number)


@job("count_list_history")
def list_history(number: int) -> None:
    """Count the history of one list again, unless that was just done."""
    count("list_history", number)


@job("count_people")
def people(number: int) -> None:
    """Count all subscribers again, unless that was just done."""
    count("people", number)


def count(subject: Subject, number: int) -> None:
    """Count one subject and store the snapshot."""
    now = utcnow()
    if not figures.is_to_be_counted(subject, number, now=now):
        return
    at, begun = snapshots.moment(now), time.perf_counter()
    found = figures.count(subject, number, now=now)
    seconds = time.perf_counter() - begun
    with transaction():
        if found is None:
            snapshots.forget(subject, number)
        else:
            snapshots.store(subject, number, found, at=at, seconds=seconds)
