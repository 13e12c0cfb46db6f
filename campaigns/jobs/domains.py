"""Look up the mailbox providers of recipient domains, a few at a time."""

import time
from concurrent.futures import ThreadPoolExecutor

from campaigns.accounts.workspace import load_workspace
from campaigns.audience import mx_lookup
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs.runtime import job

SLICE_SECONDS = 1.0
BATCH_SIZE = 16


@job("domains")
def look_up(ask: mx_lookup.MailServers = mx_lookup.ask_dns) -> None:
    """Look domains up for a slice of time; ring again while there are more."""
    if mx_lookup.is_any_known_missing():
        with transaction():
            mx_lookup.add_known()
    # A demo makes no outside connections, and its people are made up.
    if not services().settings.resolve_mx or load_workspace().demo:
        return
    until = time.monotonic() + SLICE_SECONDS
    with ThreadPoolExecutor(BATCH_SIZE, thread_name_prefix="dns") as pool:
        while time.monotonic() < until:
            domains = mx_lookup.to_look_up(BATCH_SIZE, now=utcnow())
            if not domains:
                return
            db.session.rollback()  # no transaction stays open during DNS queries
            found = list(zip(domains, pool.map(ask, domains), strict=True))
            with transaction():
                mx_lookup.note(found, now=utcnow())
    services().doorbell.ring("domains")
