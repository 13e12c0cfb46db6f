"""Markdown -> HTML in the layout of the brand.

Merge tags are words while Markdown is parsed. A line with only conditions or loops applies to whole
paragraphs, list items or table rows (`markdown_blocks`). HTML in Markdown stays as it is written.
The result is the only block of a document with the brand's logo and footer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from campaigns.content.brand_style import BrandStyle
from campaigns.content.html.inline_css import inline_sheet
from campaigns.content.html.lines import Composed, Lines
from campaigns.content.html.links import MAX_LINKS
from campaigns.content.html.tokens import MARK, Guarded, guard, new_word
from campaigns.content.html.tokens import Token as TemplateToken
from campaigns.content.sources.blocks.balance import fault_of
from campaigns.content.sources.blocks.compile import compile_blocks
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    BlockColumn,
    BlockSection,
    Document,
    FooterRow,
    HtmlBlock,
    LogoBlock,
)
from campaigns.content.sources.markdown_blocks import StatementLine, arrange, prepare
from campaigns.content.sources.markdown_style import CLASS, dark_rules, light_rules
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.content.templating.problems import Problem, found

MAX_SOURCE = 128 * 1024
MAX_BRACKETS = 5_000
"""Opening square brackets, as the parser looks for the end of a link from each of them."""
MAX_COLUMNS = 50
MAX_CELLS = 3_000
"""Cells of all tables. A row of one letter is padded to all columns, and a cell takes 0.3 ms."""
MAX_NESTING = 60
_SCRIPT = re.compile(r"<script\b", re.IGNORECASE)
_PARSER = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
_RENDERER = RendererHTML()
_CONTENT = "<!--content-->"
_WITH_LINES = frozenset({"inline", "html_block", "fence", "code_block"})


@dataclass(frozen=True, slots=True)
class ConvertedMarkdown:
    """HTML made of Markdown, and for each line of it the line of the source."""

    html: str
    lines: Sequence[int]
    problems: tuple[Problem, ...]


def compile_markdown(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of Markdown."""
    expanded = Expanded(source.text, context)
    problems = [*expanded.problems, *_too_much(expanded.text)]
    if problems:
        return CompiledPage("", problems=tuple(problems))
    content = _Conversion(guard(expanded.text)).run()
    if content.problems:
        return CompiledPage("", problems=content.problems)
    brand = context.brand
    styled = inline_sheet(
        f'<div class="{CLASS}">{content.html}</div>', light_rules(brand, context.language)
    )
    warnings = list(_unbalanced(content.html))
    page = compile_blocks(ContentSource("blocks", _layout(brand)), context)
    before, _, after = page.html.partition(_CONTENT)
    before = before.replace("</head>", f"<style>{dark_rules(brand)}</style></head>", 1)
    composed = Composed()
    composed.add(before, 1, spans_lines=False)
    lines = [*composed.lines[:-1], *map(expanded.line, content.lines)]
    lines += [lines[-1]] * after.count("\n")
    return CompiledPage(
        f"{before}{styled}{after}", None, (*_of_layout(page), *warnings), tuple(lines)
    )


def _of_layout(page: CompiledPage) -> Iterator[Problem]:
    """Yield the problems of the layout, such as a missing logo, which are in no block here."""
    for problem in page.problems:
        yield replace(problem, block="", line=0)


def _unbalanced(html: str) -> Iterator[Problem]:
    """Yield a warning if HTML of the author opens or closes what is around it."""
    has_statement = any(token.kind == "statement" for token in guard(html).tokens)
    if not has_statement and (wrong := fault_of(html)):
        yield found("html", 0, "template.unbalanced", blocks=False, tag=wrong)


def _layout(brand: BrandStyle) -> str:
    """Return the document of blocks around the content."""
    blocks: list[AnyBlock] = [HtmlBlock(type="html", id="content", code=_CONTENT)]
    if brand.logo:
        blocks.insert(0, LogoBlock(type="logo", id="logo"))
    section = BlockSection(
        type="section", id="section", columns=[BlockColumn(id="column", blocks=blocks)]
    )
    return Document(rows=[section, FooterRow(type="footer", id="footer")]).model_dump_json()


def _too_much(text: str) -> list[Problem]:
    if len(text) > MAX_SOURCE:
        return [found("html", 0, "template.source_too_long", kilobytes=MAX_SOURCE // 1024)]
    if text.count("[") > MAX_BRACKETS:
        return [found("html", 0, "template.too_many_links", most=MAX_LINKS)]
    return _too_much_in_tables(text)


def _is_under_headings(line: str) -> bool:
    """Return whether it looks like the line below the headings of a table."""
    rest = line.lstrip(" \t>")
    return "-" in rest and "|" in rest and not rest.strip("-:| \t")


def _too_much_in_tables(text: str) -> list[Problem]:
    """Return why the tables are too large, before they are converted."""
    cells, columns = 0, 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            columns = 0
        elif _is_under_headings(line):
            columns = line.strip(" \t>|").count("|") + 1
            if columns > MAX_COLUMNS:
                most = MAX_COLUMNS
                return [found("html", number, "template.too_many_columns", most=most)]
        cells += columns
        if cells > MAX_CELLS:
            return [found("html", number, "template.too_many_cells", most=MAX_CELLS)]
    return []


class _Conversion:
    """Converts guarded Markdown."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._word = new_word()
        word = rf"{self._word}(\d+)z"
        self._words = re.compile(rf"<!--{word}-->|{word}")

    def run(self) -> ConvertedMarkdown:
        text = self._guarded.text
        starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
        numbers = [*map(Lines(self._guarded).at, starts)]
        prepared = prepare(text.split("\n"), self._statements)
        origins = [numbers[number] for number in prepared.origins]
        source = MARK.sub(self._word_for, "\n".join(prepared.lines))
        tokens = arrange(_PARSER.parse(source), prepared.rows, self._keywords)
        problems = [
            found("html", origins[token.map[0]], "template.nested_too_deep")
            for token in tokens
            if token.level >= MAX_NESTING - 1 and token.map
        ][:1]
        if script := _SCRIPT.search(text):
            problems.append(
                found("html", Lines(self._guarded).at(script.start()), "template.script")
            )
        composed = self._rendered(tokens, origins)
        return ConvertedMarkdown(composed.text, composed.lines, tuple(problems))

    def _word_for(self, mark: re.Match[str]) -> str:
        return f"{self._word}{mark[1]}z"

    def _statements(self, line: str) -> StatementLine | None:
        tokens = [self._guarded.token(mark) for mark in MARK.finditer(line)]
        if not tokens or MARK.sub("", line).strip():
            return None
        if any(token.kind == "value" for token in tokens):
            return None
        comment = MARK.sub(lambda mark: f"<!--{self._word_for(mark)}-->", line.strip())
        return StatementLine(comment, tuple(token.keyword for token in tokens))

    def _keywords(self, html: str) -> tuple[str, ...]:
        if self._words.sub("", html).strip():
            return ()
        return tuple(self._token(word).keyword for word in self._words.finditer(html))

    def _token(self, word: re.Match[str]) -> TemplateToken:
        return self._guarded.tokens[int(word[1] or word[2])]

    def _rendered(self, tokens: Sequence[Token], origins: Sequence[int]) -> Composed:
        composed, line = Composed(), 1
        for index, token in enumerate(tokens):
            if token.map and token.map[0] < len(origins):
                line = origins[token.map[0]]
            html = self._words.sub(lambda word: self._token(word).source, _html_of(tokens, index))
            composed.add(html, line, spans_lines=token.type in _WITH_LINES)
        return composed


def _html_of(tokens: Sequence[Token], index: int) -> str:
    """Return the HTML of one token."""
    token, options = tokens[index], _PARSER.options
    if token.type == "inline":
        return _RENDERER.renderInline(token.children or [], options, {})
    rule = _RENDERER.rules.get(token.type, _RENDERER.renderToken)
    return str(rule(tokens, index, options, {}))
