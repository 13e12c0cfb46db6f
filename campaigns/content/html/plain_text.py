"""Convert HTML to text, for email clients that show no HTML.

Reads guarded HTML from start to end and never moves anything, so loops and conditions of the
template keep their contents, even inside what is never shown, such as comments. Also accepts HTML
without marks.
"""

import html as entities
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from campaigns.content.html import attributes
from campaigns.content.html.links import clean_url, safe_url
from campaigns.content.html.scanner import VOID, Attribute, HtmlTag, Text, read
from campaigns.content.html.tokens import (
    CLOSE,
    MARK,
    OPEN,
    Guarded,
    Token,
    brace_safe,
    guard,
    normalise,
)
from campaigns.content.templating.limits import MAX_DEPTH

LINE, PARAGRAPH = "\x1f", "\x1e"
_SPACE = "\x1d"
"""A space of `<pre>`, which stays beside line breaks."""
_PARAGRAPHS = frozenset(
    {
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "table",
        "blockquote",
        "pre",
        "hr",
        "section",
        "article",
        "header",
        "footer",
        "aside",
        "main",
        "nav",
        "dl",
        "figure",
        "form",
        "fieldset",
    }
)
_LINES = frozenset(
    {"div", "tr", "li", "dt", "dd", "br", "center", "address", "caption", "figcaption", "option"}
)
_SKIPPED = frozenset(
    {"head", "svg", "template", "object", "math", "audio", "video", "select", "button"}
)
_IN_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|max-height\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)
_BEGINNINGS = frozenset({"if", "for"})
_BRANCHES = frozenset({"elif", "else"})
_ENDINGS = frozenset({"endif", "endfor"})
_BREAKS = re.compile(f"([{LINE}{PARAGRAPH}][ \n{LINE}{PARAGRAPH}]*)")
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_END_OF_LINE = re.compile(rf"(?<!{_SPACE}){_SPACE}++(?=[{LINE}{PARAGRAPH}])")
_EMPTY_LINES = re.compile(rf"\n(?:[{_SPACE}\t]*+\n)++")
_COMMENT = "comment"
_IN_TAG = "tag"
_IN_VALUE = "value"
_IN_HIDDEN = "hidden"
_INVISIBLE = str.maketrans({"\xa0": " ", "\u200b": "", "\u034f": "", "\ufeff": "", "\xad": ""})


@dataclass(slots=True)
class _Link:
    """An open <a>: where its text begins in the output, its target, and its conditions.

    `after`: what follows its text, if that is not the target itself.
    """

    begin: int
    target: str
    after: str
    plain: str
    seen: int
    depth: int


@dataclass(slots=True)
class Converted:
    """The result. `source`: template source (plain text for HTML without marks), with break marks.

    `always` are the merge tags that show whenever they have a value: outside of all conditions
    and loops, or inside of `{% if x %}` for x itself. `hidden_in` names the hidden element that the
    document ends in, as it is never closed. `crossing` is the first statement of a condition or
    loop that begins in another kind of place, such as a comment: without its content, the comment
    would not end.
    """

    source: str
    always: frozenset[str]
    hidden_in: str = ""
    crossing: Token | None = None


@dataclass(slots=True)
class _Converter:
    html: str
    guarded: Guarded
    targets: Mapping[int, str] | None
    out: list[str] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    lists: list[tuple[int, int]] = field(default_factory=list)
    always: set[str] = field(default_factory=set)
    conditions: list[str] = field(default_factory=list)
    """The open conditions and loops; "" for all but `{% if x %}`."""
    places: list[str] = field(default_factory=list)
    """The kinds of places where they begin: "" for text, a comment, a tag, a raw element ..."""
    crossing: Token | None = None
    waiting: list[re.Match[str]] = field(default_factory=list)
    """Statements in invisible parts, since the last visible one."""
    skipped: str = ""
    skipped_in: tuple[str, ...] = ()
    """The conditions in which the hidden element begins."""
    nested: int = 0
    preformatted: int = 0
    """Number of open `<pre>`."""
    seen: int = 0
    """Number of texts so far outside of all conditions; in a link, only conditions in it count."""
    is_after_bullet: bool = False

    def run(self, parts: Iterable[HtmlTag | Text]) -> Converted:
        position = 0
        for part in parts:
            self._wait(position, part.start, _COMMENT)
            position = part.end
            self._part(part)
        self._wait(position, len(self.html), _COMMENT)
        self._apply_waiting()
        while self.links:
            self._end_link()
        hidden_in = self.skipped if self.skipped != "head" else ""
        text = _END_OF_LINE.sub("", "".join(self.out))
        text = tidy(text, self.guarded).replace(_SPACE, " ")
        return Converted(text, frozenset(self.always), hidden_in, self.crossing)

    def _part(self, part: HtmlTag | Text) -> None:
        if part.is_hidden:
            self._wait(part.start, part.end, _COMMENT)
        elif isinstance(part, HtmlTag):
            self._apply_waiting()
            self._tag(part)
            for mark, place in self._statements_in(part):
                self._wait(*mark.span(), place)
        elif part.raw_of:
            self._wait(part.start, part.end, part.raw_of)
        elif self.skipped:
            is_head = self.skipped == "head"  # which ends at the first visible element
            self._wait(part.start, part.end, "" if is_head else _IN_HIDDEN)
        else:
            self._apply_waiting()
            self._text(self.html[part.start : part.end])

    # --- statements in invisible parts ---------------------------------------------------------

    def _wait(self, start: int, end: int, place: str) -> None:
        """Note the statements between two positions, which apply to the next visible part."""
        for mark in self._statements(start, end):
            self._place(self.guarded.token(mark), place)
            self.waiting.append(mark)

    def _statements(self, start: int, end: int) -> Iterator[re.Match[str]]:
        for mark in MARK.finditer(self.html, start, end):
            if self.guarded.token(mark).kind == "statement":
                yield mark

    def _place(self, token: Token, place: str) -> None:
        if token.keyword in _BEGINNINGS:
            self.places.append(place)
        elif token.keyword in _BRANCHES | _ENDINGS and self.places:
            # What begins in text may end in a hidden element that begins with it: `_end_hidden`.
            may_end = {self.places[-1], _IN_HIDDEN} if not self.places[-1] else {self.places[-1]}
            if place not in may_end and self.crossing is None:
                self.crossing = token
            if token.keyword in _ENDINGS:
                self.places.pop()

    def _apply_waiting(self) -> None:
        for mark in self._without_complete(self.waiting):
            self.out.append(mark[0])
            self._statement(self.guarded.token(mark))
        self.waiting = []

    def _without_complete(self, marks: Iterable[re.Match[str]]) -> list[re.Match[str]]:
        """Return the statements without conditions and loops that also end among them.

        Those with a `{% set %}` stay: its value may be used later.
        """
        left: list[re.Match[str]] = []
        begun: list[tuple[int, int]] = []
        assignments = 0
        for mark in marks:
            keyword = self.guarded.token(mark).keyword
            assignments += keyword == "set"
            left.append(mark)
            if keyword in _BEGINNINGS:
                begun.append((len(left) - 1, assignments))
            elif keyword in _ENDINGS and begun:
                begin, assignments_before = begun.pop()
                if assignments == assignments_before:
                    del left[begin:]
        return left

    def _statements_in(self, tag: HtmlTag) -> Iterator[tuple[re.Match[str], str]]:
        """Yield the statements inside a tag, with their places: in quotes, or beside attributes."""
        values = [(entry.start, entry.end) for entry in reversed(tag.attributes) if entry.quote]
        for mark in self._statements(tag.start, tag.end):
            while values and values[-1][1] <= mark.start():
                values.pop()
            is_in_value = bool(values) and values[-1][0] <= mark.start()
            yield mark, _IN_VALUE if is_in_value else _IN_TAG

    def _possible(self, tag: HtmlTag, name: str) -> list[Attribute | re.Match[str]]:
        """Return the attribute of this name.

        If the tag has it only in conditions, these are returned too, with the attribute of each.
        """
        entry = tag.get(name)
        if entry is None:
            return []
        marks = [mark for mark, place in self._statements_in(tag) if place == _IN_TAG]
        before = [mark for mark in marks if mark.start() < entry.start]
        if not self._without_complete(before):
            return [entry]
        if self._without_complete(marks):
            return []
        placed: list[tuple[int, Attribute | re.Match[str]]] = [
            *((mark.start(), mark) for mark in marks),
            *((one.start, one) for one in tag.attributes if one.name == name),
        ]
        return [one for _, one in sorted(placed, key=lambda one: one[0])]

    # --- texts ---------------------------------------------------------------------------------

    def _text(self, text: str, *, is_attribute: bool = False) -> None:
        if is_attribute:
            text = attributes.decode(text)
        position = 0
        for mark in MARK.finditer(text):
            self._static(text[position : mark.start()], is_decoded=is_attribute)
            self._token(self.guarded.token(mark), mark[0])
            position = mark.end()
        self._static(text[position:], is_decoded=is_attribute)

    def _static(self, text: str, *, is_decoded: bool) -> None:
        is_preformatted = bool(self.preformatted) and not is_decoded
        text = text if is_preformatted else _BLANKS.sub(" ", text)
        text = (text if is_decoded else entities.unescape(text)).translate(_INVISIBLE)
        for ours in (OPEN, CLOSE, LINE, PARAGRAPH, _SPACE):
            text = text.replace(ours, "")
        if is_preformatted:
            text = _EMPTY_LINES.sub(PARAGRAPH, text.replace(" ", _SPACE)).replace("\n", LINE)
        if text and not (self.is_after_bullet and text.isspace()):
            self.out.append(text)
            depth = self.links[-1].depth if self.links else 0
            if not text.isspace():
                self.seen += self.depth == depth
                self.is_after_bullet = False

    def _token(self, token: Token, mark: str) -> None:
        if token.kind == "comment":
            return
        self.out.append(mark)
        if token.kind == "statement":
            self._place(token, "")
            self._statement(token)
            return
        self.is_after_bullet = False
        if self._is_certain(name := token.inner.strip()):
            self.always.add(name)

    def _statement(self, token: Token) -> None:
        if token.keyword in _BEGINNINGS:
            condition = token.inner.strip().removeprefix("if ")
            self.conditions.append(condition.strip() if token.keyword == "if" else "")
        elif token.keyword in _BRANCHES:
            self.conditions[-1:] = [""] if self.conditions else []
        elif token.keyword in _ENDINGS and self.conditions:
            self.conditions.pop()

    @property
    def depth(self) -> int:
        """Number of open conditions and loops."""
        return len(self.conditions)

    def _is_certain(self, name: str) -> bool:
        """Return whether a merge tag shows here whenever it has a value."""
        return all(condition == name for condition in self.conditions)

    def _tag(self, tag: HtmlTag) -> None:
        if self.skipped:
            self._skip(tag)
        elif not tag.is_end and self._is_hidden(tag):
            if tag.name not in VOID:
                self.skipped, self.nested = tag.name, 1
                self.skipped_in = self._conditions_around()
        elif tag.name == "a":
            self._end_link() if tag.is_end else self._begin_link(tag)
        elif tag.name == "img":
            self._alternative(tag)
        elif tag.name in {"td", "th"}:
            self.out.append("" if tag.is_end else " ")
        else:
            if tag.name == "pre":
                self.preformatted = max(0, self.preformatted + (-1 if tag.is_end else 1))
            self._block(tag)

    def _alternative(self, tag: HtmlTag) -> None:
        for one in self._possible(tag, "alt"):
            if isinstance(one, Attribute):
                # Statements that do not end in it apply after the tag.
                if not self._without_complete(self._statements(one.start, one.end)):
                    self._text(one.value, is_attribute=True)
            else:
                self.out.append(one[0])
                self._statement(self.guarded.token(one))

    def _block(self, tag: HtmlTag) -> None:
        if self.is_after_bullet and tag.name in _PARAGRAPHS | _LINES and tag.name != "li":
            return  # `<li><p>`: the text begins beside its bullet
        if tag.name in _PARAGRAPHS:
            # A nested list, and the paragraphs of an item, continue line by line.
            is_list = tag.name in {"ul", "ol"}
            is_inner = len(self.lists) > (1 if is_list and tag.is_end else 0)
            self.out.append(LINE if is_inner else PARAGRAPH)
        elif tag.name in _LINES:
            self.out.append(LINE)
        if tag.name == "hr":
            self.out += ["----------", PARAGRAPH]
        elif tag.name in {"ul", "ol"} and not tag.is_end:
            self.lists.append((0 if tag.name == "ol" else -1, self.depth))
        elif tag.name in {"ul", "ol"} and self.lists:
            self.lists.pop()
        elif tag.name == "li" and not tag.is_end:
            self.out.append(self._bullet())
            self.is_after_bullet = True

    def _bullet(self) -> str:
        """`- `, or the number; in a loop the number is not known."""
        count, depth = self.lists[-1] if self.lists else (-1, 0)
        if count < 0 or depth != self.depth:
            return "- "
        self.lists[-1] = (count + 1, depth)
        return f"{count + 1}. "

    def _skip(self, tag: HtmlTag) -> None:
        if self.skipped == "head" and not tag.is_end and tag.name not in _IN_HEAD:
            self.skipped = ""  # an element that cannot be in the head ends it
            self._tag(tag)
        elif tag.name == self.skipped:
            self.nested += -1 if tag.is_end else 1
            if self.nested == 0:
                self._end_hidden()

    def _end_hidden(self) -> None:
        """End the hidden element, unless its end is in another condition than its beginning."""
        if self.skipped_in == tuple(self.conditions[-MAX_DEPTH:]):
            self.skipped = ""
            places = self.places[-MAX_DEPTH:]
            self.places[-MAX_DEPTH:] = ["" if place == _IN_HIDDEN else place for place in places]
        elif self.skipped_in == self._conditions_around():
            self.skipped = ""

    def _conditions_around(self) -> tuple[str, ...]:
        """Return the open conditions without those that begin in hidden elements.

        These are refused if they do not end in one too, and nesting beyond MAX_DEPTH always is.
        """
        placed = zip(self.conditions[-MAX_DEPTH:], self.places[-MAX_DEPTH:], strict=False)
        return tuple(name for name, place in placed if place != _IN_HIDDEN)

    def _is_hidden(self, tag: HtmlTag) -> bool:
        style = tag.get("style")
        return (
            tag.name in _SKIPPED
            or tag.get("hidden") is not None
            or (style is not None and _HIDDEN.search(attributes.decode(style.value)) is not None)
        )

    def _begin_link(self, tag: HtmlTag) -> None:
        while self.links:
            self._end_link()
        possible = self._possible(tag, "href")
        plain, target = "", ""
        if len(possible) == 1 and isinstance(possible[0], Attribute):
            plain = clean_url(attributes.decode(possible[0].value))
            target = self._target(possible[0])
        after = "".join(map(self._after, possible))
        whole = MARK.fullmatch(plain)
        if whole:
            plain = self.guarded.token(whole).inner.strip()
        self.links.append(_Link(len(self.out), target, after, plain, self.seen, self.depth))

    def _after(self, one: Attribute | re.Match[str]) -> str:
        """Return what follows the text of a link for this target, or a condition around one."""
        if not isinstance(one, Attribute):
            return one[0]
        target = self._target(one)
        return f" ({target})" if target else ""

    def _target(self, href: Attribute) -> str:
        if self.targets is not None:
            target = self.targets.get(href.start, "")
            return self.guarded.add(target) if target else ""
        plain = clean_url(attributes.decode(href.value))
        return plain if safe_url(plain) != "#" or plain.startswith(OPEN) else ""

    def _end_link(self) -> None:
        if not self.links:
            return
        link = self.links.pop()
        shown = "".join(self.out[link.begin :]).strip(f" {LINE}{PARAGRAPH}")
        if not shown or not link.after:
            return
        is_shown = self.depth == link.depth and self.seen > link.seen
        if is_shown and self._is_certain(link.plain):
            self.always.add(link.plain)
        bare = link.plain.partition(":")[2].removeprefix("//")
        if shown.rstrip("/") in {link.plain.rstrip("/"), bare.rstrip("/")}:
            if link.plain.startswith("http"):
                self.out[link.begin :] = [link.target]
            return
        end = len(self.out)
        while end and not self.out[end - 1].strip(f" {LINE}{PARAGRAPH}"):
            end -= 1
        self.out[end:end] = [link.after]


def to_text(
    guarded: Guarded, parts: Iterable[HtmlTag | Text], targets: Mapping[int, str]
) -> Converted:
    """Return the text of guarded HTML; `targets` as links.rewrite gives them."""
    return _Converter(guarded.text, guarded, targets).run(parts)


def plain_text(html: str) -> str:
    """Return the text of rendered HTML."""
    html = normalise(html)
    converted = _Converter(html, Guarded(html), None).run(read(html))
    return tidy(converted.source).strip() + "\n"


def text_of(html: str) -> str:
    """Return the text of HTML with merge tags, which stay in it."""
    guarded = guard(normalise(html))
    converted = _Converter(guarded.text, guarded, None).run(read(guarded.text))
    text = tidy(converted.source).strip().replace(LINE, "\n").replace(PARAGRAPH, "\n\n")
    return guarded.restore(text)


def tidy(text: str, guarded: Guarded | None = None) -> str:
    """Turn runs of break marks, with the spaces around them, into line breaks.

    Next to a condition or loop the mark stays: what comes before is known only at run time.
    """
    if LINE not in text and PARAGRAPH not in text:
        return text
    pieces = _BREAKS.split(text)
    for index in range(1, len(pieces), 2):
        before = pieces[index - 1].rstrip(" \n")
        run = pieces[index - 1][len(before) :] + pieces[index]
        is_paragraph = PARAGRAPH in run or "\n\n" in run
        if guarded is not None and _is_beside_statement(before, pieces[index + 1], guarded):
            pieces[index] = PARAGRAPH if is_paragraph else LINE
        else:
            pieces[index] = "\n\n" if is_paragraph else "\n"
        pieces[index - 1] = before
    return "".join(pieces)


def _is_beside_statement(before: str, after: str, guarded: Guarded) -> bool:
    marks = (
        MARK.fullmatch(before, before.rfind(OPEN)) if before.endswith(CLOSE) else None,
        MARK.match(after),
    )
    return any(mark is not None and guarded.token(mark).kind == "statement" for mark in marks)


def template_source(converted: str, guarded: Guarded) -> str:
    """Return template source of converted text: escaped text, tokens without whitespace control."""
    pieces, position = [], 0
    for mark in MARK.finditer(converted):
        pieces.append(brace_safe(converted[position : mark.start()]))
        token = guarded.token(mark)
        pieces.append(token.source if token.kind == "raw" else token.plain)
        position = mark.end()
    return "".join([*pieces, brace_safe(converted[position:])])
