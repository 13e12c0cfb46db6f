"""The URLs of the previous and next page, with keyset pagination."""

from typing import Any

from flask import url_for

from campaigns.audience.paging import Page


def page_links(endpoint: str, page: Page[Any], **values: Any) -> tuple[str, str]:
    """Return (previous, next) for the `pager` macro; empty if there is none."""
    previous = url_for(endpoint, before=page.before, **values) if page.before else ""
    following = url_for(endpoint, after=page.after, **values) if page.after else ""
    return previous, following
