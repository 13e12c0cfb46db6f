"""Find what shows a snippet or a saved block: on its page, and before it is deleted.

Launched campaigns keep what they were launched with, so they are left out.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from campaigns.campaign.language_variants import source_in_every_language
from campaigns.campaign.models import Campaign
from campaigns.campaign.title import title_of
from campaigns.content.library.mentions import Mentions, mentions_in
from campaigns.content.library.models import SavedBlock, Snippet, Template
from campaigns.db import db

UserKind = Literal["campaign", "template", "saved_block", "snippet"]
MAX_USES = 50
"""Largest number of uses that are found, of each kind."""


@dataclass(frozen=True, slots=True)
class ContentUse:
    """Something whose content shows a snippet or a saved block."""

    kind: UserKind
    public_id: str
    title: str


def uses_of_snippet(key: str) -> list[ContentUse]:
    """Return the drafts, templates, saved blocks and snippets that show this snippet."""
    return _uses(key, lambda found: key in found.snippets)


def uses_of_saved_block(public_id: str) -> list[ContentUse]:
    """Return the drafts and templates that show this saved block."""
    return _uses(public_id, lambda found: public_id in found.saved_blocks)


def _uses(name: str, is_shown: Callable[[Mentions], bool]) -> list[ContentUse]:
    """Return what names it. SQL finds all that contain the name, and Python what refers to it."""
    in_other_languages = sa.cast(Template.variants, sa.Text)
    found = (
        *_campaigns(name),
        *_others("template", Template, Template.source + in_other_languages, name),
        *_others("saved_block", SavedBlock, sa.cast(SavedBlock.rows, sa.Text), name),
        *_others("snippet", Snippet, Snippet.source, name),
    )
    return [use for use, text in found if is_shown(mentions_in([text]))]


def _campaigns(name: str) -> Iterator[tuple[ContentUse, str]]:
    text = source_in_every_language()
    drafts = (
        sa.select(Campaign.public_id, Campaign.name, Campaign.subject, text.label("text"))
        .where(text.contains(name, autoescape=True), Campaign.status == "draft")
        .order_by(Campaign.id.desc())
        .limit(MAX_USES)
    )
    for row in db.session.execute(drafts):
        yield ContentUse("campaign", row.public_id, title_of(row.name, row.subject)), row.text


def _others(
    kind: UserKind,
    model: type[Template | SavedBlock | Snippet],
    text: sa.SQLColumnExpression[str],
    name: str,
) -> Iterator[tuple[ContentUse, str]]:
    for row in _with(model, text, name):
        yield ContentUse(kind, row.public_id, row.name), _text_of(row)


def _text_of(row: Template | SavedBlock | Snippet) -> str:
    if isinstance(row, SavedBlock):
        return json.dumps(row.rows, ensure_ascii=False)
    variants = row.variants.values() if isinstance(row, Template) else ()
    return "\n".join([row.source, *(one["source"] for one in variants)])


def _with(
    model: type[Template | SavedBlock | Snippet],
    text: sa.SQLColumnExpression[str],
    name: str,
) -> Iterable[Template | SavedBlock | Snippet]:
    return db.session.scalars(
        sa.select(model)
        .where(text.contains(name, autoescape=True))
        .order_by(model.id.desc())
        .limit(MAX_USES)
    )
