"""The delivery log: one line per recipient, as a page and as a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from flask import (
    Response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from campaigns.access import access
from campaigns.campaign.models import Campaign
from campaigns.csv_writing import csv_text
from campaigns.db import db
from campaigns.reports import bounces, delivery_log, replies
from campaigns.reports.bounces import EvidenceLine
from campaigns.reports.delivery_log import DeliveryLine, Filter, View
from campaigns.reports.figures import Counts
from campaigns.web.campaigns.blueprint import campaign_or_404
from campaigns.web.counting import counting
from campaigns.web.reports.blueprint import bp
from campaigns.web.words import describe, reply_words


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the delivery log."""

    view: str
    count: int
    href: str
    is_active: bool


_VIEWS: tuple[str, ...] = get_args(View)


_ALWAYS_SHOWN = ("all", "sent", "failed", "skipped")


def _chosen() -> Filter:
    """Return the filter in the URL; invalid values are ignored."""
    args = request.args
    view = args.get("view", "all")
    reply = args.get("reply", "")
    return Filter(
        view=view if view in _VIEWS else "all",  # type: ignore[arg-type]
        reason=_words(args.get("reason", ""))[:40],
        reply_id=key_of(reply),
        bounce=_words(args.get("bounce", ""))[:40],
        search=_words(args.get("q", ""))[:254],
    )


def _words(text: str) -> str:
    # PostgreSQL allows no NUL in text; no address or reason contains one.
    return text.replace("\0", "").strip()


def key_of(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 18
    return int(text) if is_number else None


def _address_of(chosen: Filter) -> dict[str, Any]:
    """Return the filter as URL arguments, without unset ones."""
    values: dict[str, Any] = {
        "view": chosen.view if chosen.view != "all" else None,
        "reason": chosen.reason or None,
        "reply": chosen.reply_id,
        "bounce": chosen.bounce or None,
        "q": chosen.search or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _chosen_reply(chosen: Filter) -> str:
    return replies.reply_text(chosen.reply_id) if chosen.reply_id is not None else ""


def _tabs(campaign: Campaign, chosen: Filter, counts: Counts) -> list[Tab]:
    """Return the tabs that are not empty, and the standard ones always."""
    balance = counts.balance(campaign.id)
    came_back = counts.engagement(campaign.id)
    tabs = []
    for view in _VIEWS:
        if view == "all":
            count = balance.rows
        elif view == "delivered":
            count = counts.delivered(campaign.id)
        else:
            count = getattr(came_back if hasattr(came_back, view) else balance, view)
        if not count and view not in _ALWAYS_SHOWN and view != chosen.view:
            continue
        wanted = replace(chosen, view=view, reason="", reply_id=None, bounce="")  # type: ignore[arg-type]
        href = url_for("reports.delivery_log", public_id=campaign.public_id, **_address_of(wanted))
        tabs.append(Tab(view, count, href, view == chosen.view))
    return tabs


@bp.get("/campaigns/<public_id>/report/deliveries", endpoint="delivery_log")
@access("user")
def delivery_log_page(public_id: str) -> str | BaseResponse:
    """Show the delivery log."""
    found = campaign_or_404(public_id)
    if found.status == "draft":
        return redirect(url_for("campaigns.edit", public_id=public_id))
    chosen = _chosen()
    page = delivery_log.log_page(
        found.id,
        chosen,
        after=key_of(request.args.get("after", "")),
        before=key_of(request.args.get("before", "")),
    )
    endpoint = "reports.delivery_log"
    here: dict[str, Any] = {"public_id": public_id, **_address_of(chosen)}
    with counting() as counts:
        tabs = _tabs(found, chosen, counts)
    return render_template(
        "web/reports/delivery_log.html",
        campaign=found,
        chosen=chosen,
        reply=reply_words(_chosen_reply(chosen), chosen.reason),
        tabs=tabs,
        as_of=counts.as_of,
        page=page,
        evidence_of=bounces.evidence_of([line.delivery_id for line in page.lines]),
        previous=url_for(endpoint, **here, before=page.previous) if page.previous else "",
        next=url_for(endpoint, **here, after=page.next) if page.next else "",
        export=url_for("reports.delivery_log_csv", **here),
        describe=describe,
    )


@bp.get("/campaigns/<public_id>/report/deliveries.csv")
@access("user")
def delivery_log_csv(public_id: str) -> Response:
    """Stream the delivery log as a file, with the filter of the page."""
    found = campaign_or_404(public_id)
    name = f"deliveries-{found.public_id}.csv"
    return Response(
        stream_with_context(_csv(found.id, _chosen())),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


_COLUMNS = (
    "address",
    "status",
    "reason",
    "reason_in_words",
    "reply_code",
    "reply",
    "tries",
    "sent_at",
    "delivered_at",
    "opened_at",
    "clicked_at",
    "unsubscribed_at",
    "bounced_at",
    "complained_at",
    "bounce_class",
    "bounce_reply",
)


def _csv(campaign_id: int, chosen: Filter) -> Iterator[str]:
    yield csv_text([_COLUMNS])
    for lines in delivery_log.export(campaign_id, chosen):
        evidence = bounces.evidence_of([line.delivery_id for line in lines if line.bounced_at])
        text = csv_text(_csv_row(line, evidence.get(line.delivery_id, [])) for line in lines)
        db.session.rollback()  # no read transaction stays open while the client is slow
        yield text


def _csv_row(line: DeliveryLine, evidence: Sequence[EvidenceLine]) -> list[str]:
    bounce = next((one for one in evidence if one.kind == "bounced"), None)
    moments = (
        line.sent_at,
        line.delivered_at,
        line.opened_at,
        line.clicked_at,
        line.unsubscribed_at,
        line.bounced_at,
        line.complained_at,
    )
    return [
        line.address,
        line.status,
        line.reason,
        describe(line.reason),
        str(line.reply_code or ""),
        reply_words(line.reply, line.reason),
        str(line.attempts),
        *(at.isoformat(timespec="seconds") if at else "" for at in moments),
        bounce.reply_class if bounce else "",
        bounce.words if bounce else "",
    ]
