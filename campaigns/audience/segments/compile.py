"""Compile rules to one SQL condition about `Subscriber`, with bound values."""

from collections.abc import Iterator

import sqlalchemy as sa

from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import REGISTRY, Condition, Context, Leaf
from campaigns.audience.segments.tree import Group, Rule, leaves, parse


def condition(rule: Rule, context: Context) -> Condition:
    """Return the condition that a subscriber is in. Never NULL, so NOT is its opposite.

    Raises RulesError if the rules refer to something that was deleted, or do not fit a field.
    """
    references.check(rule, context)
    return checked_condition(rule, context)


def checked_condition(rule: Rule, context: Context) -> Condition:
    """Return the condition of rules that `references.check` has passed."""
    if not isinstance(rule, Group):
        return REGISTRY.of(rule).condition(rule, context)
    parts = [checked_condition(one, context) for one in rule.rules]
    if rule.kind == "all":
        return sa.and_(sa.true(), *parts)
    matched = sa.or_(sa.false(), *parts)
    return sa.not_(matched) if rule.kind == "none" else matched


def is_behaviour(rule: Rule, context: Context) -> bool:
    """Return whether the rules, or those of a segment they refer to, read deliveries or events."""
    return any(REGISTRY.of(leaf).is_behaviour for leaf in all_leaves(rule, context))


def all_leaves(rule: Rule, context: Context) -> Iterator[Leaf]:
    """Yield every leaf, also those of the segments that the rules refer to, each segment once."""
    seen: set[str | int] = set()
    waiting = [rule]
    while waiting:
        for leaf in leaves(waiting.pop()):
            yield leaf
            for use in REGISTRY.of(leaf).uses(leaf):
                if use.what == "segment" and use.key not in seen:
                    seen.add(use.key)
                    waiting.append(parse(context.segments[int(use.key)]))
