"""Check the subject, the preheader and the content."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from selectolax.lexbor import LexborHTMLParser

from campaigns import formatting
from campaigns.audience import subscribers
from campaigns.campaign import content_segments, feed
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.preflight.checks import Check, CheckName, passed, problem, warning
from campaigns.content.html.previewing import CLIPPED_BYTES
from campaigns.content.library.sample_text import sample_sentences
from campaigns.content.lint import Finding
from campaigns.content.mime.compile import (
    Compiled,
    Content,
    RenderError,
    TemplateProblemError,
    check_content,
    compile_content,
    lint_content,
)
from campaigns.content.templating.checker import MAX_PROBLEMS
from campaigns.content.templating.problems import Field, Problem
from campaigns.messages import Recipient
from campaigns.reason import Reason
from campaigns.tokens import Signer

SUBJECT_LENGTH = range(10, 79)
NEARLY_CLIPPED_BYTES = 90 * 1024
MAX_FINDINGS = 12
EXAMPLE = Recipient(0, 0, 0, "reader@example.org")

_FIELDS: Mapping[Field, CheckName] = {
    "subject": "subject",
    "preheader": "preheader",
    "html": "content",
}


def check_subject(subject: str) -> Check:
    """Check the subject as rendered for a recipient, and its length."""
    length = len(subject.strip())
    if not length:
        return problem("subject", "message", "preflight.no_subject")
    if "test" in subject.lower().replace(":", " ").split():
        return warning("subject", "message", "preflight.subject_says_test")
    if length < SUBJECT_LENGTH.start:
        return warning("subject", "message", "preflight.subject_short", count=length)
    if length >= SUBJECT_LENGTH.stop:
        return warning("subject", "message", "preflight.subject_long", count=length)
    return passed("subject", "preflight.quoted", text=subject.strip())


def check_preheader(preheader: str) -> Check:
    """Check that there is a preheader."""
    if preheader.strip():
        return passed("preheader", "preflight.quoted", text=preheader.strip())
    return warning("preheader", "message", "preflight.no_preheader")


def check(content: Content, signer: Signer, *, now: datetime) -> list[Check]:
    """Check the template, its links and images, and its size."""
    if not content.source.text.strip():
        return [problem("content", "content", "preflight.no_content")]
    known = {*subscribers.known_attributes(), *(field.key for field in content.fields)}
    found = check_content(content, known)
    rows = _template(found)
    findings = lint_content(content, sample_sentences())
    rows += [*_merge_tags(findings), *_starter_text(findings)]
    if any(one.blocks for one in found):
        return [*rows, *_lost(findings)]
    try:
        compiled = compile_content(content, signer)
        rendered = compiled.preview(EXAMPLE)
        largest = max(_sizes(compiled), default=0)
    except TemplateProblemError as error:
        return [*rows, *_template(error.problems)]
    except RenderError as error:
        return [*rows, *_template([error.problem])]
    unsubscribe = passed("unsubscribe", "preflight.unsubscribe_everywhere")
    rows += _segments(compiled.segments, now)
    if not rendered.html:
        return [*rows, *_lost(findings), unsubscribe]
    return [
        *rows,
        _size(largest),
        *_links_and_images(rendered.html, findings),
        unsubscribe,
    ]


def _segments(public_ids: Sequence[str], now: datetime) -> list[Check]:
    """Check that every segment which the content names can be used."""
    if not public_ids:
        return []
    try:
        content_segments.conditions(public_ids, now=now)
    except AudienceError as error:
        return [problem("segments", "content", error.reason.code, **error.reason.params)]
    names = ", ".join(content_segments.names_of(public_ids))
    return [passed("segments", "preflight.content_segments", segments=names)]


def _merge_tags(findings: Sequence[Finding]) -> list[Check]:
    """Check for merge tags of other programs, and for ours mangled by an editor."""
    return [
        row
        for kind in ("field", "merge tag")
        if (row := _row("merge_tags", [found for found in findings if found.kind == kind]))
    ]


def _template(found: Sequence[Problem]) -> list[Check]:
    """Return a row for the template errors of each field, blocking ones first."""
    of = {field: [one for one in found if one.field == field] for field in _FIELDS}
    rows = [
        _listed(
            name,
            [one for one in of[field] if one.blocks is blocks],
            is_complete=len(of[field]) < MAX_PROBLEMS,
        )
        for blocks in (True, False)
        for field, name in _FIELDS.items()
    ]
    return [row for row in rows if row is not None]


def _row(name: CheckName, found: Sequence[Finding], lead: str = "") -> Check | None:
    """Return one row for findings of a kind; None without any."""
    reason = Reason(lead, {"count": len(found)}) if lead else None
    return _listed(name, [finding.problem for finding in found], reason)


def _listed(
    name: CheckName,
    found: Sequence[Problem],
    lead: Reason | None = None,
    *,
    is_complete: bool = True,
) -> Check | None:
    """Return one row for problems of a kind; None without any."""
    if not found:
        return None
    hidden = max(0, len(found) - MAX_FINDINGS)
    return Check(
        name,
        level="problem" if any(one.blocks for one in found) else "warning",
        reason=lead,
        fix="content" if any(one.field == "html" for one in found) else "message",
        problems=tuple(found[:MAX_FINDINGS]),
        hidden=hidden if is_complete or not hidden else None,
    )


def _starter_text(findings: Sequence[Finding]) -> list[Check]:
    """Check for placeholder text of the starter design."""
    row = _row("starter_text", [found for found in findings if found.kind == "starter"])
    return [row] if row else []


def _sizes(compiled: Compiled) -> Iterator[int]:
    """Yield the size of the HTML of each variant."""
    for one in (compiled, *compiled.variants.values()):
        yield len(one.preview(EXAMPLE).html.encode())


def check_variants(content: Content) -> list[Check]:
    """Check that every variant has a subject."""
    return [
        problem("subject", "content", "preflight.no_subject_in", language=language)
        for one in content.variants
        for language in [formatting.language(one.language, one.language)]
        if not one.subject.strip()
    ]


def check_feed(campaign_id: int) -> list[Check]:
    """Check that the data feed was fetched."""
    known = feed.of_campaign(campaign_id)
    if known is None:
        return []
    if known.data is None:
        return [problem("feed", "content", "feed.not_fetched")]
    return [passed("feed", "preflight.feed_fetched", fetched_at=known.fetched_at)]


def _size(size: int) -> Check:
    limits = {"size_bytes": size, "limit_bytes": CLIPPED_BYTES}
    if size >= CLIPPED_BYTES:
        return warning("size", "content", "preflight.clipped", **limits)
    if size >= NEARLY_CLIPPED_BYTES:
        return warning("size", "content", "preflight.nearly_clipped", **limits)
    return passed("size", "preflight.small", size_bytes=size)


def _lost(findings: Sequence[Finding]) -> list[Check]:
    """Check for links and images that recipients cannot open, and for placeholders."""
    of = {
        kind: [found for found in findings if found.kind == kind]
        for kind in ("link", "image", "placeholder")
    }
    rows = (
        _row("links", of["link"], "preflight.dead_links"),
        _row("placeholders", of["placeholder"]),
        _row("images", of["image"], "preflight.hidden_images"),
    )
    return [row for row in rows if row is not None]


def _links_and_images(html: str, findings: Sequence[Finding]) -> list[Check]:
    tree = LexborHTMLParser(html)
    links, images = tree.css("a"), tree.css("img")
    mute = sum("alt" not in image.attributes for image in images)
    rows = _lost(findings)
    names = {row.name for row in rows}
    if not names & {"links", "placeholders"}:
        rows.insert(0, passed("links", "preflight.links_have_targets", count=len(links)))
    if mute:
        rows.append(warning("images", "content", "preflight.no_alternative_text", count=mute))
    elif images and "images" not in names:
        rows.append(passed("images", "preflight.alternative_text", count=len(images)))
    return rows
