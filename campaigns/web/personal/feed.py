"""The data feed of a campaign, on its content page."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.campaign import feed as feeds
from campaigns.campaign.feed import Feed, FeedError
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.inputs import one_line
from campaigns.web.campaigns.blueprint import campaign_or_404, editor_id
from campaigns.web.personal.blueprint import SAVED, bp
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

SHOWN = 20
"""Number of entries of a feed that the page lists."""


@bp.get("/campaigns/<public_id>/content/feed")
@access("user")
def show_feed(public_id: str) -> str:
    """Return the form with the feed."""
    return _form(public_id)


@bp.post("/campaigns/<public_id>/content/feed")
@access("user")
@limiter.limit("20 per minute")
def save_feed(public_id: str) -> ResponseReturnValue:
    """Fetch the feed from the address of the form, and keep it; without one, remove the feed."""
    campaign = campaign_or_404(public_id)
    url = one_line(request.form.get("address", ""))[: feeds.MAX_URL]
    try:
        data = feeds.fetch(url) if url else None
        with transaction():
            feeds.save(campaign.id, url, data, editor_id=editor_id(), now=utcnow())
    except FeedError as error:
        return _form(public_id, typed=url, error=sentence(error.reason))
    return _form(public_id), SAVED


def _form(public_id: str, *, typed: str | None = None, error: str = "") -> str:
    campaign = campaign_or_404(public_id)
    found = feeds.of_campaign(campaign.id)
    return render_template(
        "web/personal/_feed_form.html",
        campaign=campaign,
        feed=found,
        address=typed if typed is not None else found.url if found else "",
        entries=_entries(found),
        max_url=feeds.MAX_URL,
        error=error,
    )


def _entries(found: Feed | None) -> list[tuple[str, int | None, str]]:
    """Return (name, number of items of a list, text of a plain value) of the first entries."""
    data = found.data if found and found.data else {}
    return [
        (
            name,
            len(value) if isinstance(value, list) else None,
            "" if isinstance(value, list | dict) or value is None else str(value)[:80],
        )
        for name, value in list(data.items())[:SHOWN]
    ]
