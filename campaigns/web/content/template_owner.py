"""A template as the owner of content."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import url_for

from campaigns.audience.models import Subscriber
from campaigns.campaign.expand_content import content_of_template
from campaigns.content.library import templates
from campaigns.content.library.models import Template
from campaigns.content.library.templates import TemplateConflictError, TemplateError
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import kind_of
from campaigns.context import services
from campaigns.db import db
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    SavedContent,
)
from campaigns.web.words import gettext as _

_EDITED_HERE = ("content_kind", "source", "inline_css", "brand_id")
_VARIABLES = ("variables",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOwner(ContentOwner):
    """The content of a template."""

    template: Template

    def content(self) -> Content:
        """Return the content as a new campaign would have it."""
        return content_of_template(self.template, base_url=services().settings.base_url)

    def sample(self, limit: int, now: datetime) -> list[Subscriber]:
        """Return the newest subscribers: a template has no audience."""
        return newest_subscribers(limit)

    def save(
        self, changes: Mapping[str, Any], version: int, *, seen: str, editor_id: int, now: datetime
    ) -> SavedContent:
        """Save the content or the variables. Changes to anything else are not a conflict."""
        template_id = self.template.id
        part = _VARIABLES if changes.keys() == set(_VARIABLES) else _EDITED_HERE
        try:
            try:
                templates.save(template_id, version, changes, editor_id=editor_id, now=now)
            except TemplateConflictError as error:
                if fingerprint(error.current, part) != seen:
                    raise
                newer = error.current.version
                templates.save(template_id, newer, changes, editor_id=editor_id, now=now)
        except TemplateConflictError as error:
            current = error.current
            raise ContentConflictError(
                current.version, current.edited_by_id, current.updated_at
            ) from error
        except TemplateError as error:
            raise ContentLockedError(error.reason) from error
        saved = db.session.get_one(Template, template_id)
        return SavedContent(saved.version, fingerprint(saved))


def newest_subscribers(limit: int) -> list[Subscriber]:
    """Return the newest subscribers, for content without an audience."""
    newest = sa.select(Subscriber).order_by(Subscriber.id.desc()).limit(limit)
    return list(db.session.scalars(newest))


def fingerprint(template: Template, part: Sequence[str] = _EDITED_HERE) -> str:
    """Return a digest of what the content page, or a part of it, edits."""
    values = [getattr(template, name) for name in part]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def find(public_id: str) -> TemplateOwner | None:
    """Return the content of this template."""
    template = templates.find(public_id)
    if template is None:
        return None
    return TemplateOwner(
        owner="templates",
        public_id=template.public_id,
        title=template.name,
        version=template.version,
        seen=fingerprint(template),
        updated_at=template.updated_at,
        is_editable=True,
        subject=template.subject,
        preheader=template.preheader,
        content_kind=kind_of(template.content_kind),
        source=template.source,
        inline_css=template.inline_css,
        brand_id=template.brand_id,
        variables=template.variables,
        variables_seen=fingerprint(template, _VARIABLES),
        home_url=url_for("templates.index"),
        crumbs=((url_for("templates.index"), _("Templates")),),
        template=template,
    )
