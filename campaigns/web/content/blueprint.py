"""Shared by the content pages: the blueprint, its URLs, and finding the owner of content."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from campaigns.web.content import (
    campaign_owner,
    saved_block_owner,
    template_owner,
    variant_owner,
)
from campaigns.web.content.owner import ContentOwner, OwnerKind

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

bp = Blueprint("content_editor", __name__)

_FINDERS: Mapping[OwnerKind, Callable[[str], ContentOwner | None]] = {
    "campaigns": campaign_owner.find,
    "templates": template_owner.find,
    "saved-blocks": saved_block_owner.find,
}
"""Find the owner of content by its public id; the kinds of owners that have content pages."""


def content_route(
    rest: str = "", method: str = "GET", *, owners: Iterable[OwnerKind] = tuple(_FINDERS)
) -> Callable[[View], View]:
    """Register a view below the content page of these kinds of owners.

    It is called with `owner`, the kind, and `public_id`.
    """

    def register(view: View) -> View:
        for owner in owners:
            path = f"/{owner}/<public_id>/content{rest}"
            bp.add_url_rule(path, view_func=view, methods=[method], defaults={"owner": owner})
        return view

    return register


def find_owner(owner: OwnerKind, public_id: str) -> ContentOwner | None:
    """Return the owner with this id; `language` in the URL chooses a variant of a campaign."""
    language = request.args.get("language", "")
    if language:
        return variant_owner.find(public_id, language) if owner == "campaigns" else None
    return _FINDERS[owner](public_id)


def owner_or_404(owner: OwnerKind, public_id: str) -> ContentOwner:
    """Return the owner with this id, or abort with 404."""
    found = find_owner(owner, public_id)
    if found is None:
        abort(404)
    return found
