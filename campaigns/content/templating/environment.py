"""Jinja environments that allow no more than this module lists.

Attributes are entries of mappings and never Python attributes, nothing can be called, and every
value, loop and output is limited in size and time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from jinja2 import ChainableUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from campaigns.content.html import attributes
from campaigns.content.html.links import clean_url, is_web, safe_url
from campaigns.content.mime import quoted_printable
from campaigns.content.mime.quoted_printable import Ready
from campaigns.content.templating import filters, limits
from campaigns.content.templating.filters import as_number, as_text, is_blank
from campaigns.content.templating.limits import LimitError, checked_text
from campaigns.content.templating.merge_fields import ShownFloat, ShownInt, plain_of, shown

Output = TypeVar("Output", str, bytes)


class Blank(ChainableUndefined):
    """A missing value: empty and false, as are all its attributes."""

    __slots__ = ()


_LOOP_FIELDS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"}
)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment that allows only what is listed here."""

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
        """Return a literal piece of output in the form that templates yield."""
        return text

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Called often, and nearly always with a plain dict: test that first.
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
        raise LimitError("template.call")

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
            raise LimitError("template.not_a_number", operator=operator)
        if operator in {"/", "//", "%"} and second == 0:
            return self.undefined()
        if operator == "**":
            raise LimitError("template.power")
        result = self.binop_table[operator](first, second)
        if abs(result) > limits.MAX_NUMBER:
            raise LimitError("template.number_too_large", most=limits.MAX_NUMBER)
        of_a_field = [one for one in (left, right) if isinstance(one, ShownInt | ShownFloat)]
        return shown(result, of_a_field[0].show) if of_a_field else result

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        number = as_number(arg)
        if number is None:
            return self.undefined()
        return -number if operator == "-" else number


class BodySandbox(Sandbox):
    """A sandbox whose templates yield encoded pieces of a body; literals are encoded once.

    `piece` replaces Jinja's own escaping and its `finalize`.
    """

    def __init__(self, *, html: bool) -> None:
        super().__init__(html=html)
        self.code_generator_class = _PieceGenerator
        self.piece: Callable[[Any], object] = _html_piece if html else _text_piece

    def literal(self, text: str) -> bytes | quoted_printable.TextPiece:
        return quoted_printable.encode(text) if self.is_html else quoted_printable.split(text)


class _PieceGenerator(CodeGenerator):
    """Generates code that encodes each piece, except inside filter blocks."""

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
    """Yield the items of a {% for %}, and count them."""
    if is_blank(value):
        return
    if not isinstance(value, list | tuple):
        raise LimitError("template.loop_over_no_list")
    for item in value:
        limits.count_iteration()
        yield item


def _concat(*parts: object) -> str:
    return checked_text("".join([as_text(part) for part in parts]))


def _quote(value: object, safe: str = "") -> str:
    """Encode a value as part of a URL."""
    return quote(as_text(plain_of(value)).encode("utf-8", "replace"), safe=safe)


def _address(value: object) -> str:
    """Encode the characters that are invalid in any URL, in a value that begins one."""
    return _quote(clean_url(as_text(plain_of(value))), ":/?#[]@!$&'()*+,;=%~")


def _link(value: str, number: int, is_checked: bool) -> str:
    """Check and track the rendered URL of a link with merge tags."""
    url = safe_url(value) if is_checked else clean_url(value)
    return limits.tracked(number, url) if number and is_web(url) else url


def _html_link(value: str, number: int, is_checked: bool) -> Markup:
    return escape(_link(attributes.decode(str(value)), number, is_checked))


PLAIN = Sandbox(html=False)


@dataclass(frozen=True, slots=True)
class Form(Generic[Output]):
    """How a program's output is joined. `longest`: largest number of bytes per character."""

    environment: Sandbox
    join: Callable[[list[Any]], Output]
    length_of: Callable[[Output], int]
    longest: int


def _decoded_length(body: bytes) -> int:
    return len(quoted_printable.decode(body))


# A character takes at most twelve bytes, plus soft line breaks.
HEADER: Form[str] = Form(PLAIN, "".join, len, 1)
HTML_BODY: Form[bytes] = Form(BodySandbox(html=True), quoted_printable.join, _decoded_length, 14)
TEXT_BODY: Form[bytes] = Form(
    BodySandbox(html=False), quoted_printable.join_text, _decoded_length, 14
)
