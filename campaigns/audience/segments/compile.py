"""Compile rules to one SQL condition about `Subscriber`, with bound values."""

import sqlalchemy as sa

from campaigns.audience.segments.leaves import REGISTRY, Condition, Context
from campaigns.audience.segments.tree import Group, Rule, leaves


def condition(rule: Rule, context: Context) -> Condition:
    """Return the condition that a subscriber is in. Never NULL, so NOT is its opposite."""
    if not isinstance(rule, Group):
        return REGISTRY.of(rule).condition(rule, context)
    parts = [condition(one, context) for one in rule.rules]
    if rule.kind == "all":
        return sa.and_(sa.true(), *parts)
    matched = sa.or_(sa.false(), *parts)
    return sa.not_(matched) if rule.kind == "none" else matched


def is_behaviour(rule: Rule) -> bool:
    """Return whether the rules read deliveries or events."""
    return any(REGISTRY.of(leaf).is_behaviour for leaf in leaves(rule))
