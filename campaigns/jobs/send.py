"""Expand a campaign, and send: the jobs that keep the engine busy.

A job works for about a second and rings again while there is more to do. It serves all campaigns
in turn, so that none holds the worker and a pause is felt at once.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from campaigns.campaign import lifecycle
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import Compiled, Content, TemplateProblemError, compile_content
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import canary, claims, recovery, resend
from campaigns.delivery.expand import expand as expand_audience
from campaigns.engine import canary as canaries
from campaigns.engine import restore_guard, sender_switch
from campaigns.engine.engine import SHARE_SECONDS, Engine, Outbox
from campaigns.engine.limiter import buckets
from campaigns.engine.signing import Signing, signing_for
from campaigns.jobs import runtime
from campaigns.jobs.refresh import keep_newest_token
from campaigns.jobs.runtime import job
from campaigns.outages import outages
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError
from campaigns.throttling.hold_reasons import banner
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Ask, Grant

log = structlog.get_logger()

SLICE_SECONDS = 1.0
SHORT_WAIT_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""So often is looked for campaigns that were launched or resumed meanwhile."""
LONGEST_TRUST_SECONDS = 0.5
"""How long a campaign is not asked for again that a limit holds back; limits can be changed."""
FEWEST = 5
"""A smaller share of the room is not worth a claim."""
DRAIN_SECONDS = 6.0


@job("expand")
def expand(campaign_id: int) -> None:
    """Freeze the audience of a campaign that is `preparing`, then ring for its sending."""
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None or campaign.status != "preparing":
        return
    if not restore_guard.guard().may_send(is_sending=True):
        return  # the clock rings again in a second
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    if campaign.status != "preparing":
        return
    try:
        compiled = _compiled(campaign)
    except (TemplateProblemError, SecretUnreadableError) as error:
        # Launching checks this; it can still happen when something around it changed since.
        with transaction():
            lifecycle.return_to_draft(campaign_id, now=utcnow(), reason=_unusable(error))
        return
    with transaction():
        done = expand_audience(campaign_id, links=compiled.links, now=utcnow())
    if done:
        services().doorbell.ring("send")


@job("send")
def send() -> None:
    """Serve every campaign that is being sent, for one slice of time.

    Who leaves while there is something to do soon rings, whatever was rung before: that may have
    been answered meanwhile by a worker to which no connection is lent.
    """
    engine = the_engine()
    is_anything = not engine.is_idle or recovery.is_any_sending()
    if is_anything and not restore_guard.guard().may_send(is_sending=True):
        return  # the clock rings again in a second
    until = time.monotonic() + SLICE_SECONDS
    has_rung = False
    while True:
        served = serve(engine)
        if served.claimed and not has_rung:
            # Now, not at the end: another worker may want to help.
            has_rung = services().doorbell.ring("send")
        if engine.is_idle and not served.has_more_soon:
            return
        left = until - time.monotonic()
        if left <= 0:
            services().doorbell.ring("send")
            return
        _wait(engine, served, min(left, served.wait_seconds, LOOK_SECONDS))


def _wait(engine: Engine, served: "Served", seconds: float) -> None:
    """So long, or until an account has room again. A round over all campaigns is dear."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        engine.wait_for_news(min(left, SHORT_WAIT_SECONDS))
        if any(engine.room(number) >= FEWEST for number in served.full):
            return


@dataclass(slots=True)
class Served:
    """What one round over all campaigns brought, and when the next may bring something."""

    claimed: int = 0
    wait_seconds: float = 3600.0
    full: set[int] = field(default_factory=set)
    """Accounts without room."""

    @property
    def has_more_soon(self) -> bool:
        return bool(self.claimed or self.full or self.wait_seconds <= SLICE_SECONDS)


def serve(engine: Engine) -> Served:
    """Give every campaign its share of what its account may send now."""
    served = Served()
    campaigns = recovery.sending()
    engine.keep_shares()
    sharing = Counter(campaign.provider_id or 0 for campaign in campaigns)
    shares = {number: _share(engine.room(number), count) for number, count in sharing.items()}
    for campaign in campaigns:
        number = campaign.provider_id or 0
        if shares[number] < FEWEST:
            served.full.add(number)
            continue
        now = time.monotonic()
        ask_at, due_at = _told_to_wait.get(campaign.id, (0.0, 0.0))
        if now < ask_at:
            served.wait_seconds = min(served.wait_seconds, due_at - now)
            continue
        claimed, wait = _serve_one(engine, campaign, shares[number])
        served.claimed += claimed
        served.wait_seconds = min(served.wait_seconds, wait)
    return served


NEVER = 3600.0


def _share(room: int, campaigns: int) -> int:
    """What each may fill. So many campaigns that none got enough would all stand still."""
    return max(room // campaigns, min(room, FEWEST))


def _serve_one(engine: Engine, campaign: Campaign, share: int) -> tuple[int, float]:
    """(deliveries claimed, seconds until there may be something to claim) of a campaign."""
    account = db.session.get(ProviderAccount, campaign.provider_id or 0, populate_existing=True)
    if account is None:
        return _pause(campaign.id, Reason("status.no_account"))
    now = utcnow()
    kept_back = resend.held_groups(campaign.id)
    groups = [group for group in claims.due_groups(campaign.id, now=now)
              if group not in kept_back]  # fmt: skip
    canaries.judge(campaign)
    allowed = canary.allowance(campaign, groups, now=now)
    if not groups:
        if engine.has_batches_of(campaign.id):
            return 0, SHORT_WAIT_SECONDS
        if sender_switch.go_on_with_put_off(campaign, account.id):
            return 0, SHORT_WAIT_SECONDS
        _finish(campaign.id)
        return 0, NEVER
    if allowed is not None and not any(allowed.values()):
        return 0, canaries.LOOK_SECONDS
    try:
        keep_newest_token(account)
        compiled = _compiled(campaign)
        if campaign.provider_id != account.id:
            return 0, SHORT_WAIT_SECONDS  # a moment ago it went on from another address
        plan = load_plan(account.id, now=now, pace_per_second=campaign.pace_per_second)
        outbox = engine.outbox(account, plan)
    except (TemplateProblemError, SecretUnreadableError) as error:
        return _pause(campaign.id, _unusable(error))
    if not outbox.connections:
        return 0, SHARE_SECONDS
    # Every mailbox group gets its share: no provider's mail stands before all the others'.
    wants = dict.fromkeys(groups, -(-share // len(groups)))
    if allowed is not None:
        wants = {
            group: min(count, allowed[group]) for group, count in wants.items() if allowed[group]
        }
    asked_at = time.monotonic()
    grant = buckets().acquire(
        Ask(account.id, campaign.id, wants, engine.name, outbox.on_wire()), plan
    )
    if sender_switch.go_on(campaign, plan, grant):
        return 0, SHORT_WAIT_SECONDS
    if grant.total:
        outbox.pace(campaign.id, grant, asked_at)
    claimed, wait = _claim(engine, campaign, outbox, compiled, grant)
    is_short = all(grant.counts.get(group, 0) < count for group, count in wants.items())
    if not is_short:  # who got all that was asked for may have more at once
        return claimed, wait
    ask_at = asked_at + min(grant.wait_seconds, LONGEST_TRUST_SECONDS)
    _keep(_told_to_wait, campaign.id, (ask_at, asked_at + grant.wait_seconds))
    return claimed, grant.wait_seconds


def _claim(
    engine: Engine, campaign: Campaign, outbox: Outbox, compiled: Compiled, grant: Grant
) -> tuple[int, float]:
    """Claim what was granted, and return what was not used."""
    _explain(campaign, grant)
    outbox.limit_at_once(grant.counts.keys(), grant.at_once)
    if not grant.total:
        return 0, grant.wait_seconds
    taken: Mapping[str, int] = {}
    wait = SHORT_WAIT_SECONDS  # others were faster
    try:
        taken = engine.claim(campaign.id, outbox, compiled, grant.counts)
    except OSError as error:
        outages.began("claim", error)
        wait = NEVER  # the clock rings again in a second
    else:
        outages.over("claim")
    unused = {group: count - taken.get(group, 0) for group, count in grant.counts.items()}
    ask = Ask(outbox.provider_id, campaign.id, grant.counts, engine.name)
    buckets().give_back(ask, unused)
    claimed = sum(taken.values())
    return claimed, 0.0 if claimed else wait


def _explain(campaign: Campaign, grant: Grant) -> None:
    """Say why a campaign is slow, as long as it is; short waits are not worth telling."""
    holds = {group: hold for group, hold in grant.holds.items() if hold.until}
    reason = banner(holds) if holds else None
    if campaign.status_reason != lifecycle.packed(reason):
        with transaction():
            lifecycle.explain(campaign.id, reason)


def _unusable(error: TemplateProblemError | SecretUnreadableError) -> Reason:
    """Return why a campaign cannot be sent as it is."""
    if isinstance(error, TemplateProblemError):
        return Reason("status.content_problem", {"problem": str(error)})
    return Reason("status.secret_unreadable", {"problem": str(error)})


def _pause(campaign_id: int, reason: Reason) -> tuple[int, float]:
    with transaction():
        lifecycle.pause(campaign_id, now=utcnow(), reason=reason)
    return 0, NEVER


def _finish(campaign_id: int) -> None:
    if lifecycle.is_done(campaign_id):
        with transaction():
            resend.resolve_stamped(campaign_id, now=utcnow())
            lifecycle.finish(campaign_id, now=utcnow())


# --- what a worker process keeps between jobs -------------------------------------------------

_engine: Engine | None = None
_compiled_contents: dict[int, tuple[tuple[Content, Signing | None], Compiled]] = {}
_told_to_wait: dict[int, tuple[float, float]] = {}
"""Campaigns that a limit holds back: when to ask again, and when it said that there is more."""
KEPT = 8
T = TypeVar("T")


def the_engine() -> Engine:
    """The engine of this process, made on first use."""
    global _engine
    if _engine is None:
        _engine = Engine(runtime.app())
    return _engine


def _compiled(campaign: Campaign) -> Compiled:
    """The campaign's compiled content; compiled again only when anything of it changed.

    Raises TemplateProblemError, SecretUnreadableError.
    """
    content = content_of(campaign, base_url=services().settings.base_url)
    signing = signing_for(content.sender_address, services().vault)
    kept = _compiled_contents.get(campaign.id)
    if kept is not None and kept[0] == (content, signing):
        return kept[1]
    compiled = compile_content(content, services().signer, signing)
    _keep(_compiled_contents, campaign.id, ((content, signing), compiled))
    return compiled


def _keep(cache: dict[int, T], key: int, value: T) -> None:
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > KEPT:
        cache.pop(next(iter(cache)))


def forget(*, drain_seconds: float = 0.0) -> None:
    """Close what is kept (at the end of a worker, and between tests)."""
    global _engine
    if _engine is not None:
        _engine.close(drain_seconds=drain_seconds)
    _engine = None
    _compiled_contents.clear()
    _told_to_wait.clear()
    canaries.forget()
