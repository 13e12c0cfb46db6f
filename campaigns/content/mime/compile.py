"""Check and compile a campaign's content, once per campaign.

The HTML is parsed once: template tokens are replaced by marks, links are found, the text part is
derived, and the footer is added. The result is four small programs (subject, preheader, text, HTML)
that run for every recipient.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from jinja2 import nodes
from markupsafe import Markup

from campaigns.content import lint
from campaigns.content.cache import ContentCache
from campaigns.content.html import links, scanner, tokens, wrapper
from campaigns.content.html.plain_text import Converted, template_source, to_text
from campaigns.content.html.tokens import Guarded
from campaigns.content.mime import embedded_images
from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.compiled import (
    Compiled,
    Content,
    MessageSigner,
    Programs,
    Rendered,
    header_text,
    sender_fields,
)
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource
from campaigns.content.sources.text import always_shown, text_template
from campaigns.content.templating import checker, limits
from campaigns.content.templating.checker import Available
from campaigns.content.templating.environment import HEADER, HTML_BODY, TEXT_BODY
from campaigns.content.templating.problems import (
    Field,
    Problem,
    RenderError,
    TemplateProblemError,
    found,
)
from campaigns.content.templating.program import TemplateProgram, compile_template
from campaigns.messages import Recipient
from campaigns.tokens import Signer

__all__ = [
    "Attachment",
    "Compiled",
    "Content",
    "MessageSigner",
    "Problem",
    "RenderError",
    "Rendered",
    "TemplateProblemError",
    "check_content",
    "compile_content",
    "depends_on_values",
    "lint_content",
    "sentences_of",
    "show_tags",
]

MAX_HTML = 1024 * 1024
MAX_TEXT = 512 * 1024
MAX_HEADER = 16 * 1024
_FIELDS: tuple[Field, ...] = ("subject", "preheader", "html")


def available(content: Content, attributes: Collection[str] | None = None) -> Available:
    """Return the merge tags that templates may use, with the subscriber attributes in use."""
    # Only if there are any: content of earlier versions may use these names for its own values.
    own = {"var": frozenset(content.variables)} if content.variables else {}
    if content.feed is not None:
        own["feed"] = frozenset(content.feed)
    return Available(
        groups={
            **own,
            "subscriber": frozenset(
                {"name", "first_name", "last_name", "address", "email", "attributes", "tags"}
            ),
            "campaign": frozenset({"subject"}),
            "sender": frozenset({"name", "address", "identity", "postal_address"}),
            "list": frozenset({"name"}),
            checker.SEGMENTS: frozenset(),
        },
        names=frozenset({"unsubscribe_url", "view_url", "preheader"}),
        attributes=None if attributes is None else frozenset(attributes),
        segments=content.known_segments,
    )


def compile_content(
    content: Content, signer: Signer, dkim: MessageSigner | None = None
) -> Compiled:
    """Check and compile. Raises TemplateProblemError for blocking problems.

    Also renders an example, to detect content that can never be rendered. `dkim` signs every
    message.
    """
    problems, compiled = _compile(content, signer, available(content), dkim)
    problems = [problem for problem in problems if problem.blocks]
    if problems or compiled is None:
        raise TemplateProblemError(problems)
    return compiled


def check_content(content: Content, known_attributes: Collection[str]) -> list[Problem]:
    """Return all problems of the content, including warnings, in the order of the fields.

    `known_attributes` are the subscriber attributes in use. Never raises.
    """
    problems, _ = _compile(
        content, Signer(["for checking only"]), available(content, known_attributes)
    )
    return problems


def _in_source(problems: Iterable[Problem], page: CompiledPage) -> list[Problem]:
    """Return problems with the lines of the author's source instead of those of the page."""
    return list(dict.fromkeys(page.in_source(problem) for problem in problems))


def show_tags(
    content: Content, tags: Sequence[str], signer: Signer, recipient: Recipient
) -> dict[str, str]:
    """Return what each merge tag shows to the recipient in this content, if anything.

    The source of the content does not matter. If its subject cannot be used, the subject is empty.
    """
    # Never shown, but tells which fields of the recipient are needed.
    mentioned = "{% if false %}" + "".join(f"{{{{ {tag} }}}}" for tag in tags) + "{% endif %}"
    source = ContentSource("html", mentioned)
    for subject in (content.subject, ""):
        with suppress(TemplateProblemError, RenderError):
            compiled = compile_content(replace(content, subject=subject, source=source), signer)
            return compiled.show(tags, recipient)
    return {}


def sentences_of(pages: Iterable[str]) -> frozenset[str]:
    """Return the sentences of designs, given as HTML, for `lint_content`."""
    return frozenset().union(*(lint.sentences(_page(html)) for html in pages))


def lint_content(content: Content, samples: Collection[str] = ()) -> list[lint.Finding]:
    """Return dead links, placeholders and other programs' merge tags in all fields. Never raises.

    `samples` are sentences of designs, which must be replaced. A page that is too long has no
    findings.
    """
    found_in = _lint_one(content, samples)
    for one in content.variants:
        found_in += [
            replace(finding, problem=replace(finding.problem, language=one.language))
            for finding in _lint_one(one, samples)
        ]
    return found_in


def _lint_one(content: Content, samples: Collection[str]) -> list[lint.Finding]:
    compiled = compile_source(content.source, content.context)
    if len(_template_of(compiled)) > limits.MAX_SOURCE:
        compiled = CompiledPage("")
    page = _read(compiled)
    subject, preheader = (
        tokens.guard(tokens.normalise(text)) for text in (content.subject, content.preheader)
    )
    in_page = [*lint.lint(page, content.base_url), *lint.untouched(page, samples)]
    return [
        *lint.lint_text("subject", subject),
        *lint.lint_text("preheader", preheader),
        *dict.fromkeys(replace(one, problem=compiled.in_source(one.problem)) for one in in_page),
    ]


def depends_on_values(content: Content) -> bool:
    """Return whether rendering can fail for some recipients: templates that loop or calculate."""
    if any(map(depends_on_values, content.variants)):
        return True
    sources: dict[Field, str] = {
        "subject": content.subject,
        "preheader": content.preheader,
        "html": _template_of(compile_source(content.source, content.context)),
    }
    return any(_loops_or_calculates(name, source) for name, source in sources.items())


def _loops_or_calculates(name: Field, source: str) -> bool:
    source = tokens.normalise(source)
    tree = checker.parse(name, tokens.guard(source), source)
    return isinstance(tree, nodes.Template) and any(tree.find_all(_FAIL_FOR_SOME_VALUES))


_FAIL_FOR_SOME_VALUES = (
    nodes.For, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod,
)  # fmt: skip


def _template_of(page: CompiledPage) -> str:
    """Return the template of a page: its HTML, or the text of one without HTML."""
    if page.text is not None:
        return page.text
    return tokens.separate_css(tokens.normalise(page.html))


def _read(page: CompiledPage) -> lint.ParsedPage:
    """Return a page for `lint`; plain text is one piece of it."""
    if page.text is None:
        return _page(page.html)
    guarded = tokens.guard(page.text)
    return lint.ParsedPage(guarded, [scanner.Text(0, len(guarded.text), False)])


def _page(html: str) -> lint.ParsedPage:
    guarded = tokens.guard(tokens.separate_css(tokens.normalise(html)))
    return lint.ParsedPage(guarded, scanner.read_whole(guarded.text)[0])


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Content that is compiled as far as it does not depend on keys and attributes.

    `trees`: the parsed templates, or why they cannot be parsed. `problems`: those that are found
    after these. Without `programs`, it cannot be sent.
    """

    page: CompiledPage
    sources: Mapping[Field, str]
    trees: Mapping[Field, nodes.Template | Problem]
    problems: tuple[Problem, ...] = ()
    segments: tuple[str, ...] = ()
    programs: Programs | None = None
    tracked: tuple[links.Link, ...] = ()

    def check(self, fields: Available) -> list[Problem]:
        """Return all problems, in the order of the fields."""
        found_in = [
            problem
            for name, tree in self.trees.items()
            for problem in (
                checker.check(name, tree, fields) if isinstance(tree, nodes.Template) else [tree]
            )
        ]
        return [*self.page.problems, *_in_source(found_in, self.page), *self.problems]


CACHED_CONTENTS = 16
_contents = ContentCache[_Prepared](CACHED_CONTENTS)


def _compile(
    content: Content, signer: Signer, fields: Available, dkim: MessageSigner | None = None
) -> tuple[list[Problem], Compiled | None]:
    """Compile content and its variants: all share one row of links and one of segments."""
    if not content.variants:
        return _compile_one(content, signer, fields, dkim)
    problems: list[Problem] = []
    done: list[Compiled] = []
    own, *others = replace(content, variants=()), *content.variants
    for one in (own, *others):
        segments = done[-1].segments if done else content.segment_order
        links_before = sum(len(compiled.links) for compiled in done)
        placed = replace(one, segment_order=segments, links_before=links_before)
        found_in, compiled = _compile_one(placed, signer, fields, dkim)
        language = "" if one is own else one.language
        problems += [replace(problem, language=language) for problem in found_in]
        done += [compiled] if compiled is not None else []
    if len(done) <= len(others):
        return problems, None
    done[0].add_variants(done[1:])
    return problems, done[0]


def _compile_one(
    content: Content, signer: Signer, fields: Available, dkim: MessageSigner | None = None
) -> tuple[list[Problem], Compiled | None]:
    content = _normalised(content)
    # Files are only added to the messages.
    key = replace(content, attachments=())
    prepared = _contents.get(key, lambda: _prepare(content))
    problems = prepared.check(fields)
    if prepared.programs is None:
        return problems, None
    return problems, _compiled(content, signer, prepared, prepared.programs, dkim)


def _normalised(content: Content) -> Content:
    return replace(
        content,
        subject=tokens.normalise(content.subject),
        preheader=tokens.normalise(content.preheader),
    )


def _compiled(
    content: Content,
    signer: Signer,
    prepared: _Prepared,
    programs: Programs,
    dkim: MessageSigner | None = None,
) -> Compiled:
    written = tuple(prepared.sources.values())
    return Compiled(
        content, signer, programs, prepared.tracked, written, dkim, segments=prepared.segments
    )


def _prepare(content: Content) -> _Prepared:
    page = compile_source(content.source, content.context)
    sources: dict[Field, str] = {
        "subject": content.subject,
        "preheader": content.preheader,
        "html": _template_of(page),
    }
    guards = {name: tokens.guard(source) for name, source in sources.items()}
    trees = {name: checker.parse(name, guards[name], sources[name]) for name in _FIELDS}
    prepared = _Prepared(page, sources, trees)
    if any(problem.blocks for problem in prepared.check(available(content))):
        return prepared
    found_segments = (
        segment
        for tree in trees.values()
        if isinstance(tree, nodes.Template)
        for segment in checker.segments_in(tree)
    )
    segments = tuple(dict.fromkeys([*content.segment_order, *found_segments]))
    if len(segments) > checker.MAX_SEGMENTS:
        most = checker.MAX_SEGMENTS
        too_many = found("html", 0, "template.too_many_segments", most=most)
        return replace(prepared, problems=(too_many,))
    prepared = replace(
        prepared, segments=segments, problems=tuple(embedded_images.check(content, page))
    )
    if prepared.problems:
        return prepared
    programs_of = _html_programs if page.text is None else _text_programs
    try:
        programs, tracked = programs_of(content, guards["html"], page.lines)
        whole = replace(prepared, programs=programs, tracked=tracked)
        _compiled(content, Signer(["for checking only"]), whole, programs).try_out()
    except TemplateProblemError as error:
        return replace(prepared, problems=tuple(_in_source(error.problems, page)))
    except RenderError as error:
        return replace(prepared, problems=(error.problem,))
    return whole


def _open_ends(guarded: Guarded, position: int | None, converted: Converted) -> Iterator[Problem]:
    """Yield problems that would hide the footer: the unsubscribe link must always be visible."""
    if position is not None:
        line = guarded.restore(guarded.text[:position]).count("\n") + 1
        yield found("html", line, "template.html_not_closed")
    elif converted.crossing is not None:
        line, tag = converted.crossing.line, converted.crossing.keyword
        yield found("html", line, "template.crosses_markup", tag=tag)
    elif converted.hidden_in:
        yield found("html", 0, "template.element_not_closed", element=converted.hidden_in)


def _html_programs(
    content: Content, guarded: Guarded, lines: Sequence[int]
) -> tuple[Programs, tuple[links.Link, ...]]:
    """Compile the programs of a message with HTML. Raises TemplateProblemError, RenderError."""
    read, open_at = scanner.read_whole(guarded.text)
    track, before = content.track_clicks, content.links_before
    rewritten = links.rewrite(guarded, read, track=track, before=before)
    converted = to_text(guarded, read, rewritten.text_targets)
    rewritten.problems += _open_ends(guarded, open_at, converted)
    if rewritten.problems:
        raise TemplateProblemError(rewritten.problems)
    parts = wrapper.Parts(converted.always, content.language)
    edits = [*rewritten.edits, *wrapper.frame(guarded, read, parts)]
    framed = links.apply(guarded.text, edits)
    subject, preheader, constants = _header_programs(content)
    source = guarded.restore(framed)
    html = compile_template("html", source, HTML_BODY, MAX_HTML, constants, lines)
    text: TemplateProgram[bytes] | None = None
    with suppress(RenderError):  # conditions cut across the structure of the page
        source = template_source(converted.source.strip(), guarded) + wrapper.footer_text(parts)
        text = compile_template("html", source, TEXT_BODY, MAX_TEXT, constants)
    return Programs(subject, preheader, html, text), tuple(rewritten.links)


def _text_programs(
    content: Content, guarded: Guarded, lines: Sequence[int]
) -> tuple[Programs, tuple[links.Link, ...]]:
    """Compile the programs of a message without HTML. Raises RenderError."""
    footer = wrapper.footer_text(wrapper.Parts(always_shown(guarded), content.language))
    subject, preheader, constants = _header_programs(content)
    source = text_template(guarded).rstrip() + footer
    text = compile_template("html", source, TEXT_BODY, MAX_TEXT, constants, lines)
    return Programs(subject, preheader, None, text), ()


def _header_programs(
    content: Content,
) -> tuple[TemplateProgram[str], TemplateProgram[str], dict[str, str]]:
    """Return the programs of subject and preheader, and the values that are the same for all."""
    constants = {f"sender.{name}": value for name, value in sender_fields(content).items()}
    constants["_postal"] = Markup("<br>").join(content.shown_address.strip().splitlines())
    constants |= {f"var.{name}": value for name, value in content.variables.items()}
    subject = compile_template("subject", content.subject, HEADER, MAX_HEADER, constants)
    if subject.constant is not None:
        constants["campaign.subject"] = header_text(subject.constant)
    preheader = compile_template("preheader", content.preheader, HEADER, MAX_HEADER, constants)
    if preheader.constant is not None:
        constants["preheader"] = header_text(preheader.constant)
    return subject, preheader, constants
