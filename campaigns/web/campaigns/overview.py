"""The list of campaigns, and the start of a new one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience.segments import saved
from campaigns.audience.segments.models import Segment
from campaigns.campaign import drafts, listing, series
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.reports.balance import Balance
from campaigns.reports.engagement import Engagement
from campaigns.reports.figures import Counts
from campaigns.web.campaigns.blueprint import bp, editor_id, url_of
from campaigns.web.campaigns.recipients import recipients_of
from campaigns.web.campaigns.starters import STARTERS, starter_html
from campaigns.web.campaigns.titles import name_of_copy, title_of
from campaigns.web.counting import counting
from campaigns.web.words import gettext as _

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


@bp.route("/campaigns/new", methods=["GET", "POST"])
@access("user")
def new() -> str | Response | tuple[str, int]:
    if request.method != "POST":
        return _new_page(start=request.args.get("start", "letter"))
    start = request.form.get("start", "blank")
    name = request.form.get("name", "").strip()
    segment = _segment()
    if request.values.get("segment") and segment is None:
        return _new_page(start=start, error=_("This segment was deleted.")), 422
    if start == "copy":
        return _start_from_copy(name, segment)
    if start != "blank" and start not in STARTERS:
        return _new_page(start="letter", error=_("Choose what to start from.")), 422
    with transaction():
        campaign = drafts.create(
            name=name,
            source="" if start == "blank" else starter_html(start),
            editor_id=editor_id(),
            now=utcnow(),
        )
        _limit_to(segment, campaign)
    return redirect(url_for("campaigns.edit", public_id=campaign.public_id))


def _segment() -> Segment | None:
    """Return the segment for which the campaign is created, if there is one."""
    return saved.find(request.values.get("segment", ""))


def _limit_to(segment: Segment | None, campaign: Campaign) -> None:
    if segment is not None:
        chosen = drafts.chosen_audience(campaign.id)
        drafts.choose_audience(campaign.id, replace(chosen, segments=frozenset({segment.id})))


def _start_from_copy(name: str, segment: Segment | None) -> Response | tuple[str, int]:
    old = drafts.find(request.form.get("copy_of", ""))
    if old is None:
        return _new_page(start="copy", error=_("Choose the campaign to copy.")), 422
    with transaction():
        campaign = drafts.duplicate(
            old.id, name=name or name_of_copy(old), editor_id=editor_id(), now=utcnow()
        )
        _limit_to(segment, campaign)
    flash(_("Campaign duplicated"), "success")
    return redirect(url_for("campaigns.edit", public_id=campaign.public_id))


def _new_page(*, start: str, error: str = "") -> str:
    return render_template(
        "web/campaigns/new.html",
        start=start if start in {"blank", "copy", *STARTERS} else "letter",
        name=request.form.get("name", ""),
        starters=STARTERS,
        recent=listing.recent(limit=50),
        segment=_segment(),
        error=error,
    )
