"""Replace template tokens by marks, so that HTML can be processed safely.

HTML tools break `{{ x|default("y") }}` apart and move text out of tables. So every token is
replaced by a mark that HTML tools take for plain text. The marks consist of noncharacters, which
never occur in real text.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

OPEN, CLOSE = "\ufdd0", "\ufdd1"
MARK = re.compile(f"{OPEN}([0-9]+){CLOSE}")

Kind = Literal["value", "statement", "comment", "raw"]

_BEGIN = re.compile(r"\{[{%#]")
# An unclosed string extends to the end of the source: searching its end again from every quote in
# it would take quadratic time.
_INSIDE = re.compile(
    r"""'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)"""
    r"|[-+]?%\}|-?\}\}|[(){}\[\]]",
    re.DOTALL,
)
_CLOSER = re.compile(r"[)\]}]")
_COMMENT_END = re.compile(r"-?#\}")
_KEYWORD = re.compile(r"\s*([A-Za-z_]+)")
_TRIPLED = re.compile(r"\{[^{}:]*\}")
_STYLE = re.compile(r"<(/?)style\b", re.IGNORECASE)
_CSS_BRACE = re.compile(r"\{#(?=[^{}]*\{)")


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `source`: as written; `inner`: without braces and whitespace control.

    `is_closed`: False if it extends to the end of the source, whatever that ends with.
    """

    kind: Kind
    source: str
    inner: str
    line: int
    is_closed: bool = True

    @property
    def keyword(self) -> str:
        """`if`, `endfor` ... of a statement; empty for the rest."""
        found = _KEYWORD.match(self.inner) if self.kind == "statement" else None
        return found[1] if found else ""

    @property
    def has_three_braces(self) -> bool:
        """Whether it is written as other programs do: {{{ subscriber.name }}}."""
        return self.kind == "value" and _TRIPLED.fullmatch(self.inner) is not None

    @property
    def plain(self) -> str:
        """The token without `-` and `+`, which would strip the whitespace around it."""
        if self.kind == "value":
            return "{{ " + self.inner.strip() + " }}"
        if self.kind == "statement":
            return "{% " + self.inner.strip() + " %}"
        return ""


@dataclass(slots=True)
class Guarded:
    """Text with marks, and the tokens that they stand for."""

    text: str
    tokens: list[Token] = field(default_factory=list)

    def add(self, source: str) -> str:
        """Return a mark for our own template source."""
        self.tokens.append(Token("raw", source, "", 0))
        return f"{OPEN}{len(self.tokens) - 1}{CLOSE}"

    def token(self, mark: re.Match[str]) -> Token:
        """Return the token that a mark stands for."""
        return self.tokens[int(mark[1])]

    def restore(self, text: str, form: Callable[[Token], str] | None = None) -> str:
        """Return the text with every mark replaced by its token's source."""
        if form is None:
            return MARK.sub(lambda mark: self.token(mark).source, text)
        return MARK.sub(lambda mark: form(self.token(mark)), text)


def new_word() -> str:
    """Return a prefix for words that replace marks where only letters and digits are allowed.

    Random, so that nobody can write one, not even with escapes such as `&#113;`.
    """
    return f"zq{secrets.token_hex(8)}q"


def normalise(source: str) -> str:
    """Normalize line endings, and remove NUL and our marks. All other code expects this."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return source.replace(OPEN, "").replace(CLOSE, "")


def separate_css(html: str) -> str:
    """Put a space into `{#main{...}` of a style sheet, which would begin a template comment."""
    if "{#" not in html:
        return html
    pieces, position, inside = [], 0, False
    for tag in _STYLE.finditer(html):
        text = html[position : tag.start()]
        pieces.append(_CSS_BRACE.sub("{ #", text) if inside and tag[1] else text)
        position, inside = tag.start(), not tag[1]
    return "".join([*pieces, html[position:]])


def guard(source: str) -> Guarded:
    """Replace the template tokens of normalized source by marks. Linear; accepts broken source."""
    guarded, pieces, position, line = Guarded(""), [], 0, 1
    while found := _BEGIN.search(source, position):
        start = found.start()
        line += source.count("\n", position, start)
        end, inner_end = _end_of(source, start)
        text = source[start:end]
        inner = source[start + 2 : inner_end]
        inner = inner[1:] if inner[:1] in {"-", "+"} else inner
        kind: Kind = {"{": "value", "%": "statement", "#": "comment"}[text[1]]  # type: ignore[assignment]
        guarded.tokens.append(Token(kind, text, inner, line, is_closed=inner_end < end))
        pieces += [source[position:start], f"{OPEN}{len(guarded.tokens) - 1}{CLOSE}"]
        line += text.count("\n")
        position = end
    pieces.append(source[position:])
    guarded.text = "".join(pieces)
    return guarded


def _end_of(source: str, start: int) -> tuple[int, int]:
    """Return where the token that starts here ends, with and without its closing braces."""
    opening = source[start : start + 2]
    if opening == "{#":
        found = _COMMENT_END.search(source, start + 2)
        return (found.end(), found.start()) if found else (len(source), len(source))
    closing = "}}" if opening == "{{" else "%}"
    depth, position = 0, start + 2
    while found := _INSIDE.search(source, position):
        text, position = found[0], found.end()
        if text[0] in "'\"":
            continue
        if text[0] in "([{":
            depth += 1
        elif depth == 0 and text.endswith(closing):
            return position, found.start()
        elif closer := _CLOSER.search(text):
            # Open brackets are closed before the token is, as in the template language itself.
            depth, position = depth - 1, found.start() + closer.end()
            if depth < 0:
                break
    return len(source), len(source)


def brace_safe(text: str) -> str:
    """Escape plain text, so that the template language finds no tokens in it."""
    return re.sub(r"\{(?=[{%#]|\Z)", '{{ "{" }}', text)
