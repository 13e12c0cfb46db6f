"""Versions of the content of campaigns and templates: recorded with every save, and restored.

Editors save automatically every few seconds. What one person saves within one period of the clock
becomes one version, unless the kind of the content changes, or its languages: turning blocks into
code and removing a language can be undone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.content.library.models import Brand, ContentVersion, Template
from campaigns.db import db

_EARLIER_FIELDS = ("subject", "preheader", "content_kind", "source", "inline_css")
"""All that versions contained in earlier releases."""
FIELDS = (*_EARLIER_FIELDS, "brand_id", "variables", "variants")
"""What a version holds, and what restoring it changes.

`variables`: texts by name. `variants`: by language, a value for each of VARIANT_FIELDS.
"""
VARIANT_FIELDS = _EARLIER_FIELDS
_DEFAULTS = {
    "subject": "", "preheader": "", "content_kind": "blocks", "source": "", "inline_css": False,
}  # fmt: skip
"""Defaults for what another release did not store in a variant."""
PERIOD = timedelta(minutes=10)
MAX_VERSIONS = 50
"""Number of versions kept for each campaign and template, the newest."""


@dataclass(frozen=True, slots=True)
class VersionOwner:
    """The campaign or the template that the versions belong to; the other id is None."""

    campaign_id: int | None = None
    template_id: int | None = None

    def is_owner(self) -> sa.ColumnElement[bool]:
        """Return the condition that a version belongs to it."""
        if self.campaign_id is not None:
            return ContentVersion.campaign_id == self.campaign_id
        return ContentVersion.template_id == self.template_id


@dataclass(frozen=True, slots=True)
class SavedState:
    """The content as it was saved: a value for each of FIELDS, and who saved it when."""

    version: int
    content: Mapping[str, Any]
    saved_by_id: int | None
    saved_at: datetime


def content_in(row: Template | ContentVersion) -> dict[str, Any]:
    """Return the FIELDS of a template, or those that a version holds."""
    names = _EARLIER_FIELDS if row.variables is None else FIELDS
    return {name: getattr(row, name) for name in names}


def is_whole(content: Mapping[str, Any]) -> bool:
    """Whether this holds every field; versions recorded by earlier releases do not."""
    return len(content) == len(FIELDS)


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the fields that both hold are the same."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def to_restore(stored: ContentVersion) -> dict[str, Any]:
    """Return the fields that a version brings back. A deleted brand becomes the default one."""
    content = content_in(stored)
    if "brand_id" in content:
        is_it = Brand.id == content["brand_id"]
        content["brand_id"] = db.session.scalar(sa.select(Brand.id).where(is_it))
        content["variants"] = {
            language: {name: one.get(name, default) for name, default in _DEFAULTS.items()}
            for language, one in content["variants"].items()
        }
    return content


# --- record


def record(
    owner: VersionOwner, before: SavedState, after: SavedState, *, is_separate: bool = False
) -> None:
    """Record what was saved on top of `before`, which is recorded first if nothing is.

    `is_separate`: never merge it with the version before.
    """
    recorded = _newest(owner)
    if not recorded or not is_whole(content_in(recorded[0])):
        _insert_or_complete(owner, before)
        recorded = _newest(owner)
    latest = recorded[0]
    if content_in(latest) == after.content:
        return
    # The first version is what everything began with, such as a template: it stays.
    is_first = len(recorded) == 1
    if is_separate or is_first or not _is_same_sitting(latest, after):
        _insert(owner, after)
        _forget_oldest(owner)
        return
    latest.version, latest.saved_at = after.version, after.saved_at
    for name, value in after.content.items():
        setattr(latest, name, value)
    db.session.flush()


def _newest(owner: VersionOwner) -> Sequence[ContentVersion]:
    """Return the newest version and the one before it."""
    newest = (
        sa.select(ContentVersion)
        .where(owner.is_owner())
        .order_by(ContentVersion.version.desc())
        .limit(2)
    )
    return db.session.scalars(newest).all()


def _insert_or_complete(owner: VersionOwner, state: SavedState) -> None:
    """Record a state, or what is missing in its version by an earlier release."""
    known = find(owner, state.version)
    if known is None:
        _insert(owner, state)
        return
    for name in FIELDS:
        setattr(known, name, state.content[name])
    db.session.flush()


def _insert(owner: VersionOwner, state: SavedState) -> None:
    db.session.add(
        ContentVersion(
            campaign_id=owner.campaign_id,
            template_id=owner.template_id,
            version=state.version,
            saved_by_id=state.saved_by_id,
            saved_at=state.saved_at,
            **state.content,
        )
    )
    db.session.flush()


def _is_same_sitting(latest: ContentVersion, after: SavedState) -> bool:
    return (
        latest.saved_by_id is not None
        and latest.saved_by_id == after.saved_by_id
        and _kinds(content_in(latest)) == _kinds(after.content)
        and _period(latest.saved_at) == _period(after.saved_at)
    )


def _kinds(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of the content in each language; "" for its own."""
    others = {language: one["content_kind"] for language, one in content["variants"].items()}
    return {"": content["content_kind"], **others}


def _period(at: datetime) -> int:
    return (at - datetime(2000, 1, 1, tzinfo=UTC)) // PERIOD


def _forget_oldest(owner: VersionOwner) -> None:
    oldest_kept = (
        sa.select(ContentVersion.version)
        .where(owner.is_owner())
        .order_by(ContentVersion.version.desc())
        .offset(MAX_VERSIONS - 1)
        .limit(1)
        .scalar_subquery()
    )
    db.session.execute(
        sa.delete(ContentVersion)
        .where(owner.is_owner(), ContentVersion.version < oldest_kept)
        .execution_options(synchronize_session=False)
    )


# --- find


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version in a list."""

    version: int
    subject: str
    content_kind: str
    saved_by_id: int | None
    saved_at: datetime


def listed(owner: VersionOwner) -> Sequence[VersionInfo]:
    """Return every version, newest first, without its source."""
    rows = db.session.execute(
        sa.select(
            ContentVersion.version,
            ContentVersion.subject,
            ContentVersion.content_kind,
            ContentVersion.saved_by_id,
            ContentVersion.saved_at,
        )
        .where(owner.is_owner())
        .order_by(ContentVersion.version.desc())
    )
    return [VersionInfo(*row) for row in rows]


def find(owner: VersionOwner, version: int) -> ContentVersion | None:
    """Return a version by its number."""
    return db.session.scalar(
        sa.select(ContentVersion).where(owner.is_owner(), ContentVersion.version == version)
    )
