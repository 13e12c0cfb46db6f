"""Check the content with the values of real recipients."""

from collections import Counter
from datetime import datetime

from campaigns.audience import tags
from campaigns.campaign import audience, content_segments
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight.checks import Check
from campaigns.content.mime.compile import (
    Content,
    Problem,
    RenderError,
    TemplateProblemError,
    compile_content,
    depends_on_values,
)
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.reason import Reason
from campaigns.tokens import Signer

SAMPLE_PEOPLE = 1_000
"""Largest number of recipients the content is rendered for."""
MAX_PROBLEMS = 5


def check(campaign: Campaign, content: Content, signer: Signer, *, now: datetime) -> list[Check]:
    """Check that the content can be rendered for each recipient, or a sample of them.

    Only if it loops or calculates: nothing else fails because of a value.
    """
    if not depends_on_values(content):
        return []
    try:
        scope = audience.scope_of(campaign.id, now=now)
        compiled = compile_content(content, signer)
    except (AudienceError, TemplateProblemError):
        return []  # another check reports it
    found: Counter[Problem] = Counter()
    people = db.session.scalars(audience.sample(scope, limit=SAMPLE_PEOPLE)).all()
    bits_of = content_segments.bits_of(compiled.segments, [person.id for person in people], now=now)
    tags_of = tags.names_of([person.id for person in people])
    for person in people:
        recipient = Recipient(
            0, 0, 0, person.address, person.name, person.attributes,
            first_name=person.first_name, last_name=person.last_name,
            tags=tags_of.get(person.id, ()), segments=bits_of[person.id],
        )  # fmt: skip
        try:
            compiled.preview(recipient)
        except RenderError as error:
            found[error.problem] += 1
    if not found:
        return []
    is_sample = len(people) == SAMPLE_PEOPLE
    code = "preflight.unrenderable_in_sample" if is_sample else "preflight.unrenderable"
    params = {"count": found.total(), "people": len(people)}
    return [
        Check(
            "recipients",
            level="problem" if found.total() == len(people) else "warning",
            reason=Reason(code, params),
            fix="content",
            problems=tuple(problem for problem, _ in found.most_common(MAX_PROBLEMS)),
            hidden=max(0, len(found) - MAX_PROBLEMS),
        )
    ]
