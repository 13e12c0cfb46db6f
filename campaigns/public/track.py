"""Opens and clicks, answered at once even if Redis and the database are down.

A click's target is part of its signed link, so nobody can change the redirect and it needs no
database. The event is written to the Redis stream, or to the database, or, if both are down, only
to the log.
"""

import base64
import time
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import cast

import structlog
from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.urls import iri_to_uri

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.record import record
from campaigns.events.tracking import clicked, opened
from campaigns.jobs.stream import event_stream
from campaigns.messages import ProviderEvent
from campaigns.methods import is_visit, records_visits
from campaigns.public.pages import handle_errors, private
from campaigns.tokens import BadTokenError, Signer, read_click_path, read_open_token

log = structlog.get_logger()
bp = Blueprint("public_track", __name__)
handle_errors(bp)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""A transparent one-pixel GIF, 43 bytes."""
RING_SECONDS = 1.0
PAUSE_SECONDS = 2.0
"""Time for which the database is not used after a failure, in seconds, so that nobody waits."""


@bp.get("/o/<token>.gif")
@access("public")
@records_visits
def open_pixel(token: str) -> Response:
    """Return the open pixel, always: a broken image is worse than a lost open."""
    answer, event = answer_open(services().signer, token, at=utcnow(), user_agent=_user_agent())
    if event and is_visit():
        note([event])
    return answer


@bp.get("/c/<token>/<target>", strict_slashes=False, merge_slashes=False)
@access("public")
@records_visits
def click(token: str, target: str) -> Response:
    """Redirect to a link's target, if its signature is valid."""
    answer, event = answer_click(
        services().signer, token, target, at=utcnow(), user_agent=_user_agent()
    )
    if answer is None:
        abort(404)
    if event and is_visit():
        note([event])
    return answer


def answer_open(
    signer: Signer, token: str, *, at: datetime, user_agent: str
) -> tuple[Response, ProviderEvent | None]:
    """Return the pixel, and the event of a GET; None if the token is invalid."""
    try:
        delivery_id = read_open_token(signer, token)
    except BadTokenError:
        delivery_id = 0
    event = opened(delivery_id, at=at, user_agent=user_agent) if delivery_id else None
    answer = Response(PIXEL, mimetype="image/gif")
    answer.headers["Cache-Control"] = "no-store, private"
    return private(answer), event


def answer_click(
    signer: Signer, token: str, target: str, *, at: datetime, user_agent: str
) -> tuple[Response | None, ProviderEvent | None]:
    """Return the redirect and the event of a GET; no response if the link is invalid."""
    try:
        delivery_id, number, address = read_click_path(signer, token, target)
    except (BadTokenError, UnicodeDecodeError):
        return None, None
    location = _location(address)
    if not location:
        return None, None
    event = None
    if delivery_id:
        event = clicked(delivery_id, number, at=at, user_agent=user_agent)
    return private(Response(status=302, headers={"Location": location})), event


def _location(address: str) -> str:
    """Return the URL in the form for a header; "" if no browser could follow it."""
    is_clean = not any(ord(char) < 33 or ord(char) == 127 for char in address)
    if not is_clean or not address.lower().startswith(("http://", "https://")):
        return ""
    try:
        return iri_to_uri(address)
    except ValueError:  # https://[::1, ports above 65535, invalid host names
        return ""


def _user_agent() -> str:
    return request.headers.get("User-Agent", "")


def note(events: Sequence[ProviderEvent]) -> None:
    """Store events: in the stream, else in the database, else only in the log."""
    if event_stream().add(*events):
        if _moments().is_time("ring", RING_SECONDS):
            services().doorbell.ring("ingest")
        return
    if not _moments().is_over("database"):
        _lost(events, "")
        return
    try:
        with transaction():
            record(events, now=utcnow())
    except SQLAlchemyError as error:
        db.session.rollback()
        _moments().wait("database", PAUSE_SECONDS)
        _lost(events, str(error))


def _lost(events: Sequence[ProviderEvent], error: str) -> None:
    log.warning(
        "events lost: neither Redis nor the database answers",
        count=len(events),
        deliveries=[event.delivery_id for event in events[:10]],
        error=error,
    )


class _Moments:
    """Rate-limits actions by name, within this process. Thread-safe."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}
        self._lock = Lock()

    def is_over(self, name: str) -> bool:
        return time.monotonic() >= self._not_before.get(name, 0.0)

    def wait(self, name: str, seconds: float) -> None:
        self._not_before[name] = time.monotonic() + seconds

    def is_time(self, name: str, seconds: float) -> bool:
        """Return True to one caller per interval."""
        with self._lock:
            if not self.is_over(name):
                return False
            self.wait(name, seconds)
            return True


def _moments() -> _Moments:
    found = current_app.extensions.setdefault("campaigns.track_moments", _Moments())
    return cast("_Moments", found)
