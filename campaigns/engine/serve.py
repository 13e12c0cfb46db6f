"""Keep the engine busy: give every sending campaign its share of what may be sent now."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import Compiled, TemplateProblemError
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import canary, claims, completion, recovery, resend
from campaigns.engine import canary as canaries
from campaigns.engine import compiled as contents
from campaigns.engine import restore_guard, sender_switch
from campaigns.engine.compiled import RecentCache, compiled_content, unusable
from campaigns.engine.engine import Engine
from campaigns.engine.limiter import limiter
from campaigns.engine.outbox import Outbox
from campaigns.engine.provider_pool import SHARE_INTERVAL_SECONDS, keep_renewed_secrets
from campaigns.outages import outages
from campaigns.providers.base import UnusableAccountError
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError
from campaigns.throttling.hold_reasons import banner
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Grant, GrantRequest, Plan

SLICE_SECONDS = 1.0
SHORT_WAIT_SECONDS = 0.05
NO_WORK_SECONDS = 3600.0
"""Wait of a campaign with nothing to do, in seconds; any change rings."""
LAUNCH_POLL_SECONDS = 0.25
"""Interval between checks for launched or resumed campaigns, in seconds."""
LONGEST_HOLD_SECONDS = 0.5
"""Time for which a limiter's refusal is trusted, in seconds; limits may change."""
SMALLEST_SHARE = 5
"""Smallest share of the capacity that is worth a claim."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Result of a turn of one campaign."""

    claimed: int
    wait_seconds: float
    """Time until there may be something to claim, in seconds."""


SOON = Progress(0, SHORT_WAIT_SECONDS)
NO_WORK = Progress(0, NO_WORK_SECONDS)


@dataclass(slots=True)
class Served:
    """Result of a round over all campaigns, and when the next one may help."""

    claimed: int = 0
    wait_seconds: float = NO_WORK_SECONDS
    full: set[int] = field(default_factory=set)
    """Accounts without capacity."""

    @property
    def has_more_soon(self) -> bool:
        """Return whether another round is due within a slice."""
        return bool(self.claimed or self.full or self.wait_seconds <= SLICE_SECONDS)

    def add(self, progress: Progress) -> None:
        """Add the turn of one campaign."""
        self.claimed += progress.claimed
        self.wait_seconds = min(self.wait_seconds, progress.wait_seconds)


@dataclass(frozen=True, slots=True)
class LimiterHold:
    """A limiter's answer that makes a campaign wait; times by `time.monotonic`."""

    ask_at: float
    """When to ask the limiter again."""
    due_at: float
    """When more may be sent, by its last answer."""


@dataclass(frozen=True, slots=True)
class Route:
    """Everything that a claim of one campaign needs."""

    outbox: Outbox
    compiled: Compiled
    plan: Plan


_held: RecentCache[LimiterHold] = RecentCache()


def forget() -> None:
    """Empty the caches, at the end of a worker and between tests."""
    _held.clear()
    contents.forget()
    canaries.forget()


def serve_slice(engine: Engine) -> None:
    """Serve every sending campaign for one slice of time.

    Rings at the end if there is more to do soon, even if it rang before: a worker without a
    connection may have answered that ring.
    """
    has_work = not engine.is_idle or recovery.is_any_sending()
    if has_work and not restore_guard.guard().may_send(is_sending=True):
        return  # the clock rings again in a second
    until = time.monotonic() + SLICE_SECONDS
    has_rung = False
    while True:
        served = serve(engine)
        if served.claimed and not has_rung:
            # Ring now, not at the end: another worker may help.
            has_rung = services().doorbell.ring("send")
        if engine.is_idle and not served.has_more_soon:
            return
        left = until - time.monotonic()
        if left <= 0:
            services().doorbell.ring("send")
            return
        _wait(engine, served, min(left, served.wait_seconds, LAUNCH_POLL_SECONDS))


def _wait(engine: Engine, served: Served, seconds: float) -> None:
    """Wait until an account has capacity; a full round over all campaigns is expensive."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        engine.wait_for_results(min(left, SHORT_WAIT_SECONDS))
        if any(engine.room(number) >= SMALLEST_SHARE for number in served.full):
            return


def serve(engine: Engine) -> Served:
    """Give every campaign its share of what its account may send now."""
    served = Served()
    campaigns = recovery.sending()
    engine.keep_shares()
    sharing = Counter(campaign.provider_id or 0 for campaign in campaigns)
    shares = {number: _share(engine.room(number), count) for number, count in sharing.items()}
    for campaign in campaigns:
        number = campaign.provider_id or 0
        now = time.monotonic()
        held = _held.get(campaign.id)
        if shares[number] < SMALLEST_SHARE:
            served.full.add(number)
        elif held is not None and now < held.ask_at:
            served.add(Progress(0, held.due_at - now))
        else:
            served.add(_serve_one(engine, campaign, shares[number]))
    return served


def _share(room: int, campaigns: int) -> int:
    """Return the share of each campaign, but never less than is worth a claim."""
    return max(room // campaigns, min(room, SMALLEST_SHARE))


# --- one campaign ------------------------------------------------------------------------------


def _serve_one(engine: Engine, campaign: Campaign, share: int) -> Progress:
    """Claim what one campaign may send now; `share`: the capacity it may use."""
    account = db.session.get(ProviderAccount, campaign.provider_id or 0, populate_existing=True)
    if account is None:
        return _pause(campaign.id, Reason("status.no_account"))
    now = utcnow()
    groups = _due_groups(campaign.id, now)
    canaries.judge(campaign)
    quotas = canary.allowance(campaign, groups, now=now)
    if not groups:
        return _nothing_due(engine, campaign, account.id)
    if quotas is not None and not any(quotas.values()):
        return Progress(0, canaries.POLL_INTERVAL_SECONDS)
    route = _open_route(engine, campaign, account, now)
    if isinstance(route, Progress):
        return route
    if not route.outbox.account.connections:
        return Progress(0, SHARE_INTERVAL_SECONDS)
    return _fill(engine, campaign, route, _wants(groups, share, quotas))


def _due_groups(campaign_id: int, now: datetime) -> list[str]:
    """Return the mailbox groups that have deliveries due and are not on hold."""
    held = resend.held_groups(campaign_id)
    return [group for group in claims.due_groups(campaign_id, now=now) if group not in held]


def _nothing_due(engine: Engine, campaign: Campaign, provider_id: int) -> Progress:
    """Finish the campaign, unless more of it will become due."""
    if engine.has_batches_of(campaign.id):
        return SOON
    if sender_switch.continue_deferred(campaign, provider_id):
        return SOON
    if completion.is_done(campaign.id):
        with transaction():
            resend.resolve_stamped(campaign.id, now=utcnow())
            completion.finish(campaign.id, now=utcnow())
    return NO_WORK


def _open_route(
    engine: Engine, campaign: Campaign, account: ProviderAccount, now: datetime
) -> Route | Progress:
    """Compile the content and open the outbox; pause the campaign if either is impossible."""
    try:
        keep_renewed_secrets(account)
        compiled = compiled_content(campaign)
        if campaign.provider_id != account.id:
            return SOON  # it has just switched to another sender
        plan = load_plan(account.id, now=now, pace_per_second=campaign.pace_per_second)
        return Route(engine.outbox(account, plan), compiled, plan)
    except (TemplateProblemError, SecretUnreadableError, UnusableAccountError) as error:
        return _pause(campaign.id, unusable(error))


def _wants(
    groups: Collection[str], share: int, quotas: Mapping[str, int] | None
) -> Mapping[str, int]:
    """Divide the share among mailbox groups, so that none is starved."""
    each = -(-share // len(groups))
    if quotas is None:
        return dict.fromkeys(groups, each)
    return {group: min(each, quotas[group]) for group in groups if quotas[group]}


def _fill(engine: Engine, campaign: Campaign, route: Route, wants: Mapping[str, int]) -> Progress:
    """Ask the limiter, and claim as much as it grants."""
    outbox, plan = route.outbox, route.plan
    asked_at = time.monotonic()
    ask = GrantRequest(outbox.provider_id, campaign.id, wants, engine.name, outbox.on_wire())
    grant = limiter().acquire(ask, plan)
    if sender_switch.go_on(campaign, plan, grant):
        return SOON
    if grant.total:
        outbox.pace(campaign.id, grant, asked_at)
    progress = _claim(engine, campaign, route, grant)
    is_limited = all(grant.counts.get(group, 0) < count for group, count in wants.items())
    if not is_limited:  # a group got all that it asked for, and may get more at once
        return progress
    ask_at = asked_at + min(grant.wait_seconds, LONGEST_HOLD_SECONDS)
    _held.store(campaign.id, LimiterHold(ask_at, asked_at + grant.wait_seconds))
    return Progress(progress.claimed, grant.wait_seconds)


def _claim(engine: Engine, campaign: Campaign, route: Route, grant: Grant) -> Progress:
    """Claim as much as was granted, and return the unused rest."""
    outbox = route.outbox
    _explain(campaign, grant)
    outbox.limit_concurrency(grant.counts.keys(), grant.at_once)
    if not grant.total:
        return Progress(0, grant.wait_seconds)
    taken: Mapping[str, int] = {}
    wait = SHORT_WAIT_SECONDS  # other workers have claimed them
    try:
        taken = engine.claim(campaign.id, outbox, route.compiled, grant.counts)
    except OSError as error:
        outages.began("claim", error)
        wait = NO_WORK_SECONDS  # the clock rings again in a second
    else:
        outages.over("claim")
    unused = {group: count - taken.get(group, 0) for group, count in grant.counts.items()}
    limiter().give_back(
        GrantRequest(outbox.provider_id, campaign.id, grant.counts, engine.name), unused
    )
    claimed = sum(taken.values())
    return Progress(claimed, 0.0 if claimed else wait)


def _explain(campaign: Campaign, grant: Grant) -> None:
    """Show why a campaign is slow, while it is. Short waits are not worth a message."""
    holds = {group: hold for group, hold in grant.holds.items() if hold.until}
    reason = banner(holds) if holds else None
    if campaign.status_reason != lifecycle.packed(reason):
        with transaction():
            lifecycle.explain(campaign.id, reason)


def _pause(campaign_id: int, reason: Reason) -> Progress:
    with transaction():
        lifecycle.pause(campaign_id, now=utcnow(), reason=reason)
    return NO_WORK
