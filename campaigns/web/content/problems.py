"""Problems of the subject, the preheader and the content, for the panel below the editor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import render_template, request

from campaigns.access import access
from campaigns.audience import subscribers
from campaigns.content.library.sample_text import sample_sentences
from campaigns.content.lint import Finding
from campaigns.content.mime.compile import Problem, check_content, lint_content
from campaigns.web.content.blueprint import content_route, owner_or_404
from campaigns.web.content.owner import ContentOwner, OwnerKind

PROBLEMS_SHOWN_FIRST = 10
MAX_PROBLEMS_SHOWN = 100
_SEEN_AT_ONCE = frozenset({"blocks.text_empty"})
"""What is missing in a new email: the canvas shows it, and the review asks for it."""
_WITHOUT_LINK = frozenset({"blocks.button_without_link", "blocks.video_without_link"})
_WITHOUT_TARGET = frozenset({"target.none", "target.none_unnamed"})
"""What the check of links says about such a block as well."""


@content_route("/problems")
@access("user")
def problems(owner: OwnerKind, public_id: str) -> str:
    """Return the problems, by line."""
    found = owner_or_404(owner, public_id)
    listed, samples = _check(found, unfinished=request.args.get("unfinished", ""))
    return render_template(
        "web/content/_problems.html",
        problems=listed,
        samples=samples,
        shown_first=PROBLEMS_SHOWN_FIRST,
        most_shown=MAX_PROBLEMS_SHOWN,
        has_content=bool(found.source.strip()),
    )


@content_route("/problems/count")
@access("user")
def problem_count(owner: OwnerKind, public_id: str) -> str:
    """Return the number of problems, for the card on a campaign's page."""
    found = owner_or_404(owner, public_id)
    listed, samples = _check(found)
    return render_template(
        "web/content/_problem_count.html",
        blocking=sum(problem.blocks for problem in listed),
        warnings=sum(not problem.blocks for problem in listed),
        samples=len(samples),
        has_content=bool(found.source.strip()),
    )


def _check(
    owner: ContentOwner, *, unfinished: str = ""
) -> tuple[list[Problem], list["SamplePlace"]]:
    """Return the problems, those that prevent sending first, and the samples to replace.

    `unfinished` is the id of a new block that someone is filling in; it gets no warnings yet.
    """
    content = owner.content()
    findings = lint_content(content, sample_sentences())
    problems = check_content(content, subscribers.known_attributes())
    problems += [one.problem for one in findings if not _is_sample(one)]
    return _shown(problems, unfinished), _places(findings, owner.source)


def _shown(found: list[Problem], unfinished: str) -> list[Problem]:
    found = [problem for problem in found if problem.reason.code not in _SEEN_AT_ONCE]
    found = [one for one in found if one.blocks or not unfinished or one.block != unfinished]
    without_link = {one.block for one in found if one.reason.code in _WITHOUT_LINK}
    found = [
        one
        for one in found
        if one.block not in without_link or one.reason.code not in _WITHOUT_TARGET
    ]
    return sorted(found, key=lambda problem: (not problem.blocks, problem.line))


@dataclass(frozen=True, slots=True)
class SamplePlace:
    """A block, or a line of code, that still has content of the design.

    `first` is the first thing in it to replace; `count` is how many there are.
    """

    block: str
    line: int
    first: Finding
    count: int


def _places(findings: Iterable[Finding], source: str) -> list[SamplePlace]:
    """Return where texts, links and images of a design are still to be replaced.

    These are not mistakes: a new email consists of them.
    """
    at: dict[tuple[str, int], list[Finding]] = {}
    for one in findings:
        if _is_sample(one) and one.problem.field == "html" and not one.problem.language:
            at.setdefault((one.problem.block, one.problem.line), []).append(one)
    places = [SamplePlace(*place, _most_telling(found), len(found)) for place, found in at.items()]
    return sorted(places, key=lambda place: (source.find(f'"{place.block}"'), place.line))


def _most_telling(found: Sequence[Finding]) -> Finding:
    """Return a text, if there is any: it says more than where a link leads."""
    return next((one for one in found if one.kind == "starter"), found[0])


def _is_sample(finding: Finding) -> bool:
    return finding.kind in {"placeholder", "starter"} and not finding.problem.blocks
