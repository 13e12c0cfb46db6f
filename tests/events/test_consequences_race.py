"""Jobs that act on the same people at the same time wait for each other, and never deadlock."""

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from flask import Flask

from campaigns.db import db
from campaigns.events.feedback import Feedback
from campaigns.events.models import Event, FeedbackCount
from tests.events.test_consequences import SENT, a_sent, about, applied, suppressed

ROUNDS = 8


def test_jobs_with_the_same_people_in_any_order_record_each_event_once(app: Flask) -> None:
    ids = a_sent(*[{**SENT, "mailbox_group": "google"}] * 15, *[SENT] * 45)

    def act(number: int) -> int:
        order = ids if number % 2 else ids[::-1]
        kinds: tuple[str, ...] = (
            ("bounced", "delivered") if number % 3 else ("delivered", "bounced")
        )
        with app.app_context():
            found: list[Feedback] = []
            for kind in kinds:
                found += [
                    about(one, "bounced" if kind == "bounced" else "delivered")
                    for one in order[:50]
                ]
            return applied(*found).new_events

    with ThreadPoolExecutor(4) as threads:
        new = list(threads.map(act, range(ROUNDS)))
    db.session.rollback()
    assert sum(new) == db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 120
    sums = sa.select(sa.func.sum(FeedbackCount.hard), sa.func.sum(FeedbackCount.delivered))
    assert tuple(db.session.execute(sums).one()) == (60, 60)
    assert len(suppressed()) == 15, "the others are a spike"
