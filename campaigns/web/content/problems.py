"""Problems of the subject, the preheader and the content, for the panel below the editor."""

from flask import render_template

from campaigns.access import access
from campaigns.audience import subscribers
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
    return render_template(
        "web/content/_problems.html",
        problems=problems_of(found),
        shown_first=PROBLEMS_SHOWN_FIRST,
        most_shown=MAX_PROBLEMS_SHOWN,
        has_content=bool(found.source.strip()),
    )


@content_route("/problems/count")
@access("user")
def problem_count(owner: OwnerKind, public_id: str) -> str:
    """Return the number of problems, for the card on a campaign's page."""
    found = owner_or_404(owner, public_id)
    listed = problems_of(found)
    return render_template(
        "web/content/_problem_count.html",
        blocking=sum(problem.blocks for problem in listed),
        warnings=sum(not problem.blocks for problem in listed),
        has_content=bool(found.source.strip()),
    )


def problems_of(owner: ContentOwner) -> list[Problem]:
    """Return the problems, those that prevent sending first."""
    content = owner.content()
    found = check_content(content, subscribers.known_attributes())
    # A new design is full of placeholders; only the review asks to replace them.
    found += [
        finding.problem
        for finding in lint_content(content)
        if finding.kind not in {"placeholder", "starter"} or finding.problem.blocks
    ]
    found = [problem for problem in found if problem.reason.code not in _SEEN_AT_ONCE]
    without_link = {one.block for one in found if one.reason.code in _WITHOUT_LINK}
    found = [
        one
        for one in found
        if one.block not in without_link or one.reason.code not in _WITHOUT_TARGET
    ]
    return sorted(found, key=lambda problem: (not problem.blocks, problem.line))
