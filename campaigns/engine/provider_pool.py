"""The open providers of this process: one per account, with its outbox."""

import threading
from collections.abc import Sequence

from campaigns.clock import Clock
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine.limiter import limiter
from campaigns.engine.outbox import Outbox
from campaigns.providers import accounts
from campaigns.providers.base import Provider
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import open_provider
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Plan

MAX_CONNECTIONS = 10
"""Largest number of connections from one process to one account; accounts may set less."""
SHARE_INTERVAL_SECONDS = 0.5
"""Interval between requests for a share of an account's connections, in seconds."""
HANDOVER_INTERVAL_SECONDS = 0.1
"""The same while connections pass from one worker to another."""


def keep_renewed_secrets(account: ProviderAccount) -> None:
    """Store secrets with which the provider replaced old ones, which it will revoke.

    Raises UnusableAccountError, SecretUnreadableError.
    """
    vault = services().vault
    if accounts.has_renewed(account, vault):
        account_id = account.id
        with transaction():
            accounts.keep_renewed(db.session.get_one(ProviderAccount, account_id), vault)


class ProviderPool:
    """Outboxes and providers by account, and this process's share of their connections."""

    def __init__(self, worker: str, activity: threading.Condition, clock: Clock) -> None:
        """Create an empty pool. `worker` is this process's name for the limiter."""
        self._worker = worker
        self._activity = activity
        self._clock = clock
        self._outboxes: dict[int, Outbox] = {}
        self._providers: dict[int, tuple[int, Provider]] = {}
        """(version of the account, provider), by account id."""
        self._retired: list[tuple[int, Provider]] = []
        """Providers with former settings of an account, which finish their open messages."""
        self._share_asked_at: dict[int, float] = {}
        """When a share of the connections was last asked for, by account id."""
        self._share_lock = threading.Lock()  # a job and the recorder both ask for shares

    @property
    def outboxes(self) -> Sequence[Outbox]:
        """A copy of the outboxes, as the job may add one at any time."""
        return list(self._outboxes.values())

    def find(self, provider_id: int) -> Outbox | None:
        """Return the outbox of an account, if this process has one."""
        return self._outboxes.get(provider_id)

    def open(self, account: ProviderAccount, plan: Plan) -> Outbox:
        """Return the outbox of this account, served by this process's share of its connections.

        Raises UnusableAccountError, SecretUnreadableError, RedisError.
        """
        outbox = self._outboxes.get(account.id)
        if outbox is None:
            outbox = self._outboxes[account.id] = Outbox(account.id, self._activity, self._clock)
        current = self._providers.get(account.id)
        if current is None or current[0] != account.version:
            provider = open_provider(account, services().vault)
            if current is not None:  # changed account: open messages finish on the old one
                current[1].serve(outbox, 0)
                self._retired.append((account.id, current[1]))
            self._providers[account.id] = (account.version, provider)
            self._share_asked_at.pop(account.id, None)
        self._request_share(outbox, plan)
        return outbox

    def wake(self, outbox: Outbox) -> None:
        """Tell the provider to take from its outbox again."""
        self._providers[outbox.provider_id][1].wake()

    def has_batches_of(self, campaign_id: int) -> bool:
        """Return whether this process has open deliveries of this campaign."""
        return any(
            batch.campaign_id == campaign_id for outbox in self.outboxes for batch in outbox.batches
        )

    # --- connections --------------------------------------------------------------------------

    def keep_shares(
        self, *, overdue_seconds: float = SHARE_INTERVAL_SECONDS, give_up_idle: bool = False
    ) -> None:
        """Renew the shares of accounts with waiting messages or open connections.

        Needed without new claims too, as the shares of other workers change. `give_up_idle`:
        release the share of an account that has nothing waiting here. Raises RedisError.
        """
        for outbox in self.outboxes:
            is_held = outbox.account.connections or self._open_connections(outbox.provider_id)
            if not self._is_due(outbox, overdue_seconds) or (outbox.is_idle and not is_held):
                continue
            plan = load_plan(outbox.provider_id, now=self._clock.now())
            self._request_share(outbox, plan, give_up_idle=give_up_idle)

    def _is_due(self, outbox: Outbox, seconds: float) -> bool:
        asked_at = self._share_asked_at.get(outbox.provider_id)
        return asked_at is None or self._clock.monotonic() - asked_at >= seconds

    def _request_share(self, outbox: Outbox, plan: Plan, *, give_up_idle: bool = False) -> None:
        with self._share_lock:
            if not self._is_due(outbox, SHARE_INTERVAL_SECONDS):
                return
            now = self._clock.monotonic()
            number = outbox.provider_id
            is_idle = give_up_idle and outbox.is_idle
            held = self._open_connections(number)
            count = limiter().connections(number, self._worker, plan, held=held, is_idle=is_idle)
            if is_idle and not count:  # released: requested again as soon as there is work
                self._share_asked_at.pop(number, None)
            elif held > count or not count:
                early = SHARE_INTERVAL_SECONDS - HANDOVER_INTERVAL_SECONDS
                self._share_asked_at[number] = now - early
            else:
                self._share_asked_at[number] = now
            self._connect(outbox, min(count, MAX_CONNECTIONS))

    def _connect(self, outbox: Outbox, connections: int) -> None:
        """Set the number of connections that serve this outbox.

        0: the provider releases everything.
        """
        outbox.account.connections = connections
        self._providers[outbox.provider_id][1].serve(outbox, connections)

    def _open_connections(self, provider_id: int) -> int:
        """Count the open connections to an account, including those with former settings."""
        former = sum(old.open_connections for number, old in self._retired if number == provider_id)
        return former + self._providers[provider_id][1].open_connections

    # --- the end ------------------------------------------------------------------------------

    def close_retired(self) -> None:
        """Close providers with former settings that have finished."""
        for retired in [retired for retired in self._retired if retired[1].is_idle()]:
            retired[1].close()
            self._retired.remove(retired)

    def close_providers(self) -> None:
        """Close all connections. Messages without a reply are reported as unknown."""
        for _, provider in (*self._retired, *self._providers.values()):
            provider.close()

    def close_journals(self) -> None:
        """Close the journals, from which another process recovers whatever is not recorded."""
        for outbox in self.outboxes:
            for batch in outbox.batches:
                batch.journal.close()
