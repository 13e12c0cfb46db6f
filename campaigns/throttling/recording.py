"""After a batch: what it says about the speed of the next ones."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.mailbox_providers import OTHER
from campaigns.throttling import rules, warm_up
from campaigns.throttling.plan import Limiter
from campaigns.throttling.rules import Action, Reply, RuleBook

NO_GROUP = (rules.ACCOUNT, OTHER)
"""What a server of these says is about the account, or about a single small domain."""
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
    """Learn from how a batch to one mailbox group went. Returns what the reply rules did.

    `replies`: what was said instead of "taken", with how many got it. `domains`, `book`: see
    `rules.apply`. The rest is the limiter's: see `tell`, after the commit.
    """
    today = now.astimezone(workspace_zone()).date()
    if sent:
        warm_up.note(provider_id, group, today, is_bad=False)
    actions = rules.apply(provider_id, group, replies, now=now, domains=domains, book=book)
    # A quota that is used up says nothing about how welcome the mail is.
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
