"""Replace what a source refers to: snippets by their text, images of the media library by URLs."""

import html
import re
from collections.abc import Iterator, Mapping

from campaigns.content.html.lines import Composed
from campaigns.content.html.plain_text import text_of
from campaigns.content.html.tokens import MARK, Token, guard, normalise
from campaigns.content.sources.source import MediaFile, SourceContext
from campaigns.content.templating.limits import MAX_SOURCE
from campaigns.content.templating.problems import Problem, found
from campaigns.reason import Reason

MAX_PROBLEMS = 20
_SNIPPET = re.compile(r"""\s*snippet\s*(?:\.\s*(\w+)|\[\s*["']([\w-]+)["']\s*\])\s*""")
_MENTIONED = re.compile(r"\bsnippet\s*[.\[]")
_MEDIA = re.compile(r"(?<![\w:/.-])media:([A-Za-z0-9]{12})(?![A-Za-z0-9])")


class Expanded:
    """A source with everything that it refers to. `problems` has what is missing.

    `is_text`: the source is plain text, and so become snippets.
    """

    def __init__(self, source: str, context: SourceContext, *, is_text: bool = False) -> None:
        self._snippets, self._is_text = context.snippets, is_text
        self._whole: dict[str, str] = {}
        self.problems: list[Problem] = []
        composed, length = Composed(), 0
        for static, token, line in _parts(normalise(source)):
            composed.add(static, line - static.count("\n"))
            text = "" if token is None else self._text_of(token, (), line)
            if token is not None:
                composed.add(text, line, spans_lines=text == token.source)
            length += len(static) + len(text)
            if length > MAX_SOURCE:
                break  # too long already, and perhaps a thousand times longer in the end
        self._lines = composed.lines
        self.text = self._with_media(composed.text, context.media)
        if len(self.text) > MAX_SOURCE:
            kilobytes = MAX_SOURCE // 1024
            self.problems = [found("html", 0, "template.source_too_long", kilobytes=kilobytes)]

    @property
    def lines(self) -> tuple[int, ...]:
        """For each line of the text, the line of the source."""
        return tuple(self._lines)

    def line(self, number: int) -> int:
        """Return the line of the source for a line of the text. 0 stays 0."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else number

    def _text_of(self, token: Token, within: tuple[str, ...], line: int) -> str:
        """Return the text of a snippet, with those in it; any other token stays as written."""
        if token.kind == "comment" or not _MENTIONED.search(token.inner):
            return token.source
        named = _SNIPPET.fullmatch(token.inner) if token.kind == "value" else None
        if named is None:
            self._wrong(line, "reference.not_alone", tag=token.source[:80])
            return token.source
        key = named[1] or named[2]
        if key in within:
            self._wrong(line, "reference.recursive", path=" → ".join((*within, key)))
        elif key not in self._snippets:
            self._wrong(line, "reference.unknown_snippet", key=key)
        elif len(self.problems) < MAX_PROBLEMS:
            text = self._snippet(key, within, line)
            return text_of(text) if self._is_text and not within else text
        return ""

    def _snippet(self, key: str, within: tuple[str, ...], line: int) -> str:
        """Return the text of a snippet. Each is read once, however often others name it."""
        if key in self._whole:
            return self._whole[key]
        pieces, length = list[str](), 0
        for static, token, _ in _parts(normalise(self._snippets[key])):
            pieces.append(static)
            if token is not None:
                pieces.append(self._text_of(token, (*within, key), line))
            length += sum(map(len, pieces[-2:]))
            if length > MAX_SOURCE:
                break  # too long already, and perhaps a hundred times longer in the end
        self._whole[key] = "".join(pieces)
        return self._whole[key]

    def _with_media(self, text: str, media: Mapping[str, MediaFile]) -> str:
        def url(match: re.Match[str]) -> str:
            file = media.get(match[1])
            if file is None:
                line = self.line(text.count("\n", 0, match.start()) + 1)
                self._wrong(line, "reference.unknown_image", id=match[1])
            if file is None:
                return match[0]
            return file.url if self._is_text else html.escape(file.url)

        return _MEDIA.sub(url, text)

    def _wrong(self, line: int, code: str, **params: str) -> None:
        problem = Problem("html", line, Reason(code, params))
        if problem not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def _parts(source: str) -> Iterator[tuple[str, Token | None, int]]:
    """Yield the texts between tokens, each with the token after it and the line where it ends."""
    guarded = guard(source)
    position, line = 0, 1
    for mark in MARK.finditer(guarded.text):
        static, token = guarded.text[position : mark.start()], guarded.token(mark)
        line += static.count("\n")
        yield static, token, line
        line += token.source.count("\n")
        position = mark.end()
    static = guarded.text[position:]
    yield static, None, line + static.count("\n")
