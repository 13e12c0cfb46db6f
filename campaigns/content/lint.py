"""Find content that is valid HTML but does not work in email: dead links, foreign merge tags.

Reads guarded HTML and returns warnings with their lines. What no recipient must get, such as a dead
unsubscribe link, blocks the campaign. Takes linear time.
"""

import html as entities
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import Literal
from urllib.parse import unquote

from campaigns.content import targets
from campaigns.content.html.attributes import decode
from campaigns.content.html.links import clean_url
from campaigns.content.html.scanner import Attribute, HtmlTag, Text
from campaigns.content.html.tokens import CLOSE, MARK, OPEN, Guarded
from campaigns.content.merge_tags import (
    equivalent_of,
    foreign_tags,
    is_field,
    is_foreign_braces,
    is_foreign_element,
    tags_by_signs,
)
from campaigns.content.templating.problems import Field, Problem
from campaigns.reason import Reason

_WAY_OUT = "{{ unsubscribe_url }}"
LONGEST_EXCERPT = 60
MAX_FINDINGS = 50

_MANGLED = re.compile(
    r"(?:%(?:25)?7B|\{){2}((?:(?!%(?:25)?7B|\{)[^\n]){0,200}?)(?:%(?:25)?7D|\}){2}", re.IGNORECASE
)
"""Braces that an editor has encoded; real fields are already replaced by marks."""
_SCHEME_BEFORE_OWN = re.compile(r"https?://", re.IGNORECASE)
_OWN_FIELD = re.compile(r"\s*(unsubscribe_url|view_url)\b")
_UNSUBSCRIBE = re.compile(
    r"unsubscrib|opt[ -]?out|abmelden|abbestellen|d[ée]sabonn|d[ée]sinscri|darse de baja"
    r"|cancelar (?:la )?suscri|disiscri|afmelden|uitschrijven|wypisz|avregistrera",
    re.IGNORECASE,
)
_DUMMY_TEXT = re.compile(
    r"lorem\s{1,9}ipsum\b"
    r"|\b(?:your|(?:add|enter|insert|put|type|write|place)(?:\s(?:your|an?|some|the))?)\s{1,9}"
    r"(?:\w{1,20}\s{1,9})?(?:text|headline|heading|title|subject(?:\sline)?|logo|image|picture|photo"
    r"|content|copy|caption|preheader|preview\stext|company\sname|tagline)\s{1,9}(?:goes\s)?here\b"
    r"|\[(?:(?:your|insert|enter|add)\s[\w ']{1,40}"
    r"|(?:product|event|brand|business|venue|speaker)\s(?:name|address|title|logo))\]",
    re.IGNORECASE,
)
_STYLE_URL = re.compile(r"""url\(\s{0,20}(?:"([^"\n]*)"|'([^'\n]*)'|([^"'()\s]*))""", re.IGNORECASE)
_STRING = re.compile(r""""([^"\\\n]*)"|'([^'\\\n]*)'""")
_GIVES = re.compile(r"=|\sin\s")
_NAME = re.compile(r"[A-Za-z_]\w*")
_SRCSET = re.compile(r"(?:^|,\s)\s*([^\s,]\S*)")
_READ_ATTRIBUTES = frozenset({"href", "src", "alt", "title", "background", "action"})
_SOURCES = {
    "img": ("src",),
    "input": ("src",),
    "source": ("src",),
    "video": ("src", "poster"),
    "v:fill": ("src",),
    "v:image": ("src",),
    "v:imagedata": ("src",),
}
"""Attributes with image URLs, besides `background`."""
_SAMPLE_IMAGES = "/static/img/placeholder/"
"""Folder of the images in the starter designs, which must be replaced."""
_CODE = frozenset({"code", "pre", "kbd", "samp"})
"""Elements that show source code: apparent merge tags in them are text."""
_FORMATTING = frozenset({"b", "big", "em", "font", "i", "small", "span", "strong", "u", "wbr"})
_SENTENCE = re.compile(f"[^\\s.!?{OPEN}{CLOSE}](?:[^.!?{OPEN}{CLOSE}]|[.!?](?!\\s))*[.!?]*")
SHORTEST_STARTER = 21
"""Length from which a design's text must be replaced, in characters; shorter ones may be labels."""

Kind = Literal["link", "image", "placeholder", "starter", "field", "merge tag"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its subject. `field`: one of our merge tags, mangled."""

    kind: Kind
    problem: Problem


def given_names(guarded: Guarded) -> Collection[str]:
    """Return names that the template defines by `set` and `for`."""
    return {
        name
        for token in guarded.tokens
        if token.keyword in {"set", "for"}
        for name in _NAME.findall(_GIVES.split(token.inner, maxsplit=1)[0])
    }


@dataclass(frozen=True)
class ParsedPage:
    """Guarded HTML and its parts, from scanner.read_whole."""

    guarded: Guarded
    parts: Sequence[HtmlTag | Text]

    def line(self, position: int) -> int:
        """Return the source line of a position in the guarded text."""
        positions, lines = self._lines
        at = bisect_right(positions, position) - 1
        return lines[at] if at >= 0 else 1

    @cached_property
    def _lines(self) -> tuple[list[int], list[int]]:
        positions, lines, line = [], [], 1
        for found in re.finditer(f"\n|{MARK.pattern}", self.guarded.text):
            line += 1 if found[0] == "\n" else self.guarded.token(found).source.count("\n")
            positions.append(found.end())
            lines.append(line)
        return positions, lines

    @cached_property
    def given(self) -> Collection[str]:
        """Return names that the content defines itself."""
        return given_names(self.guarded)

    @cached_property
    def places(self) -> Collection[str] | None:
        """Return the anchors that links within the email can lead to; None if some are unknown."""
        names = {
            attribute.value
            for part in self.parts
            if isinstance(part, HtmlTag)
            for attribute in part.attributes
            if attribute.name == "id" or (attribute.name == "name" and part.name == "a")
        }
        return None if any(map(MARK.search, names)) else {decode(name) for name in names}


def lint(page: ParsedPage, own_url: str = "") -> list[Finding]:
    """Find dead links and images, placeholders, foreign and mangled merge tags.

    URLs below `own_url`, which this installation serves, are assumed to work: whether recipients
    can reach it is one question about the installation, not one about each image.
    """
    found = sorted(
        _Reader(page, own_url).read(),
        key=lambda finding: (not finding.problem.blocks, finding.problem.line),
    )
    return list(dict.fromkeys(found))


def lint_text(field: Field, guarded: Guarded) -> list[Finding]:
    """Return merge tags of other programs and placeholders in a subject or preheader."""
    text = guarded.text
    found: list[tuple[Kind, Reason]] = [("merge tag", _foreign(tag)) for tag in _tags(text)]
    found += [
        ("merge tag", _foreign(tag)) for tag in _tags_in_fields(guarded, text, given_names(guarded))
    ]
    found += [("field", _mangled(name)) for name in _MANGLED.finditer(text)]
    found += [("starter", _dummy(dummy[0])) for dummy in _DUMMY_TEXT.finditer(text)]
    return [
        Finding(kind, Problem(field, 0, reason, blocks=False))
        for kind, reason in dict.fromkeys(found)
    ][:MAX_FINDINGS]


def _foreign(tag: str, *, is_link: bool = False) -> Reason:
    meant, shown = equivalent_of(tag), _excerpt(tag)
    if not meant:
        return Reason("lint.merge_tag", {"tag": shown})
    if is_link and meant.endswith("_url }}"):
        return Reason("lint.merge_tag_meant_as_link", {"tag": shown, "meant": meant})
    return Reason("lint.merge_tag_meant", {"tag": shown, "meant": meant})


def _dummy(text: str) -> Reason:
    return Reason("lint.placeholder_text", {"text": _excerpt(text)})


def _mangled(found: re.Match[str]) -> Reason:
    return Reason("lint.encoded_field", {"text": _excerpt(found[0]), "meant": _unmangled(found)})


def _unmangled(found: re.Match[str]) -> str:
    return f"{{{{ {' '.join(unquote(unquote(found[1])).split())} }}}}"


def _tags(text: str) -> Iterable[str]:
    return dict.fromkeys(tag for _, tag in foreign_tags(text))


def _tags_in_fields(guarded: Guarded, text: str, given: Collection[str]) -> Iterator[str]:
    """Yield merge tags of other programs inside our own braces, as a field or in a string.

    `given` are names that the template defines itself.
    """
    for mark in MARK.finditer(text):
        token = guarded.token(mark)
        is_value, is_statement = token.kind == "value", token.kind == "statement"
        if (is_value and is_foreign_braces(token.inner, given)) or (
            is_statement and is_field(token.keyword)
        ):
            yield token.source
        elif is_value or is_statement:
            for string in _STRING.finditer(token.inner):
                yield from _tags(string[1] or string[2] or "")


class _Reader:
    def __init__(self, page: ParsedPage, own_url: str) -> None:
        self._page, self._guarded = page, page.guarded
        self._own = f"{own_url}/" if own_url else ""

    def read(self) -> Iterator[Finding]:
        code, run = 0, list[Text]()
        for index, part in enumerate(self._page.parts):
            if isinstance(part, Text):
                if part.raw_of == "style":
                    yield from self._style(self._guarded.text[part.start : part.end], part.start)
                elif part.raw_of in ("", "title") and not code:
                    yield from self._text(part)
                    run.append(part)
                continue
            if part.name not in _FORMATTING:
                yield from self._cut_up(run)
                run.clear()
            if part.name in _CODE:
                code = max(0, code + (-1 if part.is_end else 1))
            elif not part.is_end:
                yield from self._tag(part, index)
        yield from self._cut_up(run)

    def _cut_up(self, run: Sequence[Text]) -> Iterator[Finding]:
        """Yield merge tags with formatting inside, as editors leave them: `*|<b>FNAME</b>|*`."""
        if len(run) < 2:
            return
        pieces = [entities.unescape(self._guarded.text[part.start : part.end]) for part in run]
        begins = list(accumulate(map(len, pieces), initial=0))
        text = "".join(pieces)
        found = [(at, at + len(tag), _foreign(tag)) for at, tag in tags_by_signs(text)]
        for own in _MANGLED.finditer(text):
            reason = Reason("lint.formatting_in_field", {"meant": _unmangled(own)})
            found.append((own.start(), own.end(), reason))
        for at, end, reason in found:
            index = bisect_right(begins, at) - 1
            if end > begins[index + 1]:  # _text finds tags within one piece
                before = pieces[index][: at - begins[index]]
                yield self._finding("merge tag", run[index].start, reason, before=before)

    def _text(self, part: Text) -> Iterator[Finding]:
        text = entities.unescape(self._guarded.text[part.start : part.end])
        found: dict[Reason, tuple[int, Kind]] = {}
        for at, tag in foreign_tags(text):
            found.setdefault(_foreign(tag), (at, "merge tag"))
        for mark in MARK.finditer(text):
            for tag in _tags_in_fields(self._guarded, mark[0], self._page.given):
                found.setdefault(_foreign(tag), (mark.start(), "merge tag"))
        for field in _MANGLED.finditer(text):
            found.setdefault(_mangled(field), (field.start(), "field"))
        for dummy in _DUMMY_TEXT.finditer(text):
            found.setdefault(_dummy(dummy[0]), (dummy.start(), "starter"))
        for reason, (at, kind) in islice(found.items(), MAX_FINDINGS):
            yield self._finding(kind, part.start, reason, before=text[:at])

    def _tag(self, tag: HtmlTag, index: int) -> Iterator[Finding]:
        yield from self._foreign_element(tag, index)
        for attribute in tag.attributes:
            if attribute.name in _READ_ATTRIBUTES:
                value = decode(attribute.value)
                for found in self._tags(value):
                    yield self._finding("merge tag", attribute.start, _foreign(found))
            if attribute.name == "style":
                yield from self._style(decode(attribute.value), attribute.start)
            if attribute.name in ("background", *_SOURCES.get(tag.name, ())):
                yield from self._image(attribute.start, attribute.value)
            if attribute.name == "srcset":
                for source in _SRCSET.findall(attribute.value):
                    yield from self._image(attribute.start, source)
        if tag.name == "img" and tag.get("src") is None:
            yield from self._image(tag.start, "")
        elif tag.name in {"a", "area"} or (tag.name.startswith("v:") and tag.get("href")):
            yield from self._link(tag, tag.get("href"), index)

    def _tags(self, value: str) -> Iterable[str]:
        """Yield tags of other programs in an attribute; editors encode them in URLs."""
        found = [*_tags(value), *_tags_in_fields(self._guarded, value, self._page.given)]
        return found or _tags(unquote(value))

    def _foreign_element(self, tag: HtmlTag, index: int) -> Iterator[Finding]:
        """Yield `<unsubscribe>`, and `<<First Name>>`, which is parsed as a tag in brackets."""
        text = self._guarded.text
        written = text[tag.start : tag.end]
        classes = tag.get("class")
        if text[tag.start - 1 : tag.start] == "<" and text[tag.end : tag.end + 1] == ">":
            yield self._finding("merge tag", tag.start, _foreign(f"<{written}>"))
        elif is_foreign_element(tag.name):
            reason = _foreign(f"<{tag.name}>", is_link=True)
            blocks = equivalent_of(tag.name) == _WAY_OUT
            yield self._finding("merge tag", tag.start, reason, blocks=blocks)
        elif classes and "eloquaemail" in classes.value.lower().split():
            shown = _shown(text, self._page.parts, index)
            yield self._finding("merge tag", tag.start, _foreign(f"{written}{shown}"))

    # --- links -------------------------------------------------------------------------------

    def _link(self, tag: HtmlTag, href: Attribute | None, index: int) -> Iterator[Finding]:
        shown = _shown(self._guarded.text, self._page.parts, index)
        is_way_out = bool(_UNSUBSCRIBE.search(shown))
        if href is None:
            if tag.name == "a" and shown and not (tag.get("name") or tag.get("id")):
                dead = Reason("target.none")
                yield self._dead_link(tag, _named(shown, ""), dead, is_way_out=is_way_out)
            return
        if (mangled := self._mangled(href.value, shown)) is not None:
            yield self._finding("field", tag.start, mangled, blocks=True)
            return
        for url in _addresses(self._guarded, href.value):
            yield from self._target(tag, url, shown, is_way_out=is_way_out)

    def _is_own(self, url: str) -> bool:
        return bool(self._own) and url.strip().startswith(self._own)

    def _target(self, tag: HtmlTag, url: str, shown: str, *, is_way_out: bool) -> Iterator[Finding]:
        if self._is_own(url):
            return
        name = _named(shown, url)
        if (dead := targets.dead_target(url, places=self._page.places)) is not None:
            is_way_out = is_way_out or any(
                equivalent_of(tag) == _WAY_OUT for tag in (*_tags(url), *_tags(unquote(url)))
            )
            yield self._dead_link(tag, name, dead, is_way_out=is_way_out)
        elif targets.is_placeholder(url):
            reason = Reason("target.placeholder_link", {"target": name})
            yield self._finding("placeholder", tag.start, reason, blocks=is_way_out)

    def _dead_link(self, tag: HtmlTag, name: str, dead: Reason, *, is_way_out: bool) -> Finding:
        if is_way_out:
            reason = Reason("target.dead_way_out", {"target": name, "meant": _WAY_OUT})
        elif not name:
            reason = Reason("target.none_unnamed")
        else:
            reason = _about(name, dead)
        return self._finding("link", tag.start, reason, blocks=is_way_out)

    def _mangled(self, value: str, shown: str) -> Reason | None:
        """Return how a merge tag in a URL was mangled; None if it was not."""
        name = _excerpt(shown) or _excerpt(value)
        if found := _MANGLED.search(decode(value)):
            params = {"target": name, "meant": _unmangled(found)}
            return Reason("lint.encoded_field_in_link", params)
        pieces, is_query = MARK.split(value), False
        for index, mark in enumerate(MARK.finditer(value)):
            token = self._guarded.token(mark)
            own = _OWN_FIELD.match(token.inner) if token.kind == "value" else None
            before, after = decode(pieces[2 * index]).strip(), decode(pieces[2 * index + 2]).strip()
            is_query = is_query or "?" in before
            if own is None or is_query:
                continue
            params = {"target": name, "field": own[1]}
            if before and (own[1] == "unsubscribe_url" or _SCHEME_BEFORE_OWN.fullmatch(before)):
                return Reason("lint.text_before_field", {**params, "text": _excerpt(before)})
            if after and not after.startswith(("?", "#")) and after != "/":
                return Reason("lint.text_after_field", {**params, "text": _excerpt(after)})
        return None

    # --- images ------------------------------------------------------------------------------

    def _image(self, position: int, value: str) -> Iterator[Finding]:
        if found := _MANGLED.search(decode(value)):
            yield self._finding("field", position, _mangled(found), blocks=True)
            return
        for address in _addresses(self._guarded, value):
            yield from self._source(position, address)

    def _style(self, css: str, position: int) -> Iterator[Finding]:
        """Check images and fonts of styles. `#` refers to the email itself, and data: is common."""
        for found in _STYLE_URL.finditer(css):
            value = (found[1] or found[2] or found[3] or "").strip()
            if value and not value.lower().startswith(("#", "data:")):
                for address in _addresses(self._guarded, value):
                    yield from self._source(position + found.start(), address)

    def _source(self, position: int, address: str) -> Iterator[Finding]:
        is_sample = self._is_own(address) and _SAMPLE_IMAGES in address
        if self._is_own(address) and not is_sample:
            return
        name = _excerpt(address.strip())
        if not is_sample and (lost := _lost(address)) is not None:
            reason = _about(name, lost) if name else Reason("target.no_source_unnamed")
            yield self._finding("image", position, reason)
        elif is_sample or targets.is_placeholder(address):
            reason = Reason("target.placeholder_image", {"target": name})
            yield self._finding("placeholder", position, reason)

    def _finding(
        self, kind: Kind, position: int, reason: Reason, *, before: str = "", blocks: bool = False
    ) -> Finding:
        """Create a finding. `before`: the decoded text between this position and the finding."""
        line = self._page.line(position) + self._guarded.restore(before).count("\n")
        return Finding(kind, Problem("html", line, reason, blocks))


def _named(shown: str, url: str) -> str:
    """Name a link by its text and URL, if it has any."""
    address = "" if url.strip() in {"", "#"} else _excerpt(url)
    return " → ".join(part for part in (_excerpt(shown), address) if part)


def _about(name: str, dead: Reason) -> Reason:
    """Add to the reason of a dead target which link or image it is about."""
    return Reason(dead.code, {**dead.params, "target": name})


def _lost(address: str) -> Reason | None:
    """Return why some recipients do not see an image; None if all do."""
    url = clean_url(address).lower()
    if url.startswith("data:"):
        return Reason("target.embedded_image")
    if url.startswith("cid:"):
        return Reason("target.attached_image")
    return targets.dead_target(address, is_image=True)


def _addresses(guarded: Guarded, value: str) -> list[str]:
    """Return the possible URLs of an attribute, as far as known before rendering.

    A merge tag after the host counts as text. Conditions around whole URLs give one URL per
    branch.
    """
    marks = list(MARK.finditer(value))
    if not marks:
        return [decode(value)]
    begin = decode(value[: marks[0].start()])
    if begin.strip():
        filled = decode(MARK.sub("…", value))
        return [filled] if targets.is_host_known(begin) else []
    if any(guarded.token(mark).kind == "value" for mark in marks):
        return []
    return [decode(branch) for branch in MARK.split(value)[::2] if branch.strip()]


def _shown(html: str, parts: Sequence[HtmlTag | Text], index: int) -> str:
    """Return the text of the link that begins here, including alternative texts of images."""
    words: list[str] = []
    begin = parts[index]
    name = begin.name if isinstance(begin, HtmlTag) else ""
    if name == "area":
        alt = begin.get("alt") if isinstance(begin, HtmlTag) else None
        return decode(MARK.sub("", alt.value)) if alt else ""
    for part in parts[index + 1 : index + 41]:
        if isinstance(part, Text):
            words.append(entities.unescape(MARK.sub("", html[part.start : part.end])))
        elif part.name == name:
            break
        elif part.name == "img" and (alt := part.get("alt")) is not None:
            words.append(decode(MARK.sub("", alt.value)))
    return " ".join(" ".join(words).split())


def _excerpt(text: str) -> str:
    text = " ".join(MARK.sub("…", text).split())
    return text if len(text) <= LONGEST_EXCERPT else text[: LONGEST_EXCERPT - 1] + "…"


# --- starter designs ------------------------------------------------------------------------------


def sentences(page: ParsedPage) -> set[str]:
    """Return the sentences of a design, which must be replaced."""
    return {text for _, text in _sentences(page)}


def untouched(page: ParsedPage, samples: Collection[str]) -> list[Finding]:
    """Return sentences of a starter design that are still in the content."""
    found = ((line, text) for line, text in _sentences(page) if text in samples)
    return [
        Finding("starter", Problem("html", line, reason, blocks=False))
        for line, text in islice(found, MAX_FINDINGS)
        for reason in [Reason("lint.starter_text", {"text": _excerpt(text)})]
    ]


def _sentences(page: ParsedPage) -> Iterator[tuple[int, str]]:
    """Return (line, sentence) of visible texts, except short ones. Merge tags separate them."""
    for part in page.parts:
        if isinstance(part, Text) and not part.raw_of and not part.is_hidden:
            for found in _SENTENCE.finditer(page.guarded.text, part.start, part.end):
                shown = " ".join(entities.unescape(found[0]).split())
                if len(shown) >= SHORTEST_STARTER:
                    yield page.line(found.start()), shown
