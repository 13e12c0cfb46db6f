"""The sweep: whatever was lost on the way is found in the database and rung for again."""

import time

import structlog

from campaigns.audience import imports
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.jobs import stream
from campaigns.providers import domains
from campaigns.sending import journal, lifecycle, recover, transactional, unconfirmed

log = structlog.get_logger()

DOMAINS_EVERY_SECONDS = 60.0
_next_domains = 0.0


def sweep() -> None:
    """Settle what dead workers left, and ring for all work that lies open. Safe at any time."""
    recover_journals()
    if recover.has_lost_hosts(now=utcnow()):
        with transaction():
            lost = recover.settle_lost_hosts(now=utcnow())
        log.warning("deliveries of a lost host are now unknown", count=lost)
    for campaign_id in recover.cancelled_with_waiting():
        with transaction():
            lifecycle.cancel_waiting(campaign_id, now=utcnow())
    prune()
    ring_for_open_work()


def prune() -> None:
    """Delete some of what is kept for a time only; the next sweep goes on.

    Looks first: where there is nothing to delete, nothing is written.
    """
    now = utcnow()
    if places := unconfirmed.overdue(now):
        with transaction():
            count = unconfirmed.delete(places, now=now)
        log.info("sign-ups that were never confirmed are deleted", count=count)
    if mail_ids := transactional.outdated(now):
        with transaction():
            transactional.delete(mail_ids)
    if key_ids := domains.past_use(now):
        with transaction():
            domains.erase(key_ids)
        log.info("private DKIM keys that were retired are erased", count=len(key_ids))


def recover_journals() -> int:
    """Settle every journal on this machine whose writer is dead; how many there were."""
    settled = 0
    for path in journal.orphans(services().settings.journal_dir):
        with journal.adopt(path) as is_ours:
            if not is_ours:
                continue
            try:
                story = journal.read(path)
            except ValueError as error:
                # Its claim has no journal then: it becomes unknown when its lease is long over.
                path.rename(path.with_suffix(".damaged"))
                log.error(
                    "a journal is damaged and was set aside", file=path.name, error=str(error)
                )
                continue
            with transaction():
                recover.settle(journal.token_of(path), story, now=utcnow())
            path.unlink(missing_ok=True)
            settled += 1
            log.info(
                "settled the claim of a dead worker",
                known=len(story.results),
                unknown=len(story.unknown),
            )
    return settled


def ring_for_open_work() -> None:
    doorbell = services().doorbell
    now = utcnow()
    for campaign_id in recover.preparing():
        doorbell.ring("expand", campaign_id)
    for campaign_id in recover.sending():
        doorbell.ring("send", campaign_id)
    for mail_id in transactional.stalled(now):
        doorbell.ring("transactional", mail_id)
    for import_id in imports.stalled(now):
        doorbell.ring("import", import_id)
    ring_for_events()
    ring_for_domains()


def ring_for_domains() -> None:
    """New subscribers bring new domains: now and then they are looked for."""
    global _next_domains
    if time.monotonic() >= _next_domains:
        _next_domains = time.monotonic() + DOMAINS_EVERY_SECONDS
        services().doorbell.ring("domains")


def ring_for_events() -> None:
    """Opens and clicks wait in the stream: let them be recorded."""
    if stream.length():
        services().doorbell.ring("ingest")
