"""The sweep: finds open work in the database and rings for it again."""

import time
from datetime import datetime
from pathlib import Path

import structlog

from campaigns.accounts import password_resets, sessions
from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.bulk import runs as bulk_runs
from campaigns.audience.fields import changes
from campaigns.audience.imports import runs
from campaigns.clock import running_seconds, utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import completion, journal, recovery, resend
from campaigns.events import incoming, rates, scores
from campaigns.jobs import stream
from campaigns.privacy import retention, stored_bodies
from campaigns.providers.domains import keys
from campaigns.reason import Reason
from campaigns.reports import snapshots
from campaigns.transactional import alerts, queue

log = structlog.get_logger()

DOMAINS_EVERY_SECONDS = 60.0
MARKING_SECONDS = 1.5
"""Time for `mark_cancelled` in one sweep, in seconds; shorter than the lease of the clock."""
_next_domains = 0.0
_watch = recovery.Watch()
"""Leases seen in earlier sweeps of this process."""


def sweep() -> None:
    """Clean up, and ring for all open work. Safe at any time."""
    mark_cancelled()
    prune()
    watch_rates()
    ring_for_open_work()


def watch_rates() -> None:
    """Check the rates of bounces and complaints of some campaigns; pauses them and alerts."""
    emails: list[int] = []
    for campaign_id in rates.due(now=utcnow()):
        now = utcnow()
        with transaction():
            by_account: dict[int, list[Reason]] = {}
            for alarm in rates.check(campaign_id, now=now):
                by_account.setdefault(alarm.account_id, []).append(alarm.reason())
            for account_id, reasons in by_account.items():
                emails += alerts.alert_about_rates(account_id, reasons, now=now)
    for mail_id in emails:
        services().doorbell.ring("transactional", mail_id)


def mark_cancelled() -> None:
    """Mark the waiting deliveries of cancelled campaigns, a slice in each sweep."""
    until = time.monotonic() + MARKING_SECONDS
    for campaign_id in recovery.cancelled_with_waiting():
        is_more = True
        while is_more and time.monotonic() < until:
            with transaction():
                is_more = completion.cancel_waiting(campaign_id, now=utcnow())


def prune() -> None:
    """Delete some expired data; the next sweep continues.

    Reads first, and writes nothing if there is nothing to delete.
    """
    now = utcnow()
    if places := retention.overdue(now):
        with transaction():
            count = retention.delete(places, now=now)
        log.info("deleted unconfirmed sign-ups", count=count)
    if mail_ids := queue.outdated(now):
        with transaction():
            queue.delete(mail_ids)
    if session_ids := sessions.outdated(now):
        with transaction():
            sessions.delete(session_ids)
    if reset_ids := password_resets.outdated(now):
        with transaction():
            password_resets.delete(reset_ids)
    if bulk_runs.is_any_outdated(now=now):
        with transaction():
            bulk_runs.forget(now=now)
    if body_ids := stored_bodies.overdue(now):
        with transaction():
            stored_bodies.delete(body_ids, now=now)
    if stored_bodies.is_any_left():
        with transaction():
            stored_bodies.carry_on()
    if key_ids := keys.past_use(now):
        with transaction():
            keys.erase(key_ids)
        log.info("erased private keys of retired DKIM keys", count=len(key_ids))


def recover_claims() -> int:
    """Settle every claim whose worker is gone. Returns how many.

    Uses its journal if that is on this machine: the worker is dead, or was suspended for too long
    to send. Without a journal, the host must be gone.
    """
    settled = 0
    settings = services().settings
    at, lease = running_seconds(), settings.lease_seconds
    _watch.look(recovery.leases(), at)
    expired = _watch.standing(lease, at)
    lost = _watch.standing(lease + recovery.HOST_LOST_AFTER.total_seconds(), at)
    for path in journal.orphans(settings.journal_dir):
        token = journal.token_of(path)
        lost.pop(token, None)
        with journal.adopt(path) as is_ours:
            if is_ours:
                settled += _settle_by(path, token)
                path.unlink(missing_ok=True)
            elif token in expired:
                settled += _settle_by(path, token, lent_until=expired[token])
    return settled + _settle_lost(lost)


def _settle_lost(lost: recovery.Leases) -> int:
    count = 0
    for token, lent_until in lost.items():
        with transaction():
            count += recovery.settle_lost(token, lent_until, now=utcnow())
    if count:
        log.warning("deliveries of a lost host are now unknown", claims=count)
    return count


def _settle_by(path: Path, token: str, *, lent_until: datetime | None = None) -> bool:
    try:
        story = journal.read(path)
    except ValueError as error:
        # Its claim then has no journal, and becomes unknown later.
        path.rename(path.with_suffix(".damaged"))
        log.error("damaged journal set aside", file=path.name, error=str(error))
        return False
    with transaction():
        done = recovery.settle(token, story, now=utcnow(), lent_until=lent_until)
    if done:
        log.info(
            "settled the claim of a dead or stopped worker",
            known=len(story.results),
            unknown=len(story.unknown),
            is_whole=story.is_whole,
        )
    return done


def ring_for_open_work() -> None:
    """Ring for all open work in the database, in case Redis lost jobs."""
    doorbell = services().doorbell
    now = utcnow()
    ring_for_sending()
    for campaign_id in resend.with_more():
        doorbell.ring("resend", campaign_id)
    for mail_id in queue.stalled(now):
        doorbell.ring("transactional", mail_id)
    for import_id in runs.stalled(now):
        doorbell.ring("import", import_id)
    for run_id in bulk_runs.open_ids():
        doorbell.ring("bulk", run_id)
    for change in changes.running():
        doorbell.ring("fields", change.id)
    ring_for_events()
    if incoming.waiting(1) or incoming.due(1, now=now):
        doorbell.ring("incoming")
    ring_for_domains()
    ring_for_counts()
    if scores.is_due(now=now, zone=workspace_zone()):
        doorbell.ring("engagement")


def ring_for_domains() -> None:
    """Ring for the lookup of new recipient domains, at intervals."""
    global _next_domains
    if time.monotonic() >= _next_domains:
        _next_domains = time.monotonic() + DOMAINS_EVERY_SECONDS
        services().doorbell.ring("domains")


def ring_for_counts() -> None:
    """Ring for new counts of large campaigns and lists whose snapshots are old."""
    for subject, number in snapshots.due(utcnow()):
        services().doorbell.ring(f"count_{subject}", number)


def ring_for_sending() -> None:
    """Ring for sending, so that campaigns waiting for limits or retries continue.

    Also for those whose worker was killed.
    """
    for campaign_id in recovery.preparing():
        services().doorbell.ring("expand", campaign_id)
    if recovery.is_any_sending():
        services().doorbell.ring("send")


def ring_for_events() -> None:
    """Ring if opens and clicks wait in the stream."""
    if stream.length():
        services().doorbell.ring("ingest")
