"""A saved block as the owner of content: a document with only its rows."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from campaigns.audience.models import Subscriber
from campaigns.campaign.expand_content import sample_content
from campaigns.content.library import saved_blocks
from campaigns.content.library.models import SavedBlock
from campaigns.content.library.saved_blocks import SavedBlockConflictError, SavedBlockError
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import ContentSource
from campaigns.context import services
from campaigns.db import db
from campaigns.reason import Reason
from campaigns.web.content import template_owner
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    ContentRefusedError,
    SavedContent,
)
from campaigns.web.words import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBlockOwner(ContentOwner):
    """The rows of a saved block."""

    saved: SavedBlock

    def content(self) -> Content:
        """Return an email with nothing but these rows."""
        base_url = services().settings.base_url
        return sample_content(ContentSource("blocks", self.source), None, base_url=base_url)

    def sample(self, limit: int, now: datetime) -> list[Subscriber]:
        """Return the newest subscribers."""
        return template_owner.newest_subscribers(limit)

    def save(
        self, changes: Mapping[str, Any], version: int, *, seen: str, editor_id: int, now: datetime
    ) -> SavedContent:
        """Save the rows of a document."""
        saved_id = self.saved.id
        rows = _rows_in(changes)
        try:
            saved_blocks.save(saved_id, version, rows, now=now)
        except SavedBlockConflictError as error:
            current = db.session.get_one(SavedBlock, saved_id)
            raise ContentConflictError(current.version, None, current.updated_at) from error
        except SavedBlockError as error:
            is_gone = error.reason.code == "library.saved_block_gone"
            raise (ContentLockedError if is_gone else ContentRefusedError)(error.reason) from error
        current = db.session.get_one(SavedBlock, saved_id)
        return SavedContent(current.version, _fingerprint(current))


def _rows_in(changes: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a document; the footer is not part of a saved block."""
    try:
        document = json.loads(changes["source"])
        rows = document["rows"]
        if changes["content_kind"] == "blocks":
            return [row for row in rows if row["type"] != "footer"]
    except (KeyError, TypeError, ValueError, RecursionError):
        pass
    raise ContentRefusedError(Reason("library.only_blocks"))


def _fingerprint(saved: SavedBlock) -> str:
    return hashlib.sha256(json.dumps(saved.rows, sort_keys=True).encode()).hexdigest()[:32]


def find(public_id: str) -> SavedBlockOwner | None:
    """Return the rows of this saved block."""
    saved = saved_blocks.find(public_id)
    if saved is None:
        return None
    home_url = url_for("saved_content.block", public_id=public_id)
    return SavedBlockOwner(
        owner="saved-blocks",
        public_id=saved.public_id,
        title=saved.name,
        version=saved.version,
        seen=_fingerprint(saved),
        updated_at=saved.updated_at,
        is_editable=True,
        subject="",
        preheader="",
        content_kind="blocks",
        source=json.dumps({"version": 1, "rows": saved.rows}, ensure_ascii=False),
        inline_css=False,
        brand_id=None,
        home_url=home_url,
        crumbs=((url_for("saved_content.index"), _("Saved content")), (home_url, saved.name)),
        saved=saved,
    )
