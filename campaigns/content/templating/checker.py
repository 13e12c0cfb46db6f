"""The sandbox: users' templates, checked before and bounded while they run.

Two walls. `check` reads the parsed template against an allow-list and explains what it
refuses. The environments then allow no more than that at run time: attributes are entries of
mappings and never Python's, nothing can be called, and every value, loop and output is
bounded in size and time.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from jinja2 import (
    ChainableUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from campaigns.content.html import attributes
from campaigns.content.html.links import clean_url, is_web, safe_url
from campaigns.content.html.tokens import Guarded
from campaigns.content.mime import quoted_printable
from campaigns.content.mime.quoted_printable import Ready
from campaigns.content.templating import filters, limits
from campaigns.content.templating.filters import as_number, as_text, is_blank
from campaigns.content.templating.limits import LimitError, RenderError, bounded, checked_text
from campaigns.content.templating.problems import Field, Problem, sentence

__all__ = ["Available", "Program", "RenderError", "Sandbox", "check", "compile_template"]

MAX_PROBLEMS = 20
AVAILABLE = " Available: "
"""Begins the list of all merge fields: long, and told with the first mistake only."""
_SURROGATE = re.compile("[\ud800-\udfff]")


Output = TypeVar("Output", str, bytes)
Track = Callable[[int, str], str]
"""Makes the counted address of a link from its number and target."""


class Blank(ChainableUndefined):
    """A missing value: empty, false, and so is everything asked of it."""

    __slots__ = ()


_LOOP_FIELDS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"}
)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment in which nothing is allowed but what is listed here."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(
            autoescape=html,
            undefined=Blank,
            finalize=as_text,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {
            **filters.FILTERS,
            "_loop": _loop,
            "_concat": _concat,
            "_compare": filters.compare,
            "_quote": _quote,
            "_address": _address,
            "_link": _html_link if html else _link,
        }
        if not html:
            self.filters["e"] = self.filters["escape"] = filters.checked(as_text)
        self.tests = dict(filters.TESTS)
        self.is_html = html

    def literal(self, text: str) -> object:
        """A literal piece of output as the templates of this environment yield it."""
        return text

    def getattr(self, obj: Any, attribute: str) -> Any:
        # A plain mapping nearly always, and asked for often: the quick question first.
        if obj.__class__ is dict or isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(name=attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.undefined(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, list | tuple) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else self.undefined()
        return self.undefined()

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        raise LimitError("Nothing can be called in a template.")

    def wrap_str_format(self, value: Any) -> None:
        return None

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if is_blank(left) or is_blank(right):
            if operator == "+" and isinstance(left, str):
                return left
            return right if operator == "+" and isinstance(right, str) else self.undefined()
        first, second = as_number(left), as_number(right)
        is_text = isinstance(left, str) and isinstance(right, str)
        if operator == "+" and (is_text or first is None or second is None):
            return checked_text(as_text(left) + as_text(right))
        if first is None or second is None:
            raise LimitError(
                f"{operator} works with numbers only. Use numbers, or join text with ~ ."
            )
        if operator in {"/", "//", "%"} and second == 0:
            return self.undefined()
        if operator == "**":
            raise LimitError("Powers are not available. Use * instead.")
        result = self.binop_table[operator](first, second)
        if abs(result) > limits.MAX_NUMBER:
            raise LimitError("A number grows too large. Use smaller ones.")
        return result

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        number = as_number(arg)
        if number is None:
            return self.undefined()
        return -number if operator == "-" else number


class BodySandbox(Sandbox):
    """Its templates yield the pieces of a body encoded: literal ones as constants of the code.

    `piece` takes the place of the language's own escaping and of its `finalize`.
    """

    def __init__(self, *, html: bool) -> None:
        super().__init__(html=html)
        self.code_generator_class = _PieceGenerator
        self.piece: Callable[[Any], object] = _html_piece if html else _text_piece

    def literal(self, text: str) -> bytes | quoted_printable.TextPiece:
        return quoted_printable.encode(text) if self.is_html else quoted_printable.split(text)


class _PieceGenerator(CodeGenerator):
    """What is buffered, inside of a filter block, stays text."""

    _is_buffered = False

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        self._is_buffered = frame.buffer is not None
        super().visit_Output(node, frame)

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        if self._is_buffered:
            return super()._output_const_repr(group)
        literal = cast("BodySandbox", self.environment).literal("".join(group))
        parts = literal if isinstance(literal, quoted_printable.Edged) else [literal]
        return "; yield ".join([repr(part) for part in parts if part]) or repr(literal)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if self._is_buffered:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.piece(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if self._is_buffered:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")")

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        super().start_write(frame, node)
        if frame.buffer is None:
            self.write("environment.piece(")

    def end_write(self, frame: Frame) -> None:
        super().end_write(frame)
        if frame.buffer is None:
            self.write(")")


def _html_piece(value: Any) -> bytes:
    if type(value) is Ready:
        return value.encoded
    text = as_text(value)
    found = quoted_printable.short(text) if text.__class__ is str else None
    return quoted_printable.encode(escape(text)) if found is None else found


def _text_piece(value: Any) -> quoted_printable.TextPiece:
    if type(value) is Ready:
        return value.encoded
    text = as_text(value)
    return quoted_printable.short(text) or quoted_printable.split(str(text))


def _loop(value: object) -> Iterator[object]:
    """What a {% for %} runs over, counted."""
    if is_blank(value):
        return
    if not isinstance(value, list | tuple):
        raise LimitError(
            "{% for %} runs over lists only. Use an attribute that holds a list of values."
        )
    for item in value:
        limits.count_iteration()
        yield item


def _concat(*parts: object) -> str:
    return checked_text("".join([as_text(part) for part in parts]))


def _quote(value: object, safe: str = "") -> str:
    """A value as a part of an address."""
    return quote(as_text(value).encode("utf-8", "replace"), safe=safe)


def _address(value: object) -> str:
    """A value that is, or begins, an address: only what no address may hold is encoded."""
    return _quote(clean_url(as_text(value)), ":/?#[]@!$&'()*+,;=%~")


def _link(value: str, number: int, is_checked: bool) -> str:
    """The rendered address of a link with merge fields, checked and tracked."""
    url = safe_url(value) if is_checked else clean_url(value)
    return limits.tracked(number, url) if number and is_web(url) else url


def _html_link(value: str, number: int, is_checked: bool) -> Markup:
    return escape(_link(attributes.decode(str(value)), number, is_checked))


PLAIN = Sandbox(html=False)


@dataclass(frozen=True, slots=True)
class Form(Generic[Output]):
    """What a program's pieces are and become. `longest`: bytes for a character, at most."""

    environment: Sandbox
    join: Callable[[list[Any]], Output]
    length_of: Callable[[Output], int]
    longest: int


def _decoded_length(body: bytes) -> int:
    return len(quoted_printable.decode(body))


# The longest: twelve bytes for a character, and the soft breaks.
HEADER: Form[str] = Form(PLAIN, "".join, len, 1)
HTML_BODY: Form[bytes] = Form(BodySandbox(html=True), quoted_printable.join, _decoded_length, 14)
TEXT_BODY: Form[bytes] = Form(
    BodySandbox(html=False), quoted_printable.join_text, _decoded_length, 14
)


# --- what a template may hold ----------------------------------------------------------------

_ALLOWED: frozenset[type[nodes.Node]] = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Const,
        nodes.List,
        nodes.Tuple,
        nodes.Getattr,
        nodes.Getitem,
        nodes.Filter,
        nodes.Test,
        nodes.If,
        nodes.For,
        nodes.Assign,
        nodes.CondExpr,
        nodes.And,
        nodes.Or,
        nodes.Not,
        nodes.Compare,
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

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: "Nothing can be called here, so ( ) after a name does not work. Use a merge field"
    " or a filter such as {{ subscriber.name|upper }} instead.",
    nodes.Macro: "{% macro %} is not available. Use {% if %} and {% for %} instead.",
    nodes.CallBlock: "{% call %} is not available. Use {% if %} and {% for %} instead.",
    nodes.Import: "{% import %} is not available. Use text in this campaign instead.",
    nodes.FromImport: "{% from %} is not available. Use text in this campaign instead.",
    nodes.Include: "{% include %} is not available. Use text in this campaign instead.",
    nodes.Extends: "{% extends %} is not available. Use the whole HTML in this campaign instead.",
    nodes.Block: "{% block %} is not available. Use the text without it instead.",
    nodes.FilterBlock: "{% filter %} is not available. Use a filter on a value instead.",
    nodes.AssignBlock: "{% set %} without = is not available. Use {% set x = ... %} instead.",
    nodes.With: "{% with %} is not available. Use {% set x = ... %} instead.",
    nodes.ScopedEvalContextModifier: "{% autoescape %} is not available: values are always"
    " escaped. Use the text without it instead.",
    nodes.Pow: "Powers (**) are not available. Use * instead.",
    nodes.Dict: "Groups of values in { } cannot be made here. Use subscriber attributes instead.",
    nodes.Slice: "Parts of a list ([1:3]) are not available. Use first or last instead.",
    nodes.NSRef: "Only plain names can be set. Use {% set x = ... %} instead.",
}


@dataclass(frozen=True, slots=True)
class Available:
    """The merge fields of a template: names, and for groups the fields that they have.

    `attributes` are the subscriber attributes in use; None: not known, do not warn.
    """

    groups: Mapping[str, frozenset[str]]
    names: frozenset[str]
    attributes: frozenset[str] | None = None

    def all(self) -> list[str]:
        fields = [f"{group}.{name}" for group, names in self.groups.items() for name in names]
        extra = [f"subscriber.{name}" for name in self.attributes or ()]
        return sorted({*fields, *extra, *self.names} - {"subscriber.attributes"})

    def hint(self, name: str) -> str:
        """ "Did you mean" for a name that is not there, then what is."""
        known = self.all()
        short = {entry.rpartition(".")[2]: entry for entry in known}
        near = difflib.get_close_matches(name, known, 1, 0.7) or [
            short[found]
            for found in difflib.get_close_matches(name.rpartition(".")[2], list(short), 1, 0.7)
        ]
        meant = f" Did you mean {{{{ {near[0]} }}}}?" if near else ""
        shown = ", ".join(known[:30]) + (", ..." if len(known) > 30 else "")
        return f"{meant}{AVAILABLE}{shown}."


def parse(field: Field, guarded: Guarded, source: str) -> nodes.Template | Problem:
    """The template parsed, or why it cannot be."""
    too_much = _too_much(field, guarded, source)
    if too_much is not None:
        return too_much
    try:
        return PLAIN.parse(source)
    except TemplateSyntaxError as error:
        return sentence(field, error.lineno, _syntax_words(error.message or ""))
    except RecursionError:
        return sentence(field, 0, "The template is nested too deeply. Use simpler expressions.")
    except ValueError:  # a number of thousands of digits
        return sentence(field, 0, "A number is too large. Use a smaller one.")


def _too_much(field: Field, guarded: Guarded, source: str) -> Problem | None:
    if len(source) > limits.MAX_SOURCE:
        return sentence(field, 0, "The text is longer than 512 KB. Use shorter text.")
    if len(guarded.tokens) > limits.MAX_TAGS:
        return sentence(
            field, 0, f"There are more than {limits.MAX_TAGS:,} template tags. Use fewer."
        )
    total = 0
    for token in guarded.tokens:
        total += len(token.source) if token.kind != "comment" else 0
        if token.keyword in {"raw", "endraw"}:
            return sentence(
                field,
                token.line,
                '{% raw %} is not available. Use {{ "{{" }} to show braces instead.',
            )
        if len(token.source) > limits.MAX_TAG and token.kind != "comment":
            return sentence(
                field,
                token.line,
                "A template tag is longer than 4,000 characters, or never ends. Use"
                " }} or %} to close it, and plain text for what is long.",
            )
    if total > limits.MAX_TAG_TOTAL:
        return sentence(field, 0, "The template tags add up to more than 200 KB. Use fewer.")
    return None


_SYNTAX = (
    (
        "Unexpected end of template",
        "A {% if %} or {% for %} is never closed. Use {% endif %} or {% endfor %} where it ends.",
    ),
    ("unexpected end of template", "A template tag is never closed. Use }} or %} where it ends."),
    ("unexpected char", "A character does not belong here. Use quotes around text."),
    (
        "Expected an expression, got 'end of print",
        "The merge field is empty. Use {{ subscriber.name }}, for example.",
    ),
    ("Missing end of comment tag", "The comment {# is never closed. Use #} where it ends."),
)


def _syntax_words(message: str) -> str:
    for start, words in _SYNTAX:
        if message.startswith(start):
            return words
    tidy = message[:1].upper() + message[1:200].rstrip(".")
    if message.startswith("Encountered unknown tag"):
        return f"{tidy.split('. ')[0]}. Use {{% if %}}, {{% for %}} or {{% set %}} instead."
    return f"The template cannot be read: {tidy}. Use {{{{ }}}} around one complete value."


def check(field: Field, tree: nodes.Template, available: Available) -> list[Problem]:
    """Everything in the template that is not on the allow-list, and every unknown name."""
    shape = _shape(field, tree)
    if shape is not None:
        return [shape]
    everything = [tree, *tree.find_all(nodes.Node)]
    problems = [
        sentence(field, node.lineno, text) for node in everything for text in _violations(node)
    ]
    problems += islice(_unknown_names(field, everything, available), 2 * MAX_PROBLEMS)
    problems.sort(key=lambda problem: problem.line)
    return list(_listing_once(problems[:MAX_PROBLEMS]))


def _listing_once(problems: Iterable[Problem]) -> Iterator[Problem]:
    was_listed = False
    for problem in problems:
        words, is_listed, _ = problem.message.partition(AVAILABLE)
        yield replace(problem, message=words) if is_listed and was_listed else problem
        was_listed = was_listed or bool(is_listed)


def _shape(field: Field, tree: nodes.Template) -> Problem | None:
    """Depth and number of nodes. Walks without recursion: the tree may be very deep."""
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    while stack:
        node, depth, loops = stack.pop()
        count += 1
        loops += isinstance(node, nodes.For)
        if depth > limits.MAX_DEPTH:
            return sentence(
                field, node.lineno, "The template is nested too deeply. Use simpler expressions."
            )
        if loops > limits.MAX_LOOP_NESTING:
            return sentence(field, node.lineno, "Too many loops within loops. Use at most 4.")
        if count > limits.MAX_NODES:
            return sentence(field, 0, "The template holds too many tags. Use fewer.")
        stack += [(child, depth + 1, loops) for child in node.iter_child_nodes()]
    return None


def _violations(node: nodes.Node) -> Iterator[str]:
    kind = type(node)
    if kind not in _ALLOWED:
        words = "This is not available in templates. Use {{ }}, {% if %} and {% for %} instead."
        yield _REFUSED.get(kind, words)
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        if _SURROGATE.search(node.value):  # no mail could be written with it
            yield "A text holds half of a character (\\ud...). Use the character itself."
    elif isinstance(node, nodes.Filter):
        if node.node is None or node.name not in filters.FILTERS:
            yield _unknown("filter", node.name, filters.FILTERS)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            yield "* is not available in a filter. Use plain values instead."
    elif isinstance(node, nodes.Test):
        if node.name not in filters.TESTS:
            yield _unknown("test", node.name, filters.TESTS)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            yield "* is not available in a test. Use plain values instead."
    elif isinstance(node, nodes.For):
        if node.recursive:
            yield "Recursive loops are not available. Use a plain {% for %} instead."
        if not isinstance(node.target, nodes.Name):
            yield "A loop has one name only. Use {% for item in list %} instead."
    elif isinstance(node, nodes.Assign):
        if not isinstance(node.target, nodes.Name):
            yield "Only one plain name can be set at a time. Use {% set x = ... %} instead."
    elif isinstance(node, nodes.List | nodes.Tuple):
        if not all(isinstance(item, nodes.Const) for item in node.items):
            yield "A list can hold plain values only. Use text or numbers in it instead."
        if len(node.items) > limits.MAX_ITEMS:
            yield f"A list holds more than {limits.MAX_ITEMS:,} values. Use a shorter one."
    elif isinstance(node, nodes.Getattr | nodes.Getitem):
        if (_member(node) or "").startswith("__"):
            yield "Names that begin with __ are not available. Use an attribute's own name instead."
        if isinstance(node, nodes.Getattr):
            return
        if not isinstance(node.arg, nodes.Const) and type(node.arg) in _ALLOWED:
            yield 'Only a fixed name or number can stand in [ ]. Use ["name"] instead.'
    elif isinstance(node, nodes.Compare):
        if len(node.ops) > 1:
            yield "Only two values can be compared at a time. Use and between comparisons."
    elif isinstance(node, nodes.Const) and not _is_small(node.value):
        yield "A number is too large. Use one below 1,000,000,000,000,000."


def _is_small(value: object) -> bool:
    return not isinstance(value, int | float) or abs(value) <= limits.MAX_NUMBER


def _unknown(thing: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"There is no {thing} called {name}.{meant} Use one of: {', '.join(sorted(known))}."


def _unknown_names(
    field: Field, everything: Collection[nodes.Node], available: Available
) -> Iterator[Problem]:
    own: set[str] = set()
    for node in everything:
        if isinstance(node, nodes.Name) and node.ctx != "load":
            own.add(node.name)
            if node.name in available.names | available.groups.keys() or node.name == "loop":
                yield sentence(
                    field, node.lineno, f"{node.name} is taken. Use another name instead."
                )
            elif node.name.startswith("_"):
                yield sentence(
                    field, node.lineno, f"{node.name} begins with _. Use another name instead."
                )
    if any(isinstance(node, nodes.For) for node in everything):
        own.add("loop")
    for node in everything:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in own:
            if node.name not in available.names and node.name not in available.groups:
                yield _unknown_field(field, node.lineno, node.name, available)
        elif isinstance(node, nodes.Getattr | nodes.Getitem):
            yield from _unknown_members(field, node, available)


def _unknown_field(field: Field, line: int, name: str, available: Available) -> Problem:
    return sentence(field, line, f"Unknown merge field {{{{ {name} }}}}.{available.hint(name)}")


def _member(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _unknown_members(
    field: Field, node: nodes.Getattr | nodes.Getitem, available: Available
) -> Iterator[Problem]:
    name, holder = _member(node), node.node
    if name is None:
        return
    if isinstance(holder, nodes.Name) and holder.name in available.groups:
        if holder.name == "subscriber":
            if name not in available.groups["subscriber"]:
                yield from _unknown_attribute(field, node.lineno, name, available)
        elif name not in available.groups[holder.name]:
            yield _unknown_field(field, node.lineno, f"{holder.name}.{name}", available)
    elif (
        _member(holder) == "attributes"
        and isinstance(holder, nodes.Getattr | nodes.Getitem)
        and isinstance(holder.node, nodes.Name)
        and holder.node.name == "subscriber"
    ):
        yield from _unknown_attribute(field, node.lineno, name, available)


def _unknown_attribute(
    field: Field, line: int, name: str, available: Available
) -> Iterator[Problem]:
    if available.attributes is None or name in available.attributes:
        return
    near = difflib.get_close_matches(name, {*available.attributes, "name", "address"}, 1, 0.6)
    meant = f" Did you mean {{{{ subscriber.{near[0]} }}}}?" if near else ""
    yield sentence(
        field,
        line,
        f"No subscriber has the attribute {name}, so it stays empty.{meant}",
        blocks=False,
    )


# --- compiled templates ----------------------------------------------------------------------

Constants = Mapping[str, str]
"""Merge fields with the same value for everybody, such as `sender.name`."""

_AT_ONCE = 64
"""So many pieces of output are taken before their size is looked at."""
_MISFITS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    MemoryError,
)


class _Bounder(NodeTransformer):
    """Puts our bounded functions where the language would use its own.

    And `constants` in the place of the merge fields that are the same for everybody. No
    template can set these names itself: `check` refuses it.
    """

    def __init__(self, constants: Constants) -> None:
        self.constants = constants

    def visit_Name(self, node: nodes.Name, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._constant(node, node.name) if node.ctx == "load" else node

    def visit_Getattr(self, node: nodes.Getattr, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._field(node)

    def visit_Getitem(self, node: nodes.Getitem, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._field(node)

    def _field(self, node: nodes.Getattr | nodes.Getitem) -> nodes.Node:
        name = _member(node)
        if name is not None and isinstance(node.node, nodes.Name):
            found = self._constant(node, f"{node.node.name}.{name}")
            if found is not node:
                return found
        self.generic_visit(node)
        return node

    def _constant(self, node: nodes.Expr, name: str) -> nodes.Expr:
        if name not in self.constants:
            return node
        return nodes.Const(self.constants[name], lineno=node.lineno, environment=node.environment)

    def visit_Concat(self, node: nodes.Concat, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _call_filter(node, "_concat", node.nodes[0], *node.nodes[1:])

    def visit_For(self, node: nodes.For, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _call_filter(node, "_loop", node.iter)
        return node

    def visit_Compare(self, node: nodes.Compare, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        operand = node.ops[0]
        operator = nodes.Const(operand.op, lineno=node.lineno)
        return _call_filter(node, "_compare", node.expr, operator, operand.expr)


def _call_filter(at: nodes.Node, name: str, value: Any, *args: Any) -> nodes.Filter:
    return nodes.Filter(
        value, name, list(args), [], None, None, lineno=at.lineno, environment=at.environment
    )


class Run(bounded):
    """One rendering: the values, shared by all of a message's programs, and their limits.

    `track` makes the counted addresses of links; None: links stay as they are.
    """

    def __init__(self, values: dict[str, Any], track: Track | None = None) -> None:
        super().__init__(track=track)
        self.values = values
        self._names = Context(PLAIN, values, None, {})

    def names(self, program: "Program[Any]") -> Context:
        """What a program looks names up in; one that sets names gets its own."""
        return Context(PLAIN, self.values, None, {}) if program.assigns else self._names


@dataclass(frozen=True, slots=True)
class Program(Generic[Output]):
    """A compiled template. `constant` is its output, when it is always the same text."""

    field: Field
    template: Template
    form: "Form[Output]"
    limit: int
    assigns: bool
    constant: Output | None = None

    def run(self, run: Run) -> Output:
        """Render within the limits. Raises RenderError with a sentence for the user."""
        if self.constant is not None:
            return self.constant
        run.iterations = 0
        try:
            return self._output(run)
        except LimitError as error:
            raise self._failed(error, str(error)) from None
        except _MISFITS as error:
            words = "A value does not fit here. Use text, a number, or a list as it is meant."
            raise self._failed(error, words) from error

    def _output(self, run: Run) -> Output:
        form = self.form
        most = self.limit * form.longest
        stream = self.template.root_render_func(run.names(self))
        pieces: list[Any] = []
        size = 0
        while batch := list(islice(stream, _AT_ONCE)):
            size += sum(map(len, batch))
            if size > most:
                raise self._too_long()
            pieces += batch
        output = form.join(pieces)
        # An encoded body is longer than its text: only a long one must be looked at.
        if size > self.limit and form.length_of(output) > self.limit:
            raise self._too_long()
        return output

    def _too_long(self) -> LimitError:
        return LimitError(
            f"The result is longer than {self.limit // 1024:,} KB. Use less text in loops."
        )

    def _failed(self, error: BaseException, words: str) -> "TemplateRunError":
        line = _line_of(self.template, error.__traceback__)
        return TemplateRunError(sentence(self.field, line, words))


class TemplateRunError(RenderError):
    """A RenderError that knows its place."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _line_of(template: Template, traceback: TracebackType | None) -> int:
    """The line of the template that was being run."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def compile_template(
    field: Field,
    source: str,
    form: Form[Output],
    limit: int,
    constants: Constants = MappingProxyType({}),
) -> Program[Output]:
    """Compile checked source (with our own additions). Raises TemplateRunError."""
    environment = form.environment
    try:
        with bounded():
            tree = environment.parse(source)
            _Bounder(constants).visit(tree)
            template = environment.from_string(tree)
    except TemplateSyntaxError as error:
        problem = sentence(field, error.lineno, _syntax_words(error.message or ""))
        raise TemplateRunError(problem) from error
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        problem = sentence(field, 0, "The template is too involved. Use fewer nested tags.")
        raise TemplateRunError(problem) from error
    assigns = tree.find(nodes.Assign) is not None
    constant = _constant(tree)
    output = None if constant is None else form.join([form.environment.literal(constant)])
    return Program(field, template, form, limit, assigns, output)


def _constant(tree: nodes.Template) -> str | None:
    data: list[str] = []
    for part in tree.body:
        if not isinstance(part, nodes.Output):
            return None
        for node in part.nodes:
            if not isinstance(node, nodes.TemplateData):
                return None
            data.append(node.data)
    return "".join(data)
