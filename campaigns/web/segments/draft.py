"""The rules in the form of the builder, whether or not they can be used yet.

The form is the state. Each rule and group has an id, which stays while it moves. The inputs named
"node" hold the ids in order, each with that of its group: "n4/n1".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from werkzeug.datastructures import MultiDict

from campaigns.audience.segments import references, tree
from campaigns.audience.segments.leaves import REGISTRY, Context, Leaf
from campaigns.audience.segments.tree import GROUPS, MAX_DEPTH, Group, RulesError
from campaigns.reason import Reason, ReasonError
from campaigns.web.segments.names import RuleNames
from campaigns.web.segments.subjects import Input, RuleSubject, attribute, of_leaf

MAX_NODES = 300
MAX_SHOWN = 20_000
"""Size of the longest rule that is shown, in characters of JSON."""

Stored = dict[str, Any]


@dataclass
class Node:
    """A group or a rule in the form.

    `stored`: a rule in its stored form, {} before anything was chosen. `is_unknown`: no subject
    fits the rule, so it can only be removed.
    """

    id: str
    join: str = ""
    """all, any or none; empty for a rule."""
    stored: Stored = field(default_factory=dict)
    parts: list["Node"] = field(default_factory=list)
    is_unknown: bool = False
    problem: Reason | None = None
    depth: int = 1
    """Level of a group, from 1."""

    @property
    def can_nest(self) -> bool:
        """Whether a group may be added to this group."""
        return self.depth < MAX_DEPTH

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below it, in order."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def to_stored(self) -> Stored:
        """Return the stored form, which may not be usable."""
        if not self.join:
            return self.stored
        return {"kind": self.join, "rules": [part.to_stored() for part in self.parts]}


@dataclass
class RulesDraft:
    """The rules in the form. `subjects`: what rules can be about."""

    root: Node
    subjects: Mapping[str, RuleSubject]

    def subject(self, node: Node) -> RuleSubject | None:
        """Return what a rule is about; None if nothing was chosen or it is unknown."""
        found = of_leaf(node.stored, self.subjects)
        if found is None and node.stored.get("kind") == "field" and not node.is_unknown:
            return attribute(str(node.stored.get("key", "")))
        return found

    def op(self, node: Node) -> str:
        """Return the operator of a rule; the first one if it does not fit the subject."""
        subject = self.subject(node)
        if subject is None:
            return ""
        op = str(node.stored.get(subject.op_name, ""))
        return op if op in subject.ops else next(iter(subject.ops), "")

    def inputs(self, node: Node) -> list[tuple[Input, str, list[str]]]:
        """Return the inputs of a rule: what they are, their name, and their texts."""
        subject = self.subject(node)
        if subject is None:
            return []
        return [
            (one, _input_name(node.id, one), one.shown(node.stored.get(one.name)))
            for one in subject.inputs(self.op(node))
            if not one.unless[0] or node.stored.get(one.unless[0]) != one.unless[1]
        ]

    def find(self, node_id: str) -> tuple[Node | None, Node | None]:
        """Return a node and its group."""
        for group in self.root.walk():
            for part in group.parts:
                if part.id == node_id:
                    return part, group
        return (self.root, None) if self.root.id == node_id else (None, None)

    def has_blank(self) -> bool:
        """Return whether something is still to be chosen or typed in a rule."""
        return any(self.is_blank(node) for node in self.root.walk() if not node.join)

    def has_problem(self) -> bool:
        """Return whether something is wrong in a rule."""
        return any(node.problem for node in self.root.walk())

    def is_blank(self, node: Node) -> bool:
        """Return whether a rule lacks what it needs, so far without anything wrong in it."""
        if node.is_unknown:
            return False
        if self.subject(node) is None:
            return True
        needed = [shown for one, _, shown in self.inputs(node) if _is_needed(one)]
        return any(not any(texts) for texts in needed)

    def parse(self) -> Group:
        """Return the rules. Raises RulesError."""
        return tree.parse({"version": tree.VERSION, "root": self.root.to_stored()})


def _is_needed(one: Input) -> bool:
    return one.type != "hidden" and not one.is_optional and one.name != "campaigns"


# --- From the stored form


def from_stored(stored: Mapping[str, Any], subjects: Mapping[str, RuleSubject]) -> RulesDraft:
    """Return the form of stored rules, also of those that can no longer be used."""
    root = stored.get("root")
    if stored.get("version") != tree.VERSION or not isinstance(root, Mapping):
        unknown = Node("n2", stored={"kind": "?"}, is_unknown=True)
        unknown.problem = Reason("segments.newer_version")
        return RulesDraft(Node("n1", "all", parts=[unknown]), subjects)
    if root.get("kind") not in GROUPS:
        root = {"kind": "all", "rules": [root]}
    return RulesDraft(_node(root, 1, count(1), subjects), subjects)


def _node(
    stored: object, depth: int, numbers: Iterator[int], subjects: Mapping[str, RuleSubject]
) -> Node:
    node_id = f"n{next(numbers)}"
    if not isinstance(stored, Mapping):
        return Node(node_id, stored={"kind": "?"}, is_unknown=True)
    kind, rules = stored.get("kind"), stored.get("rules", ())
    if kind in GROUPS and depth <= MAX_DEPTH and isinstance(rules, list | tuple):
        parts = [_node(one, depth + 1, numbers, subjects) for one in rules[: MAX_NODES // 2]]
        return Node(node_id, str(kind), parts=parts, depth=depth)
    is_large = len(json.dumps(stored, default=str)) > MAX_SHOWN
    if kind in GROUPS or is_large:
        code = "segments.too_large" if is_large else "segments.too_deep"
        problem = Reason(code, {"most": MAX_DEPTH})
        return Node(node_id, stored={"kind": str(kind)[:40]}, is_unknown=True, problem=problem)
    known = not stored or of_leaf(stored, subjects) is not None or kind == "field"
    return Node(node_id, stored=_complete(stored) if known else dict(stored), is_unknown=not known)


def _complete(stored: Mapping[str, Any]) -> Stored:
    """Return a rule with the defaults of what it leaves out, if it can be used."""
    try:
        return _one_rule(stored).model_dump(mode="json", by_alias=True)
    except RulesError:
        return dict(stored)


def _one_rule(stored: Mapping[str, Any]) -> Leaf:
    """Return a rule. Raises RulesError."""
    root = tree.parse({"version": tree.VERSION, "root": {"kind": "all", "rules": [stored]}})
    leaf = root.rules[0]
    if not isinstance(leaf, Leaf):
        raise RulesError("segments.malformed")
    return leaf


# --- From the form


def from_form(form: MultiDict[str, str], subjects: Mapping[str, RuleSubject]) -> RulesDraft:
    """Read the form. Input that no builder sends is ignored."""
    nodes: dict[str, Node] = {}
    root = Node("n1", _join(form, "n1"))
    nodes[root.id] = root
    for entry in form.getlist("node")[:MAX_NODES]:
        node_id, _, group_id = entry.partition("/")
        group = nodes.get(group_id)
        if group is None or not group.join or node_id in nodes or not _is_id(node_id):
            continue
        node = _read(form, node_id, group, subjects)
        group.parts.append(node)
        nodes[node_id] = node
    return RulesDraft(root, subjects)


def _is_id(node_id: str) -> bool:
    return re.fullmatch(r"n[0-9]{1,6}", node_id) is not None


def _join(form: MultiDict[str, str], node_id: str) -> str:
    join = form.get(f"{node_id}.join", "all")
    return join if join in GROUPS else "all"


def _read(
    form: MultiDict[str, str], node_id: str, group: Node, subjects: Mapping[str, RuleSubject]
) -> Node:
    if f"{node_id}.join" in form and group.can_nest:
        return Node(node_id, _join(form, node_id), depth=group.depth + 1)
    if f"{node_id}.unknown" in form:
        stored = read_json(form[f"{node_id}.unknown"][:MAX_SHOWN]) or {"kind": "?"}
        return Node(node_id, stored=stored, is_unknown=True)
    what = form.get(f"{node_id}.what", "")
    subject = subjects.get(what)
    if subject is None and what.startswith("field:"):
        subject = attribute(what.removeprefix("field:"))
    return Node(node_id, stored=_leaf(form, node_id, subject) if subject else {})


def _leaf(form: MultiDict[str, str], node_id: str, subject: RuleSubject) -> Stored:
    op = form.get(f"{node_id}.op", "")
    op = op if op in subject.ops else next(iter(subject.ops), "")
    stored = {**subject.fixed, **({subject.op_name: op} if op else {})}
    for one in subject.inputs(op):
        name = _input_name(node_id, one)
        typed = form.getlist(name)
        if name not in form and one.type != "options":
            typed = [one.default()]
        stored[one.name] = one.read(typed)
    return stored


def _input_name(node_id: str, one: Input) -> str:
    return f"{node_id}.{one.name}.{one.type}"


def read_json(text: str) -> Stored | None:
    """Return a JSON object; None for anything else, and for text that no page can show."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # fails for half a surrogate pair
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


# --- Change


def act(draft: RulesDraft, action: str) -> tuple[str, str]:
    """Carry out "add_rule:n1" and the like. Returns (what happened, id of the node to focus)."""
    name, _, node_id = action.partition(":")
    node, group = draft.find(node_id)
    if node is None:
        return "", ""
    if name in {"add_rule", "add_group"} and node.join:
        return name, _add(draft, node, is_group=name == "add_group" and node.can_nest)
    if group is None:
        return "", ""
    at = group.parts.index(node)
    if name == "remove":
        group.parts.remove(node)
        beside = group.parts[min(at, len(group.parts) - 1)] if group.parts else group
        return "remove", beside.id
    to = {"up": at - 1, "down": at + 1}.get(name, -1)
    if 0 <= to < len(group.parts):
        group.parts.insert(to, group.parts.pop(at))
        return name, node.id
    return "", node.id


def _add(draft: RulesDraft, group: Node, *, is_group: bool) -> str:
    """Append a rule, or a group with a rule, and return the id of that rule."""
    last = max(int(node.id[1:]) for node in draft.root.walk())
    rule = Node(f"n{last + 1}")
    if is_group:
        other = "any" if group.join == "all" else "all"
        inner = Node(f"n{last + 2}", other, depth=group.depth + 1, parts=[rule])
        group.parts.append(inner)
    else:
        group.parts.append(rule)
    return rule.id


# --- Check


def check(
    draft: RulesDraft,
    names: RuleNames,
    context: Context,
    *,
    segment_id: int = 0,
    with_blanks: bool = False,
) -> Group | None:
    """Note the problem of each rule in the form; return the rules if there is none.

    `segment_id`: the segment that the rules will replace, which they must not refer to.
    `with_blanks`: a rule in which something is still to be chosen is a problem, too.
    """
    for node in draft.root.walk():
        if node.join or node.problem is not None:
            continue
        if draft.is_blank(node):
            if with_blanks:
                node.problem = Reason("segments.blank_rule")
            continue
        node.problem = _problem(node, names, context, segment_id)
    if draft.has_blank() or any(node.problem for node in draft.root.walk()):
        return None
    try:
        root = draft.parse()
        references.check(root, context)
    except RulesError as error:
        _at(draft.root, error.field).problem = error.reason
        return None
    return root


def _problem(node: Node, names: RuleNames, context: Context, segment_id: int) -> Reason | None:
    try:
        check_leaf(_one_rule(node.stored), names, context, segment_id)
    except ReasonError as error:
        return error.reason
    return None


def check_leaf(leaf: Leaf, names: RuleNames, context: Context, segment_id: int = 0) -> None:
    """Raise ReasonError if what a rule refers to was deleted, or does not fit."""
    kind = REGISTRY.of(leaf)
    for use in kind.uses(leaf):
        if not names.knows(use):
            raise RulesError(_DELETED[use.what])
        if use.what == "segment":
            _check_segment(leaf, int(use.key), names, context, segment_id)
    kind.check(leaf, context)


def _check_segment(
    leaf: Leaf, used: int, names: RuleNames, context: Context, segment_id: int
) -> None:
    """Raise ReasonError for a segment that leads back to the edited one, or that is unusable."""
    edited = {**context.segments, segment_id: tree.stored(Group(rules=(leaf,)))}
    if chain := references.cycle(segment_id, edited):
        path = " → ".join(names.segments.get(str(one), "") for one in chain)
        raise RulesError("segments.cycle", path=path)
    try:
        is_broken = references.is_broken(used, context.segments)
    except RulesError:
        is_broken = True
    if is_broken or references.cycle(used, context.segments):
        raise RulesError("segments.broken_segment", name=names.segments[str(used)])


_DELETED = {
    "list": "segments.deleted_list",
    "tag": "segments.deleted_tag",
    "segment": "segments.deleted_segment",
    "import": "segments.deleted_import",
    "campaign": "segments.deleted_campaign",
}


def _at(root: Node, path: str) -> Node:
    """Return the node at a path such as "0-2", or the last one on the way there."""
    node = root
    for step in filter(None, path.split("-")):
        if int(step) >= len(node.parts):
            break
        node = node.parts[int(step)]
    return node
