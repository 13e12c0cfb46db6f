"""Expand a campaign, and send it batch by batch.

A job works for about a second and rings for itself again, so that no campaign holds a worker
and a pause is felt at once. No transaction is open while a provider is spoken to.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from campaigns.accounts import service as accounts
from campaigns.clock import utcnow
from campaigns.content.compile import Compiled, Content, TemplateProblemError, compile_content
from campaigns.content.sandbox import RenderError
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs.limiter import limiter
from campaigns.jobs.runtime import job
from campaigns.messages import Message, Recipient, SendResult
from campaigns.providers import health
from campaigns.providers.base import Provider, ProviderTroubleError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import open_provider
from campaigns.secrets import SecretUnreadableError
from campaigns.sending import dispatch, lifecycle
from campaigns.sending.composition import content_of
from campaigns.sending.expand import expand as expand_audience
from campaigns.sending.journal import Journal
from campaigns.sending.limiter import Grant
from campaigns.sending.models import Campaign

log = structlog.get_logger()

SLICE_SECONDS = 1.0
SMALLEST_BATCH, LARGEST_BATCH = 20, 1000
LEASE_MARGIN_SECONDS = 120
"""Nothing is offered so shortly before the lease ends: a reply may take its time."""


@job("expand")
def expand(campaign_id: int) -> None:
    """Freeze the audience of a campaign that is `preparing`, then ring for its sending."""
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None or campaign.status != "preparing":
        return
    try:
        compiled = _compiled(campaign)
    except TemplateProblemError as error:
        # Launching checks this; it can still happen when something around it changed since.
        with transaction():
            lifecycle.return_to_draft(
                campaign_id, now=utcnow(), reason=f"The content has a problem: {error}"
            )
        return
    with transaction():
        done = expand_audience(campaign_id, links=compiled.links, now=utcnow())
    if done:
        services().doorbell.ring("send", campaign_id)


@job("send")
def send(campaign_id: int) -> None:
    """Send for one slice of time; ring again while there is more to do now."""
    until = time.monotonic() + SLICE_SECONDS
    while _send_batch(campaign_id, until):
        if time.monotonic() >= until:
            services().doorbell.ring("send", campaign_id)
            return


def _send_batch(campaign_id: int, until: float) -> bool:
    """Claim, send, record once. False when nothing more can be done now."""
    campaign = db.session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None or campaign.status != "sending":
        return False
    account = db.session.get(ProviderAccount, campaign.provider_id or 0, populate_existing=True)
    if account is None:
        return _pause(campaign_id, "The sender address has no provider account any more.")
    now = utcnow()
    if account.retry_at is not None and account.retry_at > now:
        return False  # the sweep rings again when it is time
    try:
        compiled = _compiled(campaign)
        provider = _provider(account)
    except TemplateProblemError as error:
        return _pause(campaign_id, f"The content has a problem: {error}")
    except SecretUnreadableError as error:
        return _pause(campaign_id, str(error))
    want = _batch_size(campaign_id)
    grant = limiter().acquire(account.id, want, account.per_second, account.per_day)
    if grant.count == 0:
        return _wait(campaign, grant, until)
    batch = Batch(campaign_id, account.id, provider, compiled, until)
    try:
        batch.claim(grant.count)
        if not batch.recipients:
            return _nothing_to_claim(campaign_id, account, grant.count)
        batch.send()
        batch.record()
    finally:
        batch.close()
    if account.per_second or account.per_day:
        limiter().give_back(account.id, grant.count - batch.offered)
    _learn_batch_size(campaign_id, batch)
    return batch.may_go_on


@dataclass
class Batch:
    """One claim, from the ledger to the wire and back."""

    campaign_id: int
    provider_id: int
    provider: Provider
    compiled: Compiled
    until: float
    token: str = field(default_factory=lambda: secrets.token_hex(12))
    recipients: list[Recipient] = field(default_factory=list)
    begun: set[int] = field(default_factory=set)
    results: list[SendResult] = field(default_factory=list)
    unrenderable: list[tuple[int, str]] = field(default_factory=list)
    offered: int = 0
    seconds: float = 0.0
    trouble: ProviderTroubleError | None = None
    _journal: Journal | None = None
    _recorded: bool = False
    _deadline: float = 0.0

    def claim(self, count: int) -> None:
        self._journal = Journal(services().settings.journal_dir, self.token)
        self._deadline = time.monotonic() + dispatch.LEASE_SECONDS - LEASE_MARGIN_SECONDS
        with transaction():
            self.recipients = dispatch.claim(
                self.campaign_id, count, token=self.token, now=utcnow()
            )
        if not self.recipients:
            self._recorded = True  # nothing was claimed: nothing to settle

    def send(self) -> None:
        journal = self._journal
        if journal is None:
            raise RuntimeError("send() before claim()")
        db.session.rollback()  # no transaction stays open while we talk to the provider
        started = time.monotonic()

        def before_body(message: Message) -> None:
            journal.intent(message.delivery_id)
            self.begun.add(message.delivery_id)

        try:
            for result in self.provider.send(self._messages(), before_body=before_body):
                journal.reply(result)
                self.results.append(result)
                if result.scope == "sender" and result.outcome != "sent":
                    self.trouble = ProviderTroubleError(
                        f"The server refuses this sender: {result.reply}",
                        permanent=result.outcome == "failed",
                    )
                    break
                if result.outcome == "unsent":
                    self.trouble = ProviderTroubleError(
                        f"The server closed the connection: {result.reply}", permanent=False
                    )
                    break
        except ProviderTroubleError as trouble:
            self.trouble = trouble
        self.seconds = time.monotonic() - started

    def _messages(self) -> Iterator[Message]:
        """Render one after the other, while the slice and the lease last."""
        for recipient in self.recipients:
            now = time.monotonic()
            if now >= self._deadline or (now >= self.until and self.offered):
                return
            self.offered += 1
            try:
                message = self.compiled.render(recipient, now=utcnow())
            except RenderError as error:
                self.unrenderable.append((recipient.delivery_id, str(error)))
                continue
            yield message

    def record(self) -> None:
        now = utcnow()
        # A provider that gave up after a body had left: nobody knows the fate of that one.
        known = {result.delivery_id for result in self.results}
        lost = [SendResult(number, "unknown", scope="connection") for number in self.begun - known]
        with transaction():
            results = [*self.results, *lost]
            dispatch.record(self.token, results, now=now, unrenderable=self.unrenderable)
            if self.trouble is not None:
                health.note_trouble(self.provider_id, str(self.trouble), now=now)
                if self.trouble.permanent:
                    lifecycle.pause(self.campaign_id, now=now, reason=str(self.trouble))
            elif any(result.outcome == "sent" for result in self.results):
                health.clear(self.provider_id)
                lifecycle.clear_reason(self.campaign_id)
        self._recorded = True

    def close(self) -> None:
        """The journal of a recorded batch goes; that of a broken one stays for the sweep."""
        if self._journal is None:
            return
        if self._recorded:
            self._journal.remove()
        else:
            self._journal.close()

    @property
    def may_go_on(self) -> bool:
        return self.trouble is None


def _pause(campaign_id: int, reason: str) -> bool:
    with transaction():
        lifecycle.pause(campaign_id, now=utcnow(), reason=reason)
    return False


def _wait(campaign: Campaign, grant: Grant, until: float) -> bool:
    """A limit binds: short waits stay within the slice, long ones are left to the sweep."""
    if grant.wait_seconds <= SLICE_SECONDS:
        time.sleep(min(grant.wait_seconds, max(0.0, until - time.monotonic())))
        return True
    at = (utcnow() + timedelta(seconds=grant.wait_seconds)).astimezone(accounts.time_zone())
    when = at.strftime("%d %b, %H:%M").lstrip("0")
    reason = f"The daily limit of the sender account is used up; it goes on by itself at {when}."
    if campaign.status_reason != reason:
        with transaction():
            lifecycle.explain(campaign.id, reason)
    return False


def _nothing_to_claim(campaign_id: int, account: ProviderAccount, granted: int) -> bool:
    """Finished, or everything that is left waits for its moment.

    Or all who were claimed have left meanwhile: then there is more to do.
    """
    if account.per_second or account.per_day:
        limiter().give_back(account.id, granted)
    with transaction():
        lifecycle.finish(campaign_id, now=utcnow())
    return dispatch.is_any_due(campaign_id, now=utcnow())


# --- what a worker process keeps between jobs -------------------------------------------------

_providers: dict[int, tuple[int, Provider]] = {}
_compiled_contents: dict[int, tuple[Content, Compiled]] = {}
_batch_sizes: dict[int, int] = {}
KEPT = 8
T = TypeVar("T")


def _provider(account: ProviderAccount) -> Provider:
    """The open provider of this account; a new one when the account was changed."""
    kept = _providers.get(account.id)
    if kept is not None and kept[0] == account.version:
        return kept[1]
    if kept is not None:
        kept[1].close()
    provider = open_provider(account, services().vault)
    _providers[account.id] = (account.version, provider)
    return provider


def _compiled(campaign: Campaign) -> Compiled:
    """The campaign's compiled content; compiled again only when anything of it changed."""
    content = content_of(campaign, base_url=services().settings.base_url)
    kept = _compiled_contents.get(campaign.id)
    if kept is not None and kept[0] == content:
        return kept[1]
    compiled = compile_content(content, services().signer)
    _keep(_compiled_contents, campaign.id, (content, compiled))
    return compiled


def _keep(cache: dict[int, T], key: int, value: T) -> None:
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > KEPT:
        cache.pop(next(iter(cache)))


def _batch_size(campaign_id: int) -> int:
    return _batch_sizes.get(campaign_id, 100)


def _learn_batch_size(campaign_id: int, batch: Batch) -> None:
    """About half a slice's worth: large for a fast server, small for a slow one."""
    if batch.offered and batch.seconds > 0:
        size = int(batch.offered / batch.seconds * SLICE_SECONDS / 2)
        _keep(_batch_sizes, campaign_id, max(SMALLEST_BATCH, min(LARGEST_BATCH, size)))


def forget() -> None:
    """Close what is kept (at the end of a worker, and between tests)."""
    for _, provider in _providers.values():
        provider.close()
    for cache in (_providers, _compiled_contents, _batch_sizes):
        cache.clear()
