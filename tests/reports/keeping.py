"""Stored snapshots of counts, as old as a test needs them."""

from datetime import timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import counts, runtime
from campaigns.reports.figures import Counts
from campaigns.reports.models import KeptCount
from campaigns.reports.snapshots import Subject


def keep(app: Flask, subject: Subject, number: int, *, seconds_ago: float = 0.0) -> None:
    """Take a snapshot as the background job does, then make it this old."""
    runtime.use(app)
    jobs = {"campaign": counts.campaign, "list": counts.one_list}
    jobs.get(subject, counts.people)(number)
    if seconds_ago:
        with transaction():
            row = row_of(subject, number)
            assert row is not None
            row.counted_at -= timedelta(seconds=seconds_ago)
            row.due_at -= timedelta(seconds=seconds_ago)


def row_of(subject: Subject, number: int) -> KeptCount | None:
    return db.session.scalar(
        sa.select(KeptCount)
        .where(KeptCount.subject == subject, KeptCount.subject_id == number)
        .execution_options(populate_existing=True)
    )


def a_page(*, with_details: bool = False) -> Counts:
    """The figures that a page requested now shows."""
    db.session.rollback()
    return Counts(now=utcnow(), with_details=with_details)
