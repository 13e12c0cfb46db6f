"""Find text for users that does not go through gettext, in templates, Python and scripts."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes
from jinja2.lexer import TOKEN_BLOCK_BEGIN, TOKEN_DATA, TOKEN_RAW_BEGIN, TOKEN_VARIABLE_BEGIN

SHOWN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "content-label"}
MARKS = {"_", "gettext", "ngettext", "lazy_gettext", "lazy_ngettext", "N_", "Plural", "pgettext"}
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_NAME = re.compile(r"Campaigns")
"""The product's name is the same in every language."""
_ATTRIBUTE = re.compile(r"[a-z-]+=\"[^\"]*\"")
"""A macro may write attributes alone."""
_WORDS = re.compile(r"^\W*[A-Z][a-z’']+\b|[A-Za-z][\w’',]* [a-z].*[.?!…]$")
"""A string of code that is for people: capitalised, or a sentence."""
_FRAGMENT = re.compile(r"^ [a-z]+[ ,.]+\w|\w[\w,]* \w+,? $")
"""Part of a sentence that is built from pieces."""

_IN_TAGS = re.compile(r">\s*[A-Z][a-z]+[^<>{}]*<")
"""Words between the tags of a piece of HTML."""
_SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE) ")
_HEADER = re.compile(r"[A-Z][A-Za-z]*(?:-[A-Za-z]+)+: ")
"""The beginning of a header of an email, such as "List-Id: "."""

_environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def in_template(source: str) -> Iterator[str]:
    """Yield each text of a template that is not marked for translation."""
    yield from _in_markup(_without_code(source))
    yield from _in_expressions(source)


def _without_code(source: str) -> str:
    """The template's own text, without tags, expressions and translated text."""
    kept: list[str] = []
    words: list[str] = []
    is_block, is_translated = False, False
    for _, kind, value in _environment.lexer.tokeniter(source, None):
        if kind == TOKEN_DATA:
            if not is_translated:
                kept.append(value)
        elif kind == TOKEN_VARIABLE_BEGIN:
            kept.append("x0")  # a placeholder for a value, even in a tag
        elif kind in {TOKEN_BLOCK_BEGIN, TOKEN_RAW_BEGIN}:
            is_block, words = True, []
        elif kind == "block_end":
            is_translated = _is_translated(words[:1], is_translated)
            is_block = False
        elif is_block and kind == "name":
            words.append(value)
    return "".join(kept)


def _is_translated(tag: list[str], before: bool) -> bool:
    return {"trans": True, "endtrans": False}.get("".join(tag), before)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}
        values = dict(attrs)
        self.found += [values[name] or "" for name in SHOWN_ATTRIBUTES & values.keys()]
        scripts = (text for name, text in attrs if name.startswith("data-"))
        self.found += [text for text in scripts if text and _is_sentence(text)]
        if tag == "input" and values.get("type") in {"submit", "button"}:
            self.found.append(values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def _in_markup(text: str) -> Iterator[str]:
    parser = _Text()
    parser.feed(text)
    parser.close()
    for found in parser.found:
        if _LETTERS.search(_ATTRIBUTE.sub("", _NAME.sub("", found))):
            yield " ".join(found.split())


def _in_expressions(source: str) -> Iterator[str]:
    """Strings within {{ }} and {% %} that users read."""
    for node in _unmarked(_environment.parse(source)):
        if isinstance(node, nodes.Const) and _is_for_users(node.value):
            yield node.value
        elif isinstance(node, nodes.Filter) and node.name == "plural":
            yield "|plural"


def _unmarked(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        call = child.node if isinstance(child, nodes.Call) else None
        if isinstance(call, nodes.Name) and call.name in MARKS:
            continue
        yield child
        yield from _unmarked(child)


def _is_for_users(value: object) -> bool:
    if not isinstance(value, str) or _NAME.fullmatch(value):
        return False
    return bool(_WORDS.search(value) or _FRAGMENT.search(value))


# --- Python ------------------------------------------------------------------------------------


def in_python(source: str) -> Iterator[str]:
    """Yield each sentence of a module that is not marked for translation."""
    for node in _readable(ast.parse(source)):
        text = _text_of(node)
        if _SQL.match(text) or _HEADER.match(text):
            continue
        if _is_sentence(text) or _IN_TAGS.search(text):
            yield text


def _is_sentence(text: str) -> bool:
    words = len(_LETTERS.findall(text))
    return words > 1 and " " in text.strip() and bool(_WORDS.search(text))


def _readable(node: ast.AST) -> Iterator[ast.expr]:
    """Strings of a module, except docstrings, logging, marked strings and patterns."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if child in (getattr(node, "returns", None), getattr(node, "annotation", None)):
            continue
        if isinstance(child, ast.Assert) or (isinstance(child, ast.Call) and _is_marked(child)):
            continue
        if isinstance(child, ast.JoinedStr | ast.Constant):
            yield child
        else:
            yield from _readable(child)


def _is_marked(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return name in MARKS or name.startswith(("log.", "re.")) or name.endswith(("RuntimeError",))


def _text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "0"
        for part in parts
    )


# --- scripts -----------------------------------------------------------------------------------

_JS_COMMENT = re.compile(r"(?<![:\w\"'])//[^\n]*|/\*.*?\*/", re.DOTALL)
_JS_STRING = re.compile(r"""\"((?:[^"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`""")


def in_script(source: str) -> Iterator[str]:
    """Yield each sentence of a script: scripts take their texts from the page."""
    for found in _JS_STRING.finditer(_JS_COMMENT.sub("", source)):
        text = found[1] or found[2] or found[3] or ""
        if _is_sentence(text):
            yield text


_FINDERS = {".py": in_python, ".js": in_script}


def of_file(path: Path) -> list[str]:
    """Return the bare texts of a template, a Python module or a script."""
    find = _FINDERS.get(path.suffix, in_template)
    return list(find(path.read_text("utf-8")))
