"""Adapt send rates to the results of a batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.mailbox_providers import OTHER
from campaigns.throttling import rules, warm_up
from campaigns.throttling.plan import Limiter
from campaigns.throttling.rules import Action, Reply, RuleBook

NO_GROUP = (rules.ACCOUNT, OTHER)
"""Not mailbox providers: replies concern the account, or a single small domain."""
BAD_SIGNS = frozenset({"suspend", "pause_campaign", "pause_provider"})


def recorded(
    provider_id: int,
    group: str,
    *,
    sent: int,
    replies: Sequence[Reply],
    now: datetime,
    domains: Mapping[tuple[int, str], Collection[str]] | None = None,
    book: RuleBook | None = None,
) -> list[Action]:
    """Learn from the results of a batch to one mailbox group. Returns what the reply rules did.

    `replies`: refusals and delays, with their counts. `domains`, `book`: see `rules.apply`. After
    the commit, call `tell` for the limiter.
    """
    today = now.astimezone(workspace_zone()).date()
    if sent:
        warm_up.note(provider_id, group, today, is_bad=False)
    actions = rules.apply(provider_id, group, replies, now=now, domains=domains, book=book)
    # A used-up quota says nothing about how welcome the email is.
    if any(action.rule.act in BAD_SIGNS and action.group not in NO_GROUP for action in actions):
        warm_up.note(provider_id, group, today, is_bad=True)
    return actions


def tell(
    limiter: Limiter,
    provider_id: int,
    group: str,
    *,
    sent: int,
    throttled: int,
    actions: Sequence[Action] = (),
) -> None:
    """Let the limiter learn from a batch, and from the rules that halve."""
    limiter.feedback(provider_id, group, sent, throttled)
    for action in actions:
        if action.rule.act == "halve" and action.group != OTHER:
            limiter.feedback(provider_id, action.group, 0, action.count)
