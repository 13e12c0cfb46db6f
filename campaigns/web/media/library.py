"""The library: its page, and its images for the picker."""

from typing import Any

from flask import render_template, request

from campaigns.access import access
from campaigns.audience.paging import Page, fetch, number_key
from campaigns.content.library import media
from campaigns.content.library.media import MediaFilter
from campaigns.content.library.models import Media
from campaigns.web.media.blueprint import bp
from campaigns.web.media.shown import shown
from campaigns.web.page_links import page_links

PAGE_SIZE = 60
NO_FOLDER = "-"
"""Stands for images in no folder, in addresses."""
MAX_SEARCH = 100


@bp.get("/media")
@access("user")
def index() -> str:
    wanted = _wanted()
    page = _page(wanted)
    folders = media.folders()
    given = _given()
    previous, following = page_links("media.index", page, **given)
    return render_template(
        "web/media/index.html",
        rows=[shown(medium) for medium in page.rows],
        wanted=wanted,
        given=given,
        folders=[(name or NO_FOLDER, name, count) for name, count in folders.items()],
        total=sum(folders.values()),
        previous=previous,
        following=following,
    )


@bp.get("/media/images")
@access("user")
def images() -> dict[str, Any]:
    """Answer with a page of images and the folders, for scripts."""
    page = _page(_wanted())
    first = media.chosen([request.args.get("selected", "")])
    rows = [*first, *(medium for medium in page.rows if medium not in first)]
    return {
        "images": [shown(medium) for medium in rows],
        "after": page.after,
        "folders": [name for name in media.folders() if name],
    }


def _page(wanted: MediaFilter) -> Page[Media]:
    return fetch(
        media.matching(wanted),
        Media.id,  # type: ignore[arg-type]
        name="id",
        descending=True,
        before=number_key(request.args.get("before")),
        after=number_key(request.args.get("after")),
        size=PAGE_SIZE,
    )


def _wanted() -> MediaFilter:
    folder = request.args.get("folder") or None
    return MediaFilter(
        search=request.args.get("q", "")[:MAX_SEARCH],
        folder="" if folder == NO_FOLDER else folder,
        lacks_alt=request.args.get("show") == "no-alt",
    )


def _given() -> dict[str, str]:
    """Return the filters in the address, for links that keep them."""
    return {name: request.args[name] for name in ("q", "folder", "show") if request.args.get(name)}
