"""What the content page shows and saves: content of a campaign, a template or a saved block."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal

from campaigns.audience.models import Subscriber
from campaigns.campaign import preview_people
from campaigns.campaign.preview_people import Extreme
from campaigns.content.mime.compile import Content
from campaigns.content.sources.source import SourceKind
from campaigns.reason import Reason

OwnerKind = Literal["campaigns", "templates", "saved-blocks"]
"""The kind of an owner, as the first part of its URLs."""


class ContentConflictError(ValueError):
    """Someone else saved a newer version first; nothing was saved."""

    def __init__(self, version: int, editor_id: int | None, at: datetime) -> None:
        super().__init__(f"version {version} was saved first")
        self.version = version
        self.editor_id = editor_id
        self.at = at


class ContentLockedError(ValueError):
    """The owner was deleted or can no longer be edited; nothing was saved."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class ContentRefusedError(ValueError):
    """This content cannot be saved here; nothing was saved."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SavedContent:
    """The version after a save, and the fingerprint of the content then."""

    version: int
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentOwner(ABC):
    """A campaign, a template or a saved block.

    `seen`: fingerprint of its content. `home_url`: the page on which editing ends. `crumbs`: the
    pages above the content page, as (URL, title).
    """

    owner: OwnerKind
    public_id: str
    title: str
    version: int
    seen: str
    updated_at: datetime
    is_editable: bool
    subject: str
    preheader: str
    content_kind: SourceKind
    source: str
    inline_css: bool
    brand_id: int | None
    language: str = ""
    """Language of a variant; "" for the content itself."""
    variables: Mapping[str, str] | None = None
    """Its variables by name; None if it cannot have any of its own."""
    variables_seen: str = ""
    """Fingerprint of the variables."""
    home_url: str
    crumbs: tuple[tuple[str, str], ...]

    @property
    def ids(self) -> dict[str, str]:
        """Return the values of the URLs of its pages."""
        found = {"owner": self.owner, "public_id": self.public_id}
        return {**found, "language": self.language} if self.language else found

    @abstractmethod
    def content(self) -> Content:
        """Return what is compiled for a preview."""

    @abstractmethod
    def sample(self, limit: int, now: datetime) -> list[Subscriber]:
        """Return a few subscribers to preview as."""

    def extremes(self, which: Extreme, limit: int, now: datetime) -> Sequence[Subscriber]:
        """Return subscribers with the longest values, with the fewest, or any; best first."""
        return preview_people.find(None, which, limit=limit, rng=Random())  # noqa: S311

    @abstractmethod
    def save(
        self,
        changes: Mapping[str, Any],
        version: int,
        *,
        seen: str,
        editor_id: int,
        now: datetime,
    ) -> SavedContent:
        """Save fields of the content, or the variables, on top of this version.

        `seen`: fingerprint of what is saved, as the user saw it.

        Raises ContentConflictError, ContentLockedError or ContentRefusedError.
        """
