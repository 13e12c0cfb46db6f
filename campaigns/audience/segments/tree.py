"""The rules of a segment: groups of rules, and leaves.

Stored form: {"version": 1, "root": {"kind": "all", "rules": [...]}}, where a rule is a group (kind
all, any or none) or a leaf of a registered kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from campaigns.audience.segments.leaves import REGISTRY, Leaf, Use
from campaigns.reason import ReasonError

VERSION = 1
MAX_DEPTH = 4
"""Levels of groups, counting the root."""
MAX_LEAVES = 100
GROUPS = ("all", "any", "none")


class RulesError(ReasonError):
    """These rules cannot be used. `field` is the path of the rule, such as "0-2"."""


class Group(BaseModel):
    """Rules joined by all, any or none. An empty group holds for everyone (`any`: for no one)."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["all", "any", "none"] = "all"
    rules: tuple["Group | Leaf", ...] = ()


Rule = Group | Leaf


def parse(stored: Mapping[str, Any]) -> Group:
    """Return the rules of the stored form. Raises RulesError, which names the rule at fault."""
    if stored.get("version") != VERSION:
        raise RulesError("segments.newer_version")
    counted = [0]
    found = _rule(stored.get("root"), depth=1, path=(), counted=counted)
    if not isinstance(found, Group):
        raise RulesError("segments.malformed")
    return found


def _rule(stored: object, *, depth: int, path: tuple[int, ...], counted: list[int]) -> Rule:
    at = "-".join(map(str, path))
    if not isinstance(stored, Mapping):
        raise RulesError("segments.malformed", field=at)
    kind = stored.get("kind")
    if kind in GROUPS:
        return _group(stored, depth=depth, path=path, counted=counted)
    found = REGISTRY.find(kind) if isinstance(kind, str) else None
    if found is None:
        raise RulesError("segments.unknown_rule", field=at, kind=str(kind)[:40])
    counted[0] += 1
    if counted[0] > MAX_LEAVES:
        raise RulesError("segments.too_many_rules", field=at, most=MAX_LEAVES)
    try:
        leaf: Leaf = found.model.model_validate(stored)
    except ValidationError as error:
        raise _misfit(error, at) from None
    return leaf


def _group(
    stored: Mapping[str, Any], *, depth: int, path: tuple[int, ...], counted: list[int]
) -> Group:
    at = "-".join(map(str, path))
    if depth > MAX_DEPTH:
        raise RulesError("segments.too_deep", field=at, most=MAX_DEPTH)
    rules = stored.get("rules", ())
    if not isinstance(rules, list | tuple) or stored.keys() - {"kind", "rules"}:
        raise RulesError("segments.malformed", field=at)
    return Group(
        kind=stored["kind"],
        rules=tuple(
            _rule(one, depth=depth + 1, path=(*path, index), counted=counted)
            for index, one in enumerate(rules)
        ),
    )


def _misfit(error: ValidationError, at: str) -> RulesError:
    """Translate the first problem; a leaf's own validator raises ReasonError."""
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ReasonError):
        return RulesError(cause.reason.code, field=at, **cause.reason.params)
    name = ".".join(str(part) for part in first["loc"]) or "kind"
    return RulesError("segments.bad_value", field=at, name=name)


def stored(root: Group) -> dict[str, Any]:
    """Return the stored form."""
    return {"version": VERSION, "root": _stored(root)}


def _stored(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Group):
        return {"kind": rule.kind, "rules": [_stored(one) for one in rule.rules]}
    return rule.model_dump(mode="json", by_alias=True)


def leaves(rule: Rule) -> Iterator[Leaf]:
    """Yield every leaf, from left to right."""
    if isinstance(rule, Leaf):
        yield rule
        return
    for one in rule.rules:
        yield from leaves(one)


def uses(rule: Rule) -> set[Use]:
    """Return everything that the rules refer to directly."""
    return {use for leaf in leaves(rule) for use in REGISTRY.of(leaf).uses(leaf)}
