"""HTML as its author wrote it: every byte is kept, unless style sheets are to be inlined."""

from campaigns.content.html import scanner
from campaigns.content.html.inline_css import TooMuchCssError, inline
from campaigns.content.html.lines import Lines
from campaigns.content.html.nesting import MAX_DEPTH, too_deep
from campaigns.content.html.tokens import guard
from campaigns.content.sources.references import Expanded
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext
from campaigns.content.templating.problems import found


def compile_html(source: ContentSource, context: SourceContext) -> CompiledPage:
    """Return the page of an HTML source."""
    expanded = Expanded(source.text, context)
    if not source.inline_css:
        return CompiledPage(expanded.text, None, tuple(expanded.problems), expanded.lines)
    guarded = guard(expanded.text)
    tags = (part for part in scanner.read(guarded.text) if isinstance(part, scanner.HtmlTag))
    if (deep := too_deep(tags)) is not None:
        line = expanded.line(Lines(guarded).at(deep.start))
        problem = found("html", line, "template.too_deep_to_inline", most=MAX_DEPTH)
        return CompiledPage(expanded.text, None, (*expanded.problems, problem), expanded.lines)
    problems = list(expanded.problems)
    html = expanded.text
    if not context.is_canvas:
        try:
            html = inline(html)
        except TooMuchCssError:
            problems.append(found("html", 0, "template.too_much_css"))
    return CompiledPage(html, None, tuple(problems), expanded.lines)
