"""A message without HTML: plain text with merge tags, as its author wrote it.

Its links are not tracked, as recipients see the addresses themselves, and there is no open pixel.
"""

import re
from collections.abc import Collection

from campaigns.content.html.tokens import MARK, Guarded, normalise
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext

_CONTROLS = re.compile(r"[\x01-\x08\x0b-\x1f\x7f\u2028\u2029]")
# Copied addresses may contain letters of languages that put spaces between words.
_URL = re.compile(rf"https?://(?:[!#-;=?-\[\]_a-z~\u00c0-\u06ff]|{MARK.pattern})*+", re.IGNORECASE)
_END_OF_SENTENCE = re.compile(rf"[.,;:!)](?={MARK.pattern})")
_STATEMENTS = re.compile(rf"^[ \t]*((?:{MARK.pattern}[ \t]*)+)\n", re.MULTILINE)


def compile_text(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the text of a text source."""
    expanded = Expanded(_CONTROLS.sub("", normalise(source.text)), context, is_text=True)
    text = expanded.text.lstrip("\n")
    lines = expanded.lines[len(expanded.text) - len(text) :]
    return CompiledPage("", text, tuple(expanded.problems), lines)


def always_shown(guarded: Guarded) -> Collection[str]:
    """Return the merge tags outside of all conditions and loops."""
    shown: set[str] = set()
    depth = 0
    for mark in MARK.finditer(guarded.text):
        token = guarded.token(mark)
        depth += token.keyword in {"if", "for"}
        depth -= token.keyword in {"endif", "endfor"}
        if token.kind == "value" and depth == 0:
            shown.add(token.inner.strip())
    return shown


def text_template(guarded: Guarded) -> str:
    """Return the template source of a checked text.

    Values in web addresses are encoded. A line with nothing but conditions and loops leaves no
    empty line: its line break moves into the tag, so that line numbers stay.
    """
    text = _URL.sub(lambda url: _encoded(url[0], guarded), guarded.text)
    return guarded.restore(_STATEMENTS.sub(lambda line: _unbroken(line, guarded), text))


def _encoded(url: str, guarded: Guarded) -> str:
    end = _end_of(url)

    def encoded(mark: re.Match[str]) -> str:
        token = guarded.token(mark)
        if token.kind != "value":
            return mark[0]
        return guarded.add(f"{{{{ ({token.inner})|_quote }}}}")

    return MARK.sub(encoded, url[:end]) + url[end:]


def _end_of(url: str) -> int:
    """Return where a web address ends: before a value that only follows it in the sentence."""
    if "?" in url:
        return len(url)
    last = max(map(url.rfind, "/#=&%"))
    end = _END_OF_SENTENCE.search(url, last)
    return end.start() if end else len(url)


def _unbroken(line: re.Match[str], guarded: Guarded) -> str:
    tokens = [guarded.token(mark) for mark in MARK.finditer(line[1])]
    if any(token.kind in {"value", "raw"} for token in tokens):
        return line[0]
    *first, last = [token.plain for token in tokens]
    if not last:  # a comment of the template language
        return "".join(map(guarded.add, first)) + guarded.add("{#\n#}")
    return "".join(map(guarded.add, [*first, f"{last[:-2]}\n%}}"]))
