"""The data feed of a campaign, on its content page."""

from collections.abc import Mapping

from flask import render_template, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.campaign import feed as feeds
from campaigns.campaign.feed import Feed, FeedError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.inputs import one_line
from campaigns.web.campaigns.blueprint import campaign_or_404, editor_id
from campaigns.web.personal.blueprint import SAVED, bp
from campaigns.web.saving import locked_or_404, refused, saving, seen_in
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
    campaign_or_404(public_id)
    url = one_line(request.form.get("address", ""))[: feeds.MAX_URL]
    try:
        data = feeds.fetch(url) if url else None
        with saving() as problems:
            campaign = campaign_or_404(public_id)
            if campaign.status == "draft":
                locked_or_404(Campaign, public_id, _stored)
            feeds.save(campaign.id, url, data, editor_id=editor_id(), now=utcnow())
    except FeedError as error:
        return _form(public_id, typed=url, error=sentence(error.reason))
    if problems:
        return refused(_form(public_id, typed=url, problems=problems), problems)
    return _form(public_id), SAVED


def _stored(campaign: Campaign) -> tuple[str, str] | None:
    """Return what the form shows."""
    found = feeds.of_campaign(campaign.id)
    return (found.url, str(found.fetched_at)) if found else None


def _form(
    public_id: str,
    *,
    typed: str | None = None,
    error: str = "",
    problems: Mapping[str, str] | None = None,
) -> str:
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
        seen=seen_in(_stored(campaign), problems or {}, is_typed=typed is not None),
        is_conflict=bool(problems),
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
