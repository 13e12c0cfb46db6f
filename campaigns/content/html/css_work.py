"""Estimate how much work it is to move the rules of style sheets into the elements of a page."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from campaigns.content.html.scanner import HtmlTag

_DECLARATION = 20
"""Length of a declaration, in characters."""
_SIBLINGS_PER_STEP = 50
"""Number of siblings compared in the time that writing one declaration takes."""
_IGNORED = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?|url\([^)"']*+""",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"\[[^\]]*+\]?")
_COMBINATOR = re.compile(r"[\s>+~]+")
_UNCERTAIN = re.compile(r"[(\\|&]|[^\x00-\x7f]")
_SUBJECT = re.compile(r"[#.]?[\w-]++")


def work(css: str, tags: Iterable[HtmlTag]) -> int:
    """Return about how many declarations are written; comparing siblings counts too. Linear.

    A rule counts for each element with the last name in its selector, or for all elements if that
    name is not certain.
    """
    names = Counter(name for tag in tags if not tag.is_end for name in _names(tag))
    total = 0
    for rule in _IGNORED.sub(" ", css).lower().split("}"):
        before, _, style = rule.rpartition("{")
        declarations = len(style) // _DECLARATION + 1
        selectors = before.rpartition("{")[2].rpartition(";")[2]
        for selector in _ATTRIBUTE.sub("", selectors).split(","):
            matches = names[_subject(selector)]
            siblings = selector.count("~") * names["*"] // _SIBLINGS_PER_STEP
            total += matches * (declarations + siblings)
    return total


def _names(tag: HtmlTag) -> Iterator[str]:
    yield "*"
    yield tag.name
    for name, sign in (("class", "."), ("id", "#")):
        attribute = tag.get(name)
        if attribute is not None:
            yield from {f"{sign}{one}" for one in attribute.value.lower().split()}


def _subject(selector: str) -> str:
    """Return a name that all elements matched by the selector have: `td`, `.a`, `#a` or `*`."""
    if _UNCERTAIN.search(selector):
        return "*"
    last = _COMBINATOR.split(selector.strip())[-1]
    found = _SUBJECT.search(last.partition(":")[0])
    return found[0] if found else "*"
