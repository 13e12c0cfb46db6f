"""Check the parsed template against an allow-list.

This is the first of two defences; `environment` is the second, at run time.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from campaigns.content.html.tokens import Guarded
from campaigns.content.merge_tags import equivalent_of, is_field
from campaigns.content.templating import filters, limits
from campaigns.content.templating.environment import PLAIN
from campaigns.content.templating.problems import Field, Problem, found
from campaigns.reason import Reason

MAX_PROBLEMS = 20
MAX_SEGMENTS = 32
"""Number of segments that content may name: each takes a bit of every delivery."""
SEGMENTS = "in_segment"
"""The name under which content asks for a segment, as in `in_segment["public id"]`."""
_SHOWN_FIELDS = 30
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Available:
    """The merge tags of a template: names, and the fields of groups.

    `attributes` are the subscriber attributes in use; None: unknown, so do not warn. `segments`
    are the public ids of the segments that content may name; None: any.
    """

    groups: Mapping[str, frozenset[str]]
    names: frozenset[str]
    attributes: frozenset[str] | None = None
    segments: frozenset[str] | None = None

    def all(self) -> list[str]:
        """Return every merge tag as written in templates."""
        fields = [f"{group}.{name}" for group, names in self.groups.items() for name in names]
        extra = [f"subscriber.{name}" for name in self.attributes or ()]
        return sorted({*fields, *extra, *self.names} - {"subscriber.attributes"})

    def nearest(self, name: str) -> str:
        """Return the merge tag that is probably meant; "" if none is close."""
        known = self.all()
        meant = [entry for entry in known if _bare(entry) == _bare(name)]
        if meant:
            return min(meant, key=lambda entry: not entry.startswith("subscriber."))
        if is_field(name) and (equivalent := equivalent_of(name).strip("{} ")) in known:
            return equivalent
        short = {entry.rpartition(".")[2]: entry for entry in reversed(known)}
        near = difflib.get_close_matches(name.rpartition(".")[2], list(short), 1, 0.7)
        return short[near[0]] if near else ""


def _bare(name: str) -> str:
    """Return the last part of a name as it would be said: `contact.FirstName` is `firstname`."""
    return re.sub(r"[\W_]", "", name.rpartition(".")[2]).lower()


# --- parsing ---------------------------------------------------------------------------------


def parse(field: Field, guarded: Guarded, source: str) -> nodes.Template | Problem:
    """Parse a template, or return why it cannot be parsed."""
    if (too_much := _too_much(field, guarded, source)) is not None:
        return too_much
    try:
        return PLAIN.parse(source)
    except TemplateSyntaxError as error:
        tripled = next((token for token in guarded.tokens if token.has_three_braces), None)
        if tripled:
            return found(field, tripled.line, "template.three_braces")
        return syntax_problem(field, error)
    except RecursionError:
        return found(field, 0, "template.too_deep")
    except ValueError:  # a number with thousands of digits
        return found(field, 0, "template.number_too_large", most=limits.MAX_NUMBER)


def _too_much(field: Field, guarded: Guarded, source: str) -> Problem | None:
    if len(source) > limits.MAX_SOURCE:
        return found(field, 0, "template.source_too_long", kilobytes=limits.MAX_SOURCE // 1024)
    if len(guarded.tokens) > limits.MAX_TAGS:
        return found(field, 0, "template.too_many_tags", most=limits.MAX_TAGS)
    total = 0
    for token in guarded.tokens:
        if token.keyword in {"raw", "endraw"}:
            return found(field, token.line, "template.raw")
        if token.kind != "comment":
            total += len(token.source)
            if len(token.source) > limits.MAX_TAG:
                return found(field, token.line, "template.tag_too_long", most=limits.MAX_TAG)
    if total > limits.MAX_TAG_TOTAL:
        return found(field, 0, "template.tags_too_long", kilobytes=limits.MAX_TAG_TOTAL // 1000)
    return None


_SYNTAX = (
    ("Unexpected end of template", "template.block_not_closed"),
    ("unexpected end of template", "template.tag_not_closed"),
    ("unexpected char", "template.unexpected_character"),
    ("Expected an expression, got 'end of print", "template.empty_field"),
    ("Missing end of comment tag", "template.comment_not_closed"),
)
"""The beginnings of Jinja's messages, and their codes."""
_UNKNOWN_TAG = re.compile(r"Encountered unknown tag '(.{1,80}?)'")


def syntax_problem(field: Field, error: TemplateSyntaxError) -> Problem:
    """Return the problem for a syntax error of Jinja."""
    message = error.message or ""
    if unknown := _UNKNOWN_TAG.match(message):
        return found(field, error.lineno, "template.unknown_tag", tag=unknown[1])
    for start, code in _SYNTAX:
        if message.startswith(start):
            return found(field, error.lineno, code)
    detail = message[:1].upper() + message[1:200].rstrip(".")
    return found(field, error.lineno, "template.syntax", detail=detail)


# --- the rules of each node ------------------------------------------------------------------

_PLAIN: frozenset[type[nodes.Node]] = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.If,
        nodes.CondExpr,
        nodes.And,
        nodes.Or,
        nodes.Not,
        nodes.Operand,
        nodes.Add,
        nodes.Sub,
        nodes.Mul,
        nodes.Div,
        nodes.FloorDiv,
        nodes.Mod,
        nodes.Neg,
        nodes.Pos,
        nodes.Concat,
        nodes.Keyword,
    }
)
"""Nodes that are always allowed."""

_REFUSED: dict[type[nodes.Node], Reason] = {
    nodes.Call: Reason("template.call"),
    nodes.Macro: Reason("template.no_macro", {"tag": "macro"}),
    nodes.CallBlock: Reason("template.no_macro", {"tag": "call"}),
    nodes.Import: Reason("template.no_import", {"tag": "import"}),
    nodes.FromImport: Reason("template.no_import", {"tag": "from"}),
    nodes.Include: Reason("template.no_import", {"tag": "include"}),
    nodes.Extends: Reason("template.no_extends"),
    nodes.Block: Reason("template.no_block"),
    nodes.FilterBlock: Reason("template.no_filter_block"),
    nodes.AssignBlock: Reason("template.no_set_block"),
    nodes.With: Reason("template.no_with"),
    nodes.ScopedEvalContextModifier: Reason("template.no_autoescape"),
    nodes.Pow: Reason("template.power"),
    nodes.Dict: Reason("template.no_dict"),
    nodes.Slice: Reason("template.no_slice"),
    nodes.NSRef: Reason("template.plain_name_only"),
}

Violations = Iterator[Reason]


def _const(node: nodes.Const) -> Violations:
    value = node.value
    if isinstance(value, str) and _SURROGATE.search(value):  # no email could be written with it
        yield Reason("template.half_character")
    elif isinstance(value, int | float) and abs(value) > limits.MAX_NUMBER:
        yield Reason("template.number_too_large", {"most": limits.MAX_NUMBER})


def _filter(node: nodes.Filter) -> Violations:
    if node.node is None or node.name not in filters.FILTERS:
        yield _unknown("filter", node.name, filters.FILTERS)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield Reason("template.no_star")


def _test(node: nodes.Test) -> Violations:
    if node.name not in filters.TESTS:
        yield _unknown("test", node.name, filters.TESTS)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield Reason("template.no_star")


def _for(node: nodes.For) -> Violations:
    if node.recursive:
        yield Reason("template.no_recursive_loop")
    if not isinstance(node.target, nodes.Name):
        yield Reason("template.one_loop_name")


def _assign(node: nodes.Assign) -> Violations:
    if not isinstance(node.target, nodes.Name):
        yield Reason("template.plain_name_only")


def _list(node: nodes.List | nodes.Tuple) -> Violations:
    if not all(isinstance(item, nodes.Const) for item in node.items):
        yield Reason("template.plain_values_only")
    if len(node.items) > limits.MAX_ITEMS:
        yield Reason("template.list_too_long", {"most": limits.MAX_ITEMS})


def _getattr(node: nodes.Getattr | nodes.Getitem) -> Violations:
    if (member(node) or "").startswith("__"):
        yield Reason("template.no_dunder")


def _getitem(node: nodes.Getitem) -> Violations:
    yield from _getattr(node)
    if not isinstance(node.arg, nodes.Const) and type(node.arg) in _ALLOWED:
        yield Reason("template.fixed_item_only")


def _compare(node: nodes.Compare) -> Violations:
    if len(node.ops) > 1:
        yield Reason("template.chained_comparison")


_RULES: dict[type[nodes.Node], Callable[[Any], Violations]] = {
    nodes.Const: _const,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.For: _for,
    nodes.Assign: _assign,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.Compare: _compare,
}
"""Nodes that are allowed within limits, and their checks."""

_ALLOWED = _PLAIN | _RULES.keys()


def _violations(node: nodes.Node) -> Violations:
    kind = type(node)
    if kind in _RULES:
        yield from _RULES[kind](node)
    elif kind not in _PLAIN:
        yield _REFUSED.get(kind, Reason("template.not_available"))


_UNKNOWN = {
    "filter": ("template.unknown_filter", "template.misspelled_filter"),
    "test": ("template.unknown_test", "template.misspelled_test"),
}
"""The codes for an unknown name, without and with a suggestion."""


def _unknown(thing: str, name: str, known: Collection[str]) -> Reason:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    unknown, misspelled = _UNKNOWN[thing]
    params = {"name": name, "known": ", ".join(sorted(known))}
    return Reason(misspelled, {**params, "meant": near[0]}) if near else Reason(unknown, params)


# --- the whole template ----------------------------------------------------------------------


def check(field: Field, tree: nodes.Template, available: Available) -> list[Problem]:
    """Return everything not on the allow-list, and every unknown name, by line."""
    shape = _shape(field, tree)
    if shape is not None:
        return [shape]
    everything = [tree, *tree.find_all(nodes.Node)]
    problems = [
        Problem(field, node.lineno or 0, reason)
        for node in everything
        for reason in _violations(node)
    ]
    problems += islice(_names(field, everything, available), 2 * MAX_PROBLEMS)
    problems.sort(key=lambda problem: problem.line)
    distinct = list(dict.fromkeys(problems))
    return list(_listing_once(distinct[:MAX_PROBLEMS]))


def _shape(field: Field, tree: nodes.Template) -> Problem | None:
    """Check depth and number of nodes, without recursion: the tree may be very deep."""
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    while stack:
        node, depth, loops = stack.pop()
        count += 1
        loops += isinstance(node, nodes.For)
        if depth > limits.MAX_DEPTH:
            return found(field, node.lineno, "template.too_deep")
        if loops > limits.MAX_LOOP_NESTING:
            most = limits.MAX_LOOP_NESTING
            return found(field, node.lineno, "template.too_many_nested_loops", most=most)
        if count > limits.MAX_NODES:
            return found(field, 0, "template.too_many_tags", most=limits.MAX_TAGS)
        stack += [(child, depth + 1, loops) for child in node.iter_child_nodes()]
    return None


_WITH_LIST = {
    "template.unknown_field": "template.unknown_field_of",
    "template.misspelled_field": "template.misspelled_field_of",
}
"""The same with the list of all merge tags, which only the first mistake shows."""
_WITHOUT_LIST = {with_list: without for without, with_list in _WITH_LIST.items()}


def _listing_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    was_listed = False
    for problem in problems:
        short = _WITHOUT_LIST.get(problem.reason.code)
        if short and was_listed:
            params = {name: value for name, value in problem.reason.params.items() if name != "all"}
            yield replace(problem, reason=Reason(short, params))
        else:
            yield problem
        was_listed = was_listed or short is not None


def _names(
    field: Field, everything: Collection[nodes.Node], available: Available
) -> Iterator[Problem]:
    own: set[str] = set()
    for node in everything:
        if isinstance(node, nodes.Name) and node.ctx != "load":
            own.add(node.name)
            yield from _own_name(field, node, available)
    if any(isinstance(node, nodes.For) for node in everything):
        own.add("loop")
    members = {
        id(node.node): name
        for node in everything
        if isinstance(node, _MEMBERS) and (name := member(node))
    }
    for node in everything:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in own:
            if node.name == SEGMENTS and id(node) not in members:
                yield found(field, node.lineno, "template.segment_without_id")
            elif node.name not in available.names and node.name not in available.groups:
                # `contact.first_name` is one unknown field, that of another program.
                inner = members.get(id(node))
                name = f"{node.name}.{inner}" if inner else node.name
                yield _unknown_field(field, node.lineno, name, available)
        elif isinstance(node, _MEMBERS):
            yield from _members(field, node, available)


def segments_in(tree: nodes.Template) -> list[str]:
    """Return the public ids of the segments that a template names, in order, each once."""
    return list(
        dict.fromkeys(
            name
            for node in tree.find_all(_MEMBERS)
            if isinstance(node, _MEMBERS)
            and isinstance(node.node, nodes.Name)
            and node.node.name == SEGMENTS
            and (name := member(node)) is not None
        )
    )


def _own_name(field: Field, node: nodes.Name, available: Available) -> Iterator[Problem]:
    if node.name in available.names | available.groups.keys() or node.name == "loop":
        yield found(field, node.lineno, "template.name_taken", name=node.name)
    elif node.name.startswith("_"):
        yield found(field, node.lineno, "template.name_with_underscore", name=node.name)


def _unknown_field(field: Field, line: int, name: str, available: Available) -> Problem:
    known = available.all()
    shown = ", ".join(known[:_SHOWN_FIELDS]) + (", ..." if len(known) > _SHOWN_FIELDS else "")
    if meant := available.nearest(name):
        code = _WITH_LIST["template.misspelled_field"]
        return found(field, line, code, name=name, meant=meant, all=shown)
    return found(field, line, _WITH_LIST["template.unknown_field"], name=name, all=shown)


_MEMBERS = (nodes.Getattr, nodes.Getitem)


def member(node: nodes.Node) -> str | None:
    """Return the constant name in x.name or x["name"]."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _members(
    field: Field, node: nodes.Getattr | nodes.Getitem, available: Available
) -> Iterator[Problem]:
    name, holder = member(node), node.node
    if name is None:
        return
    if isinstance(holder, nodes.Name) and holder.name in available.groups:
        if holder.name == "subscriber":
            if name not in available.groups["subscriber"]:
                yield from _attribute(field, node.lineno, name, available)
        elif holder.name == SEGMENTS:
            if available.segments is not None and name not in available.segments:
                yield found(field, node.lineno, "template.unknown_segment", segment=name)
        elif name not in available.groups[holder.name]:
            yield _unknown_field(field, node.lineno, f"{holder.name}.{name}", available)
    elif (
        member(holder) == "attributes"
        and isinstance(holder, nodes.Getattr | nodes.Getitem)
        and isinstance(holder.node, nodes.Name)
        and holder.node.name == "subscriber"
    ):
        yield from _attribute(field, node.lineno, name, available)


def _attribute(field: Field, line: int, name: str, available: Available) -> Iterator[Problem]:
    if available.attributes is None or name in available.attributes:
        return
    near = difflib.get_close_matches(
        name, {*available.attributes, *available.groups["subscriber"]}, 1, 0.6
    )
    if near:
        code = "template.misspelled_attribute"
        yield found(field, line, code, blocks=False, name=name, meant=f"subscriber.{near[0]}")
    else:
        yield found(field, line, "template.unknown_attribute", blocks=False, name=name)
