"""Rewrite links for click tracking and make them safe, without touching any other byte.

Works on guarded HTML (tokens.py). A fixed link becomes a variable with the recipient's tracked URL;
a link with merge tags becomes a small block whose result is checked and tracked when it is
rendered.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from markupsafe import Markup

from campaigns.content.html.attributes import decode
from campaigns.content.html.scanner import Attribute, HtmlTag, Text
from campaigns.content.html.tokens import MARK, OPEN, Guarded, Token, brace_safe
from campaigns.content.templating.problems import Problem, found

MAX_LINKS = 1_000
MAX_TARGET = 2_000
_URL_ATTRIBUTES = frozenset(
    {"href", "src", "action", "background", "poster", "formaction", "xlink:href", "cite"}
)
_OWN_ADDRESS = re.compile(r"\s*+\(?+\s*+(unsubscribe_url|view_url)\b")
_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*):")
_UNWANTED = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
_MAILTO = "mailto:"
SAFE_SCHEMES = frozenset({"http", "https", "mailto", "tel"})


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link. `is_fixed`: the same URL for everyone.

    `html` is the URL as written in the attribute, for untracked recipients.
    """

    number: int
    target: str
    is_fixed: bool
    html: Markup


Edit = tuple[int, int, str]


@dataclass(slots=True)
class Rewritten:
    """`edits` are replacements in the guarded HTML, as (start, end, new text), in order.

    `text_targets` are the URLs for the text part, as template source, by the position of their
    attribute.
    """

    edits: list[Edit] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    text_targets: dict[int, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def variable(number: int) -> str:
    """Return the template variable with the URL of a fixed link."""
    return f"_l{number}"


def clean_url(value: str) -> str:
    """Return a URL as browsers interpret it, without control characters and spaces."""
    return _UNWANTED.sub(
        lambda found: "%20" * found[0].count(" "), value.strip(" \t\r\n\f\0\x85\u2028\u2029")
    )


def safe_url(value: str) -> str:
    """Return the URL if its scheme is allowed in email, else `#`."""
    url = clean_url(value)
    scheme = _SCHEME.match(url)
    return url if scheme and scheme[1].lower() in SAFE_SCHEMES else "#"


def is_web(url: str) -> bool:
    """Return whether a link leads to a web page."""
    return url[:8].lower().startswith(("http://", "https://")) and len(url) > 8


def rewrite(
    guarded: Guarded, parts: Iterable[HtmlTag | Text], *, track: bool, before: int = 0
) -> Rewritten:
    """Find and replace the links of guarded HTML, whose parts scanner.read has found.

    `before`: the number of the last link of earlier pages.
    """
    return _Rewriter(guarded, track, before).run(parts)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with these edits applied. They must not overlap."""
    pieces, position = [], 0
    for start, end, replacement in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[position:start], replacement]
        position = end
    return "".join([*pieces, text[position:]])


class _Rewriter:
    def __init__(self, guarded: Guarded, track: bool, before: int) -> None:
        self.guarded = guarded
        self.before = before
        self.track = track
        self.found = Rewritten()
        self.numbers: dict[tuple[str, bool], int] = {}

    def run(self, parts: Iterable[HtmlTag | Text]) -> Rewritten:
        for part in parts:
            if isinstance(part, HtmlTag):
                self._tag(part)
            elif part.raw_of == "script":
                self._refuse_values(part)
        if len(self.found.links) > MAX_LINKS:
            self.found.problems.append(found("html", 0, "template.too_many_links", most=MAX_LINKS))
        return self.found

    def _refuse_values(self, part: Text) -> None:
        for mark in MARK.finditer(self.guarded.text, part.start, part.end):
            token = self.guarded.token(mark)
            if token.kind == "value":
                self.found.problems.append(found("html", token.line, "template.field_in_script"))

    def _tag(self, tag: HtmlTag) -> None:
        if tag.is_end:
            return
        inside: set[int] = set()
        for attribute in tag.attributes:
            marks = list(MARK.finditer(self.guarded.text, attribute.start, attribute.end))
            inside.update(mark.start() for mark in marks)
            self._attribute(tag, attribute, bool(marks))
        for mark in MARK.finditer(self.guarded.text, tag.start, tag.end):
            token = self.guarded.token(mark)
            if mark.start() not in inside and token.kind == "value":
                self.found.problems.append(found("html", token.line, "template.field_in_tag"))

    def _attribute(self, tag: HtmlTag, attribute: Attribute, has_marks: bool) -> None:
        is_link = attribute.name == "href" and (
            tag.name in {"a", "area"} or tag.name.startswith("v:")
        )
        is_tracked = is_link and self.track and tag.get("data-no-track") is None
        if attribute.name in _URL_ATTRIBUTES and has_marks:
            self._with_fields(tag, attribute, is_link, is_tracked)
        elif is_link and attribute.start < attribute.end:
            self._fixed(tag, attribute, is_tracked)
        elif has_marks and not attribute.quote:
            # Without quotes, a value with a space would become several attributes.
            self._replace(attribute, attribute.value)

    def _replace(self, attribute: Attribute, replacement: str) -> None:
        if not attribute.quote:
            replacement = f'"{replacement}"'
        self.found.edits.append((attribute.start, attribute.end, replacement))

    def _number(self, target: str, written: str, is_fixed: bool) -> int:
        key = (target, is_fixed)
        if key not in self.numbers:
            number = self.before + len(self.found.links) + 1
            self.numbers[key] = number
            self.found.links.append(Link(number, target, is_fixed, Markup(written)))  # noqa: S704
        return self.numbers[key]

    def _fixed(self, tag: HtmlTag, attribute: Attribute, is_tracked: bool) -> None:
        target = clean_url(decode(attribute.value))
        if not (is_tracked and is_web(target) and len(target) <= MAX_TARGET):
            if safe_url(target) != "#":
                self.found.text_targets[attribute.start] = brace_safe(target)
            return
        written = attribute.value.replace('"', "&quot;") if not attribute.quote else attribute.value
        source = f"{{{{ {variable(self._number(target, written, True))} }}}}"
        self._replace(attribute, self.guarded.add(source))
        self.found.text_targets[attribute.start] = source

    def _with_fields(
        self, tag: HtmlTag, attribute: Attribute, is_link: bool, is_tracked: bool
    ) -> None:
        marks = [self.guarded.token(mark) for mark in MARK.finditer(attribute.value)]
        if any(token.keyword in {"for", "set"} for token in marks):
            self.found.problems.append(found("html", marks[0].line, "template.loop_in_link"))
            return
        head = attribute.value[: attribute.value.index(MARK.search(attribute.value)[0])].strip()  # type: ignore[index]
        is_own = any(_OWN_ADDRESS.match(token.inner) for token in marks if token.kind == "value")
        is_plain = bool(head) and not is_web(decode(head) + "/////////")
        number = 0
        if is_tracked and not is_own and not is_plain:
            written = clean_url(decode(attribute.value))
            target = self.guarded.restore(written, lambda token: token.plain)
            number = self._number(target, "", False)
        begin = f"{{% filter _link({number}, {not head}) %}}"
        body = self._body(attribute.value, is_text=False)
        self._replace(
            attribute,
            f"{self.guarded.add(begin)}{body}{self.guarded.add('{% endfilter %}')}",
        )
        if is_link:
            text = self.guarded.restore(self._body(attribute.value, is_text=True))
            self.found.text_targets[attribute.start] = f"{begin}{text}{{% endfilter %}}"

    def _body(self, value: str, *, is_text: bool) -> str:
        """Return the value with its merge tags quoted for their position."""
        pieces: list[str] = []
        branches: list[str] = []
        # The beginning of the text before, in each branch.
        so_far, position = "", 0
        for mark in MARK.finditer(value):
            static = value[position : mark.start()]
            so_far = (so_far + static.strip())[: len(_MAILTO)]
            # Decoded together with the mark: `&copy` before a field may not be a ©.
            pieces.append(brace_safe(decode(static + OPEN)[:-1]) if is_text else static)
            token = self.guarded.token(mark)
            pieces.append(self._quoted(token, so_far, is_text))
            if token.kind == "value":
                so_far += "."
            elif token.keyword == "if":
                branches.append(so_far)
            elif token.keyword in {"else", "elif"} and branches:
                so_far = branches[-1]
            elif token.keyword == "endif" and branches:
                branches.pop()
            position = mark.end()
        static = value[position:]
        pieces.append(brace_safe(decode(static)) if is_text else static)
        return "".join(pieces)

    def _quoted(self, token: Token, so_far: str, is_text: bool) -> str:
        if token.kind != "value":
            source = token.plain if is_text else token.source
        elif not so_far:
            source = f"{{{{ ({token.inner})|_address }}}}"
        elif so_far.lower().startswith(_MAILTO):
            source = f"{{{{ ({token.inner})|_quote('@') }}}}"
        else:
            source = f"{{{{ ({token.inner})|_quote }}}}"
        return self.guarded.add(source)
