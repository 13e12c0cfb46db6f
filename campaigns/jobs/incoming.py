"""Read stored webhook posts and returned emails, and act on them."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, give_way, is_postgresql, transaction
from campaigns.events import consequences, incoming
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.feedback import Feedback
from campaigns.events.incoming import MAX_ATTEMPTS, Attempt
from campaigns.events.models import Incoming
from campaigns.events.webhooks.kind import Post
from campaigns.events.webhooks.reading import UnreadablePostError
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.jobs.runtime import job
from campaigns.outages import is_outage
from campaigns.providers import outgoing
from campaigns.reason import Reason

log = structlog.get_logger()

BATCH = 100
SLICE_SECONDS = 1.0
CHUNK = 1_000
SQLITE_CHUNK = 300
"""Events in one transaction: on SQLite, new posts have to wait for it, so it is shorter, although
each event takes about a third more time then."""


@job("incoming")
def read(incoming_id: int = 0) -> None:
    """Read one post or email; by default all that wait, for one slice of time.

    Some providers post every event separately: a job for each would take most of the time.
    """
    if incoming_id:
        _read_all(_claimed(partial(incoming.claim, incoming_id)), math.inf)
        return
    until = time.monotonic() + SLICE_SECONDS
    for attempts in _batches():
        if not _read_all(attempts, until):
            services().doorbell.ring("incoming")
            return


def _batches() -> Iterator[list[Attempt]]:
    """Yield what is to be tried again now, one by one, then what is new."""
    for _ in range(BATCH):
        if not (attempts := _claimed(incoming.claim_due)):
            break
        yield attempts
    while attempts := _claimed(partial(incoming.claim_new, BATCH)):
        yield attempts


def _claimed(claim: Callable[..., list[Attempt]]) -> list[Attempt]:
    with transaction():
        return claim(now=utcnow())


def _read_all(attempts: Iterable[Attempt], until: float) -> bool:
    """Make these attempts. When the time is over, gives back the others and returns False."""
    left = deque(attempts)
    try:
        while left:
            attempt = left.popleft()
            try:
                _read_one(attempt)
            except Exception:  # an outage: the attempt does not count, and is given back
                left.appendleft(attempt)
                raise
            if time.monotonic() >= until:
                return False
        return True
    finally:
        if left:
            db.session.rollback()
            with transaction():
                incoming.release(left, now=utcnow())


def _read_one(attempt: Attempt) -> None:
    """Read a post or an email.

    If it fails, the reason is noted and the sweep tries again later; after some attempts it waits
    for a person. Raises SQLAlchemyError or OSError in an outage.
    """
    if attempt.number > MAX_ATTEMPTS:  # each of them ended the process
        _fail(attempt, Reason("webhook.failed"))
        return
    row = db.session.get(Incoming, attempt.id)
    if row is None or row.state != "waiting":
        return
    try:
        feedbacks, verdict = _read(row)
        _apply(attempt.id, feedbacks, verdict, is_email=row.channel == "email")
    except UnreadablePostError as error:
        _fail(attempt, error.reason)
    except _ConfirmationError:
        _fail(attempt, Reason("webhook.not_subscribed"))
    except Exception as error:
        if isinstance(error, SQLAlchemyError | OSError) and is_outage(error):
            raise
        log.exception("a post or an email could not be read", incoming=attempt.id)
        _fail(attempt, Reason("webhook.failed"))


class _ConfirmationError(Exception):
    """The subscription could not be confirmed."""


def _read(row: Incoming) -> tuple[list[Feedback], Reason | None]:
    """Return what an email or a post reports, and the verdict if it had another purpose."""
    if row.channel == "email":
        return feedback_of(row.body, row.received_at), None
    kind = WEBHOOKS.get(row.source)
    if kind is None:
        raise UnreadablePostError("webhook.unusable")
    post = Post(row.headers, row.body, row.received_at)
    if url := kind.confirmation_url(post):
        _confirm(url)
        return [], Reason("webhook.subscribed")
    return kind.parse(post), None


def _confirm(url: str) -> None:
    try:
        answer = outgoing.get(url, most=outgoing.LARGEST_ANSWER)
    except outgoing.OutgoingError as error:
        log.warning("a subscription could not be confirmed", error=str(error))
        raise _ConfirmationError from None
    if answer.status != 200:
        log.warning("a subscription could not be confirmed", status=answer.status)
        raise _ConfirmationError


def _apply(
    incoming_id: int, feedbacks: list[Feedback], verdict: Reason | None, *, is_email: bool
) -> None:
    """Act on the events, a part of them in each transaction, and finish with the last part.

    A job that is killed in between starts over, which changes nothing twice.
    """
    size = CHUNK if is_postgresql() else SQLITE_CHUNK
    if is_email:
        size = max(len(feedbacks), 1)  # few events follow, whatever it reports
    new_events, last = 0, max(len(feedbacks) - 1, 0) // size
    for number in range(last + 1):
        give_way()
        with transaction():
            row = incoming.lock(incoming_id)
            if row is None:
                return
            now, chunk = utcnow(), feedbacks[number * size : (number + 1) * size]
            applied = consequences.apply(chunk, incoming=row, signer=services().signer, now=now)
            new_events += applied.new_events
            if number == last:
                why_none = None if new_events else applied.verdict
                verdict = verdict or why_none
                incoming.finish(row, feedbacks, new_events=new_events, verdict=verdict, now=now)


def _fail(attempt: Attempt, reason: Reason) -> None:
    db.session.rollback()
    with transaction():
        incoming.fail(attempt, reason, now=utcnow())
