"""Check that a piece of HTML closes what it opens, as it is placed inside a table."""

from campaigns.content.html import scanner, tokens

_CLOSED_BY_ITSELF = frozenset(
    {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup"}
)
"""Elements whose end tag may be missing (HTML standard, optional tags)."""


def fault_of(code: str) -> str:
    """Return the tag that has no counterpart, or what is never closed; "" if all is well."""
    text = tokens.guard(tokens.normalise(code)).text
    parts, open_at = scanner.read_whole(text)
    if open_at is not None:
        return text[open_at:][:20]
    opened: list[str] = []
    for part in parts:
        if not isinstance(part, scanner.HtmlTag) or part.is_hidden or part.name in scanner.VOID:
            continue
        if not part.is_end:
            opened.append(part.name)
        elif not _close(opened, part.name):
            return f"</{part.name}>"
    return next((f"<{name}>" for name in opened if name not in _CLOSED_BY_ITSELF), "")


def _close(opened: list[str], name: str) -> bool:
    """Remove an open element and those inside it that end with it."""
    while opened:
        inner = opened.pop()
        if inner == name:
            return True
        if inner not in _CLOSED_BY_ITSELF:
            return False
    return name == "p"  # an empty paragraph
