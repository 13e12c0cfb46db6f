"""Measure the latency of confirmation emails and pages while a campaign is sending.

All processes of the product run. Someone signs up every second, and a user loads four pages per
second by HTTP.
"""

import http.client
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from statistics import median, quantiles
from urllib.parse import urlencode

import click
import sqlalchemy as sa

from campaigns.accounts import users
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList
from campaigns.campaign.models import Campaign
from campaigns.cli.benchmarks import environment
from campaigns.cli.benchmarks.environment import Environment
from campaigns.cli.benchmarks.sending import Figures, Say, people
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.self_service import signup
from campaigns.transactional.models import TransactionalEmail

SIGN_UP_EVERY_SECONDS = 1.0
PAGE_EVERY_SECONDS = 0.25
PATIENCE_SECONDS = 30.0
LOGIN = {"address": "owner@example.org", "password": "correct horse battery"}
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def measure(place: Environment, say: Say, *, recipients: int) -> Figures:
    """Measure how long confirmation emails and pages take during sending."""
    everyone = people(recipients, say)
    with transaction() as session:
        users.create_user(LOGIN["address"], LOGIN["password"], now=utcnow())
        public = AudienceList(name="Open to all", is_public=True)
        session.add(public)
        session.flush()
    emails: list[int] = []
    with place.whole_product() as (workers, port):
        campaign_id = everyone.launch(place.port)
        begun = workers.wait_for(campaign_id, "sending", "sent")
        due = begun
        with a_visitor(port, _pages(campaign_id)) as visitor:
            while not workers.is_in(campaign_id, "sent"):
                if time.monotonic() >= due:
                    emails.append(_sign_up(public.id, len(emails)))
                    due += SIGN_UP_EVERY_SECONDS
                time.sleep(environment.POLL_INTERVAL_SECONDS)
            seconds = time.monotonic() - begun
        waits, peak = _waits(emails), workers.peak_mb()
    say(
        f"{len(emails)} confirmation emails and {visitor.count} pages"
        f" during {seconds:,.1f} seconds of sending"
    )
    left = [wait for wait in waits if wait is not None]
    return {
        "probes": len(emails),
        "probes_not_sent": len(waits) - len(left),
        "probe_p50_seconds": round(median(left), 3) if left else None,
        "probe_max_seconds": round(max(left), 3) if left else None,
        "pages": visitor.count,
        "page_p50_ms": _percentile(visitor.all_ms(), 50),
        "page_p95_ms": _percentile(visitor.all_ms(), 95),
        "page_p95_ms_each": {
            name: _percentile(found, 95) for name, found in visitor.milliseconds.items()
        },
        "messages_per_second": round(recipients / seconds, 1),
        "worker_rss_mb": None if peak is None else round(peak, 1),
        "database": place.database,
        "recipients": recipients,
        "server": place.server,
    }


# --- confirmations----------------------------------------------------------------------------


def _sign_up(list_id: int, number: int) -> int:
    """Request a confirmation as the public page does. Returns the email's id."""
    with transaction():
        mail_id = signup.sign_up(
            list_id,
            f"newcomer{number}@mail.example",
            name="",
            evidence=ConsentEvidence("form", utcnow()),
        )
    if mail_id is None:
        raise click.ClickException("a confirmation email was refused")
    services().doorbell.ring("transactional", mail_id)
    return mail_id


def _waits(mail_ids: list[int]) -> list[float | None]:
    """Return the time from the request to the server's reply; None if none came."""
    query = sa.select(
        TransactionalEmail.status, TransactionalEmail.created_at, TransactionalEmail.sent_at
    ).where(TransactionalEmail.id.in_(mail_ids))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        db.session.rollback()
        rows = db.session.execute(query).all()
        if time.monotonic() > deadline or all(row.status == "sent" for row in rows):
            break
        time.sleep(0.1)
    return [
        (row.sent_at - row.created_at) / timedelta(seconds=1) if row.sent_at else None
        for row in rows
    ]


# --- pages ------------------------------------------------------------------------------------


def _pages(campaign_id: int) -> dict[str, str]:
    """Return the pages that a user visits during sending, by name."""
    public_id = db.session.scalar(sa.select(Campaign.public_id).where(Campaign.id == campaign_id))
    report = f"/campaigns/{public_id}/report"
    return {
        "home": "/",
        "campaigns": "/campaigns",
        "report": report,
        "report (live)": f"{report}/live?status=sending",
        "delivery log": f"{report}/deliveries",
        "lists": "/lists",
        "subscribers": "/subscribers",
    }


class PageVisitor:
    """A user who visits page after page, on one connection."""

    def __init__(self, port: int, pages: Mapping[str, str]) -> None:
        self._pages = pages
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._cookie = ""
        self._is_done = threading.Event()
        self._fault = ""
        self.milliseconds: dict[str, list[float]] = defaultdict(list)

    @property
    def count(self) -> int:
        """Number of pages that were loaded."""
        return len(self.all_ms())

    def all_ms(self) -> list[float]:
        """Return the time of each page, in milliseconds."""
        return [value for found in self.milliseconds.values() for value in found]

    def log_in(self) -> None:
        """Log in as the owner."""
        found = _TOKEN.search(self._ask("GET", "/login"))
        token = found[1] if found else ""
        self._ask("POST", "/login", {**LOGIN, "csrf_token": token})

    def go_around(self) -> None:
        """Load pages until `leave`. A late page does not delay the next one."""
        due = time.monotonic()
        for name, path in cycle(self._pages.items()):
            if self._is_done.wait(max(0.0, due - time.monotonic())):
                return
            begun = time.monotonic()
            try:
                self._ask("GET", path)
            except (OSError, http.client.HTTPException, click.ClickException) as error:
                self._fault = f"{path}: {error}"
                return
            self.milliseconds[name].append((time.monotonic() - begun) * 1000)
            due += PAGE_EVERY_SECONDS

    def leave(self) -> None:
        """Stop. Raises ClickException if a page was not served."""
        self._is_done.set()
        if self._fault:
            raise click.ClickException(f"a page could not be loaded: {self._fault}")

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> str:
        """Return the body of a page. Raises ClickException unless 200, or 302 after a form."""
        headers = {"Cookie": self._cookie} if self._cookie else {}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self._connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
        if answer.status != (302 if form else 200):
            raise click.ClickException(f"{method} {path} was answered with {answer.status}")
        cookies = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") or ()]
        self._cookie = "; ".join(cookies) or self._cookie
        return body


@contextmanager
def a_visitor(port: int, pages: Mapping[str, str]) -> Iterator[PageVisitor]:
    """Run a visitor, in its own thread, who loads these pages in turn."""
    visitor = PageVisitor(port, pages)
    visitor.log_in()
    thread = threading.Thread(target=visitor.go_around, daemon=True)
    thread.start()
    try:
        yield visitor
    finally:
        visitor.leave()
        thread.join(PATIENCE_SECONDS)


def _percentile(values: list[float], percent: int) -> float | None:
    if len(values) < 2:
        return None
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)
