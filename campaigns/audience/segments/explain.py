"""Why one person is in a segment or not, rule by rule, with the value that decided."""

from dataclasses import dataclass
from typing import Any

from campaigns.audience.segments import references
from campaigns.audience.segments.leaves import REGISTRY, Context
from campaigns.audience.segments.tree import Group, Rule


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome of a rule for one person. `value` is what decided, for a leaf."""

    rule: Rule
    holds: bool
    value: Any = None
    parts: tuple["Explanation", ...] = ()
    """The outcomes of a group's rules."""


def explain(rule: Rule, subscriber_id: int, context: Context) -> Explanation:
    """Judge every rule for one person. The plain counterpart of `compile.condition`.

    Raises RulesError as that does.
    """
    references.check(rule, context)
    return checked_explanation(rule, subscriber_id, context)


def checked_explanation(rule: Rule, subscriber_id: int, context: Context) -> Explanation:
    """Judge rules that `references.check` has passed."""
    if not isinstance(rule, Group):
        kind = REGISTRY.of(rule)
        value = kind.value(rule, subscriber_id, context)
        return Explanation(rule, kind.holds(rule, value, context), value)
    parts = tuple(checked_explanation(one, subscriber_id, context) for one in rule.rules)
    outcomes = [part.holds for part in parts]
    holds = {"all": all(outcomes), "any": any(outcomes), "none": not any(outcomes)}
    return Explanation(rule, holds[rule.kind], parts=parts)
