"""The list of campaigns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from flask_babel import lazy_gettext

from campaigns.access import access
from campaigns.campaign import listing, series
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.db import db
from campaigns.reports.balance import Balance
from campaigns.reports.engagement import Engagement
from campaigns.reports.figures import Counts
from campaigns.web.campaigns.blueprint import bp, url_of
from campaigns.web.campaigns.recipients import recipients_of
from campaigns.web.campaigns.titles import title_of
from campaigns.web.counting import counting

NEVER_STARTED = ("draft", "scheduled")
FILTERS = (
    ("", lazy_gettext("All")),
    ("draft", lazy_gettext("Drafts")),
    ("scheduled", lazy_gettext("Scheduled")),
    ("sending", lazy_gettext("In progress")),
    ("sent", lazy_gettext("Sent")),
    ("cancelled", lazy_gettext("Cancelled")),
)


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign in the table."""

    campaign: Campaign
    title: str
    href: str
    lists: list[str]
    balance: Balance
    engagement: Engagement
    is_started: bool
    repeats: bool

    @property
    def recipients(self) -> int:
        """Number of recipients: the audience without skipped people."""
        return recipients_of(self.balance)


@bp.get("/campaigns")
@access("user")
def index() -> str:
    shown = request.args.get("status", "")
    shown = shown if shown in listing.SHOWN else ""
    text = request.args.get("q", "").strip()[:200]
    page = listing.page(
        shown=shown,
        text=text,
        before=request.args.get("before"),
        after=request.args.get("after"),
    )
    kept: dict[str, Any] = {"status": shown or None, "q": text or None}
    with counting() as counts:
        rows = _rows(page.rows, counts)
    return render_template(
        "web/campaigns/index.html",
        rows=rows,
        as_of=counts.as_of,
        shown=shown,
        text=text,
        filters=FILTERS,
        has_any=bool(page.rows) or listing.has_any(),
        previous=page.before and url_for("campaigns.index", before=page.before, **kept),
        following=page.after and url_for("campaigns.index", after=page.after, **kept),
    )


def _rows(rows: Sequence[Campaign], counts: Counts) -> list[CampaignRow]:
    """Return the rows of a page, with one grouped query per kind of figure."""
    ids = [campaign.id for campaign in rows]
    started = [campaign.id for campaign in rows if campaign.status not in NEVER_STARTED]
    names = listing.list_names(ids)
    balances = counts.balances(started)
    engagements = counts.engagements(started)
    repeating = set(
        db.session.scalars(series.templates().where(CampaignSeries.template_id.in_(ids)))
    )
    return [
        CampaignRow(
            campaign=campaign,
            title=title_of(campaign),
            href=url_of(campaign),
            lists=names.get(campaign.id, []),
            balance=balances.get(campaign.id, Balance()),
            engagement=engagements.get(campaign.id, Engagement()),
            is_started=campaign.status not in NEVER_STARTED,
            repeats=campaign.id in repeating,
        )
        for campaign in rows
    ]
