"""MJML -> HTML.

The compiler never sees what it would get wrong. The elements of MJML are read here, checked
against `mjml_tags` (it drops unknown ones without a word) and written again for it. In that copy,
merge tags, the HTML inside of texts and the values of attributes are words, which are replaced
afterwards. So HTML in an `mj-text` stays as it is, broken or not, and nothing deep reaches a
recursive parser.
"""

import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

import mjml

from campaigns import formatting
from campaigns.content.html import direction
from campaigns.content.html.inline_css import KEEP_SHEET, TooMuchCssError, inline
from campaigns.content.html.lines import Composed, Lines
from campaigns.content.html.scanner import VOID, Attribute, HtmlTag, read_tag
from campaigns.content.html.tokens import MARK, Guarded, guard, new_word, normalise
from campaigns.content.sources.blocks.balance import fault_of
from campaigns.content.sources.mjml_tags import (
    ATTRIBUTES,
    CHILDREN,
    FIXED,
    ICON_FILES,
    ICONS,
    NETWORKS,
    RTL_DEFAULTS,
    WITH_HTML,
)
from campaigns.content.sources.panics import is_fault
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.content.templating.limits import MAX_SOURCE
from campaigns.content.templating.problems import Problem, found
from campaigns.reason import Reason

MAX_DEPTH = 20
MAX_PROBLEMS = 20
MAX_CAROUSEL_IMAGES = 20
"""Images of one carousel: its HTML grows with the square of their number."""
MAX_REPEATED = 4_000_000
"""Characters of attributes that the compiler repeats in elements: defaults, and what is passed on
to inner elements."""
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)")
_ONCE = frozenset({"mjml", "mj-head", "mj-body"})
_ANY = frozenset().union(*ATTRIBUTES.values())
_OPAQUE = frozenset(
    {
        "href", "src", "srcset", "alt", "title", "background-url", "name", "rel", "left-icon",
        "right-icon", "thumbnails-src", "icon-wrapped-alt", "icon-wrapped-url",
        "icon-unwrapped-alt", "icon-unwrapped-url", "usemap",
    }
)  # fmt: skip
"""Attributes that the compiler copies without reading them."""
_NO_HTML = frozenset({"mj-raw", "mj-title", "mj-preview", "mj-style"})
"""Elements with text or code that is not checked."""
_UNUSUAL = re.compile(r"[^ !#-\[\]-~\ufdd0\ufdd1]")
_READ_NAMES = frozenset({"mj-social-element", "mj-class", "mj-font"})
"""Elements whose `name` the compiler reads."""
_RESET = '<style type="text/css">\n#outlook a'
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ConvertedMjml:
    """HTML made of MJML. `lines`: for each line of it, the line of the MJML it comes from."""

    html: str
    lines: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()


def mjml_to_html(source: str, *, language: str = "en", icons: str = "") -> ConvertedMjml:
    """Return the HTML of MJML with merge tags, or what must be changed in it. Never raises.

    Style sheets are not inlined yet. `icons` is the URL of the folder with the icons of networks
    and arrows, with a trailing slash.
    """
    source = normalise(source)
    if len(source) > MAX_SOURCE:
        problem = found("html", 0, "template.source_too_long", kilobytes=MAX_SOURCE // 1024)
        return ConvertedMjml("", problems=(problem,))
    reader = _MjmlReader(guard(source), language, icons)
    copy = reader.read()
    if reader.problems:
        return ConvertedMjml("", problems=tuple(dict.fromkeys(reader.problems))[:MAX_PROBLEMS])
    try:
        html = mjml.mjml2html(copy, fonts={}, social_icon_origin=icons)
    except BaseException as error:  # the library may panic, which is not an Exception
        if not is_fault(error):
            raise
        return ConvertedMjml("", problems=(found("html", 0, "mjml.not_compiled"),))
    page = _restored(html, reader)
    if len(page.html) > MAX_SOURCE:
        problem = found("html", 0, "mjml.page_too_long", kilobytes=MAX_SOURCE // 1024)
        return ConvertedMjml("", problems=(problem,))
    return replace(page, problems=(*page.problems, *reader.warnings))


def _restored(html: str, reader: "_MjmlReader") -> ConvertedMjml:
    if len(html) > MAX_SOURCE:
        return ConvertedMjml(html)
    html = html.replace(_RESET, _RESET.replace("<style", f'<style {KEEP_SHEET}="ignore"'), 1)
    return reader.words.restored(html)


@dataclass(slots=True)
class _Word:
    """What a word of the copy stands for. `line`: where it is in the source."""

    text: str
    line: int
    is_break: bool = False
    is_required: bool = False


class _Words:
    """The words in the copy for the compiler."""

    def __init__(self) -> None:
        self._prefix = new_word()
        self._words: list[_Word] = []

    def add(
        self, text: str, line: int, *, is_break: bool = False, is_required: bool = False
    ) -> str:
        self._words.append(_Word(text, line, is_break, is_required))
        return f"{self._prefix}{len(self._words) - 1}z"

    def restored(self, html: str) -> ConvertedMjml:
        """Return the page of the compiler with everything that the words stand for."""
        pattern = re.compile(rf"<!--{self._prefix}(\d+)z-->|{self._prefix}(\d+)z")
        composed, line, position = Composed(), 1, 0
        seen: set[int] = set()
        for match in pattern.finditer(html):
            number = int(match[1] or match[2])
            word = self._words[number]
            seen.add(number)
            composed.add(html[position : match.start()], line, spans_lines=False)
            composed.add(word.text, word.line, spans_lines=not word.is_break)
            line = composed.lines[-1] if word.is_break else word.line + word.text.count("\n")
            position = match.end()
        composed.add(html[position:], line, spans_lines=False)
        lost = [
            found("html", word.line, "mjml.tag_not_used", tag=word.text[:60])
            for number, word in enumerate(self._words)
            if word.is_required and number not in seen
        ]
        return ConvertedMjml(composed.text, tuple(composed.lines), tuple(lost))


class _MjmlReader:
    """Reads guarded MJML and writes the copy for the compiler."""

    def __init__(self, guarded: Guarded, language: str, icons: str) -> None:
        self._guarded, self._text, self._lines = guarded, guarded.text, Lines(guarded)
        self._language, self._icons = language, icons
        self._path: list[str] = []
        self._seen: set[str] = set()
        self._is_turned = False
        self._elements, self._defaults, self._passed_on, self._images = 0, 0, 0, 0
        self.words = _Words()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def read(self) -> str:
        copy = "".join(self._parts())
        for name in reversed(self._path):
            self._wrong(len(self._text), "mjml.not_closed", tag=name)
        if not self.problems and "mj-body" not in self._seen:
            self._wrong(0, "mjml.no_body")
        if self._elements * (self._defaults + self._passed_on) > MAX_REPEATED:
            self._wrong(0, "mjml.too_much_repeated")
        return copy

    def _wrong(self, position: int, code: str, **params: str | int) -> None:
        self.problems.append(Problem("html", self._lines.at(position), Reason(code, params)))

    @property
    def _inside(self) -> str:
        return self._path[-1] if self._path else ""

    def _parts(self) -> Iterator[str]:
        position = 0
        while position < len(self._text) and len(self.problems) < MAX_PROBLEMS:
            start = self._text.find("<", position)
            start = start if start >= 0 else len(self._text)
            yield from self._between(position, start)
            if start == len(self._text):
                return
            if self._text.startswith(("<!", "<?"), start):
                position = self._end_of_declaration(start)
                if self._text.startswith("<!--", start):
                    yield self._comment(self._text[start:position], start)
            elif _TAG.match(self._text, start):
                tag = read_tag(self._text, start)
                position = tag.end
                if tag.is_end:
                    yield self._end(tag)
                else:
                    yield self._begin(tag)
                    if tag.name in WITH_HTML and not self._is_closed(tag):
                        position, content = self._content(tag)
                        yield content
            else:
                self._wrong(start, "mjml.stray_bracket")
                position = start + 1

    def _end_of_declaration(self, start: int) -> int:
        closing = "-->" if self._text.startswith("<!--", start) else ">"
        end = self._text.find(closing, start)
        if end < 0:
            self._wrong(start, "mjml.comment_not_closed")
            return len(self._text)
        return end + len(closing)

    def _comment(self, comment: str, start: int) -> str:
        """Return a comment of the author, which may be for Outlook."""
        if self._inside in FIXED:
            return ""
        text = self._guarded.restore(comment)
        return f"<!--{self.words.add(text, self._lines.at(start))}-->"

    # --- between elements --------------------------------------------------------------------

    def _between(self, start: int, end: int) -> Iterator[str]:
        """Yield conditions and loops between elements; text is not allowed there."""
        position = start
        for mark in MARK.finditer(self._text, start, end):
            self._refuse_text(position, mark.start())
            position = mark.end()
            token = self._guarded.token(mark)
            if token.kind == "comment":
                continue
            if self._inside not in CHILDREN:  # inside of an element that is already refused
                continue
            if token.kind == "value":
                self._wrong(mark.start(), "mjml.text_outside", tag=self._inside)
            elif self._inside in FIXED:
                self._wrong(mark.start(), "mjml.condition_not_here", tag=self._inside)
            else:
                line = self._lines.at(mark.start())
                yield f"<!--{self.words.add(token.source, line, is_required=True)}-->"
        self._refuse_text(position, end)

    def _refuse_text(self, start: int, end: int) -> None:
        text = self._text[start:end]
        if text.strip() and self._inside in CHILDREN:
            blank = len(text) - len(text.lstrip())
            self._wrong(start + blank, "mjml.text_outside", tag=self._inside)

    # --- elements ----------------------------------------------------------------------------

    def _is_closed(self, tag: HtmlTag) -> bool:
        return self._text[tag.start : tag.end].endswith("/>")

    def _begin(self, tag: HtmlTag) -> str:
        if not self._is_allowed(tag):
            if tag.name not in VOID and not self._is_closed(tag):
                self._path.append(tag.name)
            return ""
        self._seen.add(tag.name)
        attributes = "".join(self._attributes(tag))
        self._measure(tag, attributes)
        closing = "/>" if self._is_closed(tag) else ">"
        begin = self._break(tag) if self._inside not in FIXED else ""
        if closing == ">" and tag.name not in WITH_HTML:
            self._path.append(tag.name)
            if len(self._path) > MAX_DEPTH:
                self._wrong(tag.start, "mjml.too_deep", most=MAX_DEPTH)
        return f"{begin}<{tag.name}{attributes}{closing}{self._sides(tag)}"

    def _sides(self, tag: HtmlTag) -> str:
        """Return our defaults for right to left, before those of the author."""
        if not self._is_turned or self._is_closed(tag):
            return ""
        if tag.name == "mj-head":
            return RTL_DEFAULTS
        has_head = "<mj-head" in self._text.lower()
        return f"<mj-head>{RTL_DEFAULTS}</mj-head>" if tag.name == "mjml" and not has_head else ""

    def _measure(self, tag: HtmlTag, attributes: str) -> None:
        """Count what makes the page grow faster than its source."""
        if self._inside == "mj-attributes":
            self._defaults += tag.end - tag.start
            return
        self._elements += 1
        if tag.name in CHILDREN:
            self._passed_on = max(self._passed_on, len(attributes))
        if tag.name == "mj-carousel":
            self._images = 0
        self._images += tag.name == "mj-carousel-image"
        if self._images == MAX_CAROUSEL_IMAGES + 1:
            self._wrong(tag.start, "mjml.too_many_images", most=MAX_CAROUSEL_IMAGES)

    def _break(self, tag: HtmlTag) -> str:
        """Return a word that begins a line in the page, so that its lines tell their origin."""
        return f"<!--{self.words.add(chr(10), self._lines.at(tag.start), is_break=True)}-->"

    def _is_allowed(self, tag: HtmlTag) -> bool:
        parent, name = self._inside, tag.name
        if parent not in CHILDREN:  # inside of an element that is already refused
            return False
        if name in CHILDREN[parent]:
            return not (name in _ONCE and self._twice(tag))
        if name == "mj-include":
            self._wrong(tag.start, "mjml.include")
        elif name not in ATTRIBUTES:
            self._unknown_tag(tag)
        else:
            places = sorted(place for place, names in CHILDREN.items() if name in names)
            params = {"tag": name, "inside": parent, "places": ", ".join(places)}
            self._wrong(tag.start, "mjml.wrong_place" if parent else "mjml.outside", **params)
        return False

    def _twice(self, tag: HtmlTag) -> bool:
        if tag.name in self._seen:
            self._wrong(tag.start, "mjml.twice", tag=tag.name)
        return tag.name in self._seen

    def _unknown_tag(self, tag: HtmlTag) -> None:
        if not tag.name.startswith("mj"):
            self._wrong(tag.start, "mjml.html_outside", tag=tag.name)
        elif near := get_close_matches(tag.name, ATTRIBUTES, 1, 0.7):
            self._wrong(tag.start, "mjml.misspelled_tag", tag=tag.name, meant=near[0])
        else:
            self._wrong(tag.start, "mjml.unknown_tag", tag=tag.name)

    def _end(self, tag: HtmlTag) -> str:
        if tag.name not in self._path:
            self._wrong(tag.start, "mjml.not_opened", tag=tag.name)
            return ""
        while (name := self._path.pop()) != tag.name:
            self._wrong(tag.start, "mjml.not_closed", tag=name)
        return f"</{tag.name}>" if tag.name in ATTRIBUTES else ""

    def _content(self, tag: HtmlTag) -> tuple[int, str]:
        """Return the position after an element with HTML, and its copy."""
        closing = re.compile(rf"</{tag.name}\s*>", re.IGNORECASE).search(self._text, tag.end)
        if closing is None:
            self._wrong(tag.start, "mjml.not_closed", tag=tag.name)
            return len(self._text), ""
        inner = self._text[tag.end : closing.start()]
        if script := _SCRIPT.search(inner):
            self._wrong(tag.end + script.start(), "template.script")
        self._check_balance(tag, inner)
        word = ""
        if inner.strip():
            text = self._guarded.restore(inner)
            word = self.words.add(text, self._lines.at(tag.end))
        return closing.end(), f"{word}</{tag.name}>"

    def _check_balance(self, tag: HtmlTag, inner: str) -> None:
        """Warn of HTML that opens or closes what is around it; `mj-raw` is made for that."""
        marks = map(self._guarded.token, MARK.finditer(inner))
        if tag.name in _NO_HTML or any(token.kind == "statement" for token in marks):
            return
        if wrong := fault_of(inner):
            line = self._lines.at(tag.start)
            self.warnings.append(
                found("html", line, "template.unbalanced", blocks=False, tag=wrong)
            )

    # --- attributes --------------------------------------------------------------------------

    def _attributes(self, tag: HtmlTag) -> Iterator[str]:
        if tag.name == "mjml" and tag.get("lang") is None:
            yield f' lang="{entities.escape(self._language)}"'
        if tag.name == "mjml" and tag.get("dir") is None:
            self._is_turned = direction.is_rtl(self._language)
            yield direction.attribute(self._language)
        if self._has_tag_outside(tag):
            self._wrong(tag.start, "mjml.tag_among_attributes", tag=tag.name)
        names = set[str]()
        for attribute in tag.attributes:
            if attribute.name in names:
                self._wrong(
                    attribute.start, "mjml.attribute_twice", attribute=attribute.name, tag=tag.name
                )
            names.add(attribute.name)
            if self._is_known(tag, attribute):
                yield f' {attribute.name}="{self._value(tag, attribute)}"'
        yield from self._own_icons(tag)

    def _has_tag_outside(self, tag: HtmlTag) -> bool:
        values = [(entry.start, entry.end) for entry in tag.attributes]
        return any(
            not any(start <= mark.start() < end for start, end in values)
            for mark in MARK.finditer(self._text, tag.start, tag.end)
        )

    def _is_known(self, tag: HtmlTag, attribute: Attribute) -> bool:
        known = ATTRIBUTES.get(tag.name, _ANY)
        if attribute.name in known:
            return True
        near = get_close_matches(attribute.name, known, 1, 0.7)
        params = {"attribute": attribute.name, "tag": tag.name}
        if near:
            self._wrong(attribute.start, "mjml.misspelled_attribute", **params, meant=near[0])
        elif known:
            listed = ", ".join(sorted(known))
            self._wrong(attribute.start, "mjml.unknown_attribute", **params, known=listed)
        else:
            self._wrong(attribute.start, "mjml.no_attributes", **params)
        return False

    def _value(self, tag: HtmlTag, attribute: Attribute) -> str:
        line = self._lines.at(attribute.start)
        is_read = attribute.name == "name" and tag.name in _READ_NAMES
        if attribute.name in _OPAQUE and not is_read and attribute.value:
            value = self._guarded.restore(attribute.value.replace('"', "&quot;"))
            return self.words.add(value, line, is_required=MARK.search(attribute.value) is not None)
        value = entities.escape(entities.unescape(attribute.value), quote=False)
        # The compiler writes other characters as its own escapes.
        written = _UNUSUAL.sub(lambda one: f"&#{ord(one[0])};", value)
        return MARK.sub(
            lambda mark: self.words.add(self._guarded.token(mark).source, line, is_required=True),
            written,
        )

    def _own_icons(self, tag: HtmlTag) -> Iterator[str]:
        for name, file in ICONS.get(tag.name, {}).items():
            if tag.get(name) is None:
                yield self._icon(tag, name, file)
        if (
            tag.name == "mj-social-element"
            and tag.get("src") is None
            and self._inside == "mj-social"
        ):
            yield from self._network_icon(tag)

    def _network_icon(self, tag: HtmlTag) -> Iterator[str]:
        name = tag.get("name")
        network = name.value.removesuffix("-noshare") if name else ""
        if network not in NETWORKS:
            at = name.start if name else tag.start
            self._wrong(at, "mjml.unknown_network", name=network, known=", ".join(NETWORKS))
            return
        yield self._icon(tag, "src", f"{ICON_FILES.get(network, network)}.png")
        if NETWORKS[network] and tag.get("background-color") is None:
            yield f' background-color="{NETWORKS[network]}"'

    def _icon(self, tag: HtmlTag, attribute: str, file: str) -> str:
        url = entities.escape(self._icons + file)
        return f' {attribute}="{self.words.add(url, self._lines.at(tag.start))}"'


def compile_mjml(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of MJML. It is inlined, unless it is for the editor."""
    expanded = Expanded(source.text, context)
    if expanded.problems:
        return CompiledPage("", problems=tuple(expanded.problems))
    page = mjml_to_html(
        expanded.text,
        language=formatting.language_tag(context.language),
        icons=f"{context.base_url}/static/img/email/",
    )
    problems = tuple(
        replace(problem, line=expanded.line(problem.line)) for problem in page.problems
    )
    try:
        html = page.html if context.is_canvas else inline(page.html)
    except TooMuchCssError:
        return CompiledPage("", problems=(*problems, found("html", 0, "template.too_much_css")))
    html = html.replace("<title></title>", "<title>{{ campaign.subject }}</title>", 1)
    lines = tuple(expanded.line(line) for line in page.lines)
    return CompiledPage(html.replace(f' {KEEP_SHEET}="ignore"', "", 1), None, problems, lines)
