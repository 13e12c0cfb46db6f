"""Send a campaign to a sink, and record when its messages arrive."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa

from campaigns.app import create_app
from campaigns.campaign import lifecycle
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.models import ProviderAccount
from tests.factories import a_campaign, a_list, a_provider, a_sender, subscribers
from tests.readback import delivery_counts
from tests.smtp_server import ScriptedServer, scripted_server
from tests.supervisor.helpers import wait_until

RECIPIENTS = 7200
"""Two minutes of sending: enough for six faults, each watched for up to `WATCHED_SECONDS`."""
FEWER_RECIPIENTS = 1500
"""Enough for a test with a single fault, which is watched for less than half as long."""
PER_SECOND = 60
"""Limit of the account. It spreads the campaign evenly, so every gap is a pause."""
LONGEST_PAUSE_SECONDS = 5.0
PAUSE_IN_STARTS = 4
"""Where this allows more than `LONGEST_PAUSE_SECONDS`, the longest pause in times that a worker
takes to import its modules: two programs start one after the other."""
WATCHED_SECONDS = 20.0
STEADY_SECONDS = 3.0
"""Time without a gap after which sending counts as resumed."""
GAP_SECONDS = 0.5
CONNECTIONS = 2
"""Fewer than one worker would take, so a killed worker holds some that the others need."""


class Arrivals:
    """The times at which messages arrived at a sink, to about a fiftieth of a second."""

    def __init__(self, sink: ScriptedServer) -> None:
        self._sink, self._is_over = sink, threading.Event()
        self.times: list[float] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        seen = 0
        while not self._is_over.wait(0.02):
            if len(self._sink.received) > seen:
                seen = len(self._sink.received)
                self.times.append(time.monotonic())

    def longest_pause(self, since: float, until: float) -> float:
        inside = [at for at in self.times if since <= at <= until]
        edges = [since, *inside, until]
        return max(after - before for before, after in itertools.pairwise(edges))

    def are_steady(self, since: float) -> bool:
        """Whether messages have arrived without a gap for `STEADY_SECONDS`, all after `since`."""
        now = time.monotonic()
        begin = now - STEADY_SECONDS
        return begin >= since and self.longest_pause(begin, now) < GAP_SECONDS

    def have_stopped(self, seconds: float = 2.0) -> bool:
        """Whether nothing has arrived for this long."""
        return time.monotonic() - self.times[-1] >= seconds

    def close(self) -> None:
        self._is_over.set()


@contextmanager
def arrivals() -> Iterator[tuple[ScriptedServer, Arrivals]]:
    with scripted_server() as sink:
        watched = Arrivals(sink)
        try:
            yield sink, watched
        finally:
            watched.close()


@contextmanager
def _core(settings: Settings) -> Iterator[None]:
    with create_app(settings).app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def launch(
    settings: Settings, sink: ScriptedServer, watched: Arrivals, *, recipients: int = RECIPIENTS
) -> None:
    """Send a campaign; return when its first messages have arrived."""
    with _core(settings):
        with transaction():
            account = a_provider(port=sink.port)
            db.session.flush()
            db.session.execute(
                sa.update(ProviderAccount).values(per_second=PER_SECOND, connections=CONNECTIONS)
            )
            audience = a_list("Everybody")
            subscribers((f"kill{number}@example.org" for number in range(recipients)), audience)
            campaign = a_campaign(audience, sender=a_sender(provider=account))
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
        services().doorbell.ring("expand", campaign.id)
    wait_until(lambda: len(watched.times) > 10, "the campaign is being sent", 60)


def pause_after(watched: Arrivals, event: Callable[[], object]) -> float:
    """The longest pause after an event, in seconds; at most WATCHED_SECONDS are watched."""
    since = time.monotonic()
    event()
    while time.monotonic() < since + WATCHED_SECONDS and not watched.are_steady(since):
        time.sleep(0.05)
    return watched.longest_pause(since, time.monotonic())


def longest_pause_here() -> float:
    """The longest pause that is no fault, in seconds: more while this machine is slow or busy."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import campaigns.jobs.worker"], check=True)
    return max(LONGEST_PAUSE_SECONDS, PAUSE_IN_STARTS * (time.monotonic() - began))


def pauses_after(
    watched: Arrivals, events: Mapping[str, Callable[[], object]]
) -> tuple[dict[str, float], float]:
    """Return the longest pause after each event, and the longest that is no fault meanwhile."""
    allowed = longest_pause_here()
    pauses = {name: pause_after(watched, event) for name, event in events.items()}
    return pauses, max(allowed, longest_pause_here())


def check_nobody_got_two(sink: ScriptedServer) -> None:
    found = sink.recipients  # a new list each time, and messages may still arrive
    assert len(set(found)) == len(found), "a recipient was emailed twice"


def send_the_rest(
    settings: Settings, sink: ScriptedServer, *, recipients: int, unknown: int = 0
) -> None:
    """Send the rest without a limit, and check that everyone gets the email once.

    For up to `unknown` recipients the outcome may be unknown.
    """
    with _core(settings):
        with transaction():
            db.session.execute(sa.update(ProviderAccount).values(per_second=0, connections=0))

        wait_until(
            lambda: not {"queued", "sending"} & delivery_counts().keys(), "the campaign ends", 90
        )
        found = delivery_counts()
    assert found.get("sent", 0) + found.get("unknown", 0) == recipients, found
    assert found.get("unknown", 0) <= unknown, found
    check_nobody_got_two(sink)
    assert len(sink.recipients) >= found["sent"]
