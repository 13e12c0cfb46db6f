"""Resend and retry: the panel of a report, and the two lists behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import LazyString, lazy_gettext
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import lifecycle
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import canary, resend
from campaigns.events import quarantine, refusals
from campaigns.reports import delivery_log
from campaigns.reports.delivery_log import Filter
from campaigns.web.campaigns.blueprint import campaign_or_404
from campaigns.web.counting import counting
from campaigns.web.template_helpers import number
from campaigns.web.words import describe, mailbox_name, ngettext
from campaigns.web.words import gettext as _

bp = Blueprint("resend", __name__)


@dataclass(frozen=True, slots=True)
class ResendList:
    """A list of deliveries that can be resent, and the texts of its page."""

    view: Literal["unknown", "failed"]
    title: LazyString
    again: Callable[..., int]
    """Called with a campaign's id, the ids of deliveries or None for all, and `now`."""
    again_label: LazyString
    ask: LazyString | str


KINDS = {
    "unknown": ResendList(
        "unknown",
        lazy_gettext("Emails with unknown results"),
        resend.send_again,
        lazy_gettext("Resend"),
        lazy_gettext("Resend this email? It may arrive twice."),
    ),
    "failed": ResendList(
        "failed",
        lazy_gettext("Failed emails"),
        resend.retry_failed,
        lazy_gettext("Retry"),
        "",
    ),
}


def _kind(name: str) -> ResendList:
    if name not in KINDS:
        abort(404)
    return KINDS[name]


def _key(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 18
    return int(text) if is_number else None


@contextmanager
def _changing(campaign_id: int) -> Iterator[None]:
    """Open a transaction that changes deliveries, and invalidate earlier figures."""
    with transaction():
        lifecycle.touch(campaign_id, now=utcnow())
        yield


def _report(public_id: str) -> Response:
    return redirect(url_for("reports.campaign", public_id=public_id))


def _queued(campaign_id: int, count: int) -> None:
    """Show how many are resent, and ring for them."""
    if count:
        services().doorbell.ring("send")
    _say(
        campaign_id,
        count,
        ngettext("%(shown)s email queued.", "%(shown)s emails queued.", count, shown=number(count)),
        _("There is nothing left to send."),
    )


def _say(campaign_id: int, count: int, done: str, nothing: str) -> None:
    """Show what was done at once and what follows, and ring for the rest."""
    rest = sum(max(0, run.total - run.done) for run in resend.under_way(campaign_id))
    if rest:
        services().doorbell.ring("resend", campaign_id)
    if not count and not rest:
        flash(nothing, "info")
        return
    more = ngettext(
        "%(shown)s more follows automatically.",
        "%(shown)s more follow automatically.",
        rest,
        shown=number(rest),
    )
    if not count:
        busy = _("This is already in progress.")
        flash(f"{busy} {more}", "info")
    else:
        flash(f"{done} {more}" if rest else done, "success")


@bp.get("/campaigns/<public_id>/report/again")
@access("user")
def panel(public_id: str) -> str:
    """Return the panel with the buttons, for the poll."""
    found = campaign_or_404(public_id)
    under_way = resend.under_way(found.id)  # first: one that ends after this is still shown
    with counting(with_details=True) as counts:
        shown = counts.resend_options(found)
    return render_template(
        "web/reports/_resend.html",
        campaign=found,
        options=shown,
        under_way=under_way,
        is_poll=True,
    )


@bp.get("/campaigns/<public_id>/report/again/<name>")
@access("user")
def entries(public_id: str, name: str) -> str:
    """List the deliveries, each with a button."""
    found, kind = campaign_or_404(public_id), _kind(name)
    page = delivery_log.log_page(
        found.id,
        Filter(view=kind.view),
        after=_key(request.args.get("after", "")),
        before=_key(request.args.get("before", "")),
    )
    here: dict[str, Any] = {"public_id": public_id, "name": name}
    under_way = resend.under_way(found.id)
    with counting(with_details=True) as counts:
        shown = counts.resend_options(found)
    return render_template(
        "web/reports/resend.html",
        campaign=found,
        kind=kind,
        options=shown,
        under_way=under_way,
        page=page,
        previous=url_for(".entries", **here, before=page.previous) if page.previous else "",
        next=url_for(".entries", **here, after=page.next) if page.next else "",
        export=url_for("reports.delivery_log_csv", public_id=public_id, view=kind.view),
        describe=describe,
    )


@bp.post("/campaigns/<public_id>/report/again/<name>")
@access("user")
def again(public_id: str, name: str) -> Response:
    """Send one of them (`delivery`) or all of them again."""
    found, kind = campaign_or_404(public_id), _kind(name)
    chosen = _chosen()
    with _changing(found.id):
        count = kind.again(found.id, chosen, now=utcnow())
    _queued(found.id, count)
    return _report(public_id) if chosen is None else _list(public_id, name)


@bp.post("/campaigns/<public_id>/report/leave")
@access("user")
def leave(public_id: str) -> Response:
    """Leave one unknown delivery (`delivery`) or all of them unknown."""
    found = campaign_or_404(public_id)
    chosen = _chosen()
    with _changing(found.id):
        count = resend.leave(found.id, chosen, now=utcnow())
    done = ngettext(
        "%(shown)s email kept as unknown.",
        "%(shown)s emails kept as unknown.",
        count,
        shown=number(count),
    )
    _say(found.id, count, done, _("There is nothing left to decide."))
    return _report(public_id) if chosen is None else _list(public_id, "unknown")


def _chosen() -> list[int] | None:
    """Return the delivery of a button; None for the button for all."""
    if "delivery" not in request.form:
        return None
    number = _key(request.form["delivery"])
    return [] if number is None else [number]


def _list(public_id: str, name: str) -> Response:
    return redirect(url_for(".entries", public_id=public_id, name=name))


@bp.post("/campaigns/<public_id>/report/remaining")
@access("user")
def remaining(public_id: str) -> Response:
    """Send the rest of a cancelled campaign."""
    return _queue_all(public_id, resend.send_remaining)


@bp.post("/campaigns/<public_id>/report/release")
@access("user")
def release(public_id: str) -> Response:
    """Send deliveries on hold for a reason other than a refusal spike."""
    return _queue_all(public_id, resend.release)


def _queue_all(public_id: str, queue: Callable[..., int]) -> Response:
    found = campaign_or_404(public_id)
    with _changing(found.id):
        count = queue(found.id, now=utcnow())
    _queued(found.id, count)
    return _report(public_id)


@bp.post("/campaigns/<public_id>/report/flood")
@access("user")
def flood(public_id: str) -> Response:
    """Decide on a mailbox group that refused very many: `again`, or `gone`."""
    found = campaign_or_404(public_id)
    decision = _decision("again", "gone")
    group = request.form.get("group", "").replace("\0", "")
    if decision == "gone":
        _believe(found.id, group, refusals.believe)
    else:
        with _changing(found.id):
            count = resend.retry_group(found.id, group, now=utcnow())
        _queued(found.id, count)
    return _report(public_id)


@bp.post("/campaigns/<public_id>/report/bounces")
@access("user")
def bounces(public_id: str) -> Response:
    """Decide on a mailbox provider with very many later bounces: `again`, or `gone`."""
    found = campaign_or_404(public_id)
    decision = _decision("again", "gone")
    group = request.form.get("group", "").replace("\0", "")
    if decision == "gone":
        _believe(found.id, group, quarantine.believe)
        return _report(public_id)
    with _changing(found.id):
        is_decided = quarantine.dismiss(found.id, group)
    if is_decided:
        services().doorbell.ring("send")
        flash(_("Addresses kept"), "success")
    else:
        flash(_("Someone else has already decided this."), "info")
    return _report(public_id)


@bp.post("/campaigns/<public_id>/report/canary")
@access("user")
def canary_group(public_id: str) -> Response:
    """Decide on a mailbox group with bad test group results: `again`, or `left`."""
    found = campaign_or_404(public_id)
    is_left = _decision("again", "left") == "left"
    group = request.form.get("group", "").replace("\0", "")
    with _changing(found.id):
        if is_left:
            count = canary.skip_group(found.id, group, now=utcnow())
        else:
            count = 0 if canary.send_to_group(found.id, group) else None
    if count is None:
        flash(_("Someone else has already decided this."), "info")
        return _report(public_id)
    services().doorbell.ring("send")
    excluded = ngettext(
        "%(shown)s recipient at %(provider)s excluded.",
        "%(shown)s recipients at %(provider)s excluded.",
        count,
        shown=number(count),
        provider=mailbox_name(group),
    )
    resumed = _("Sending to %(provider)s continues.", provider=mailbox_name(group))
    flash(excluded if is_left else resumed, "success")
    return _report(public_id)


def _decision(*choices: str) -> str:
    """Return the decision of the form. Without a known one, nothing is sent: 400."""
    chosen = request.form.get("decision", "")
    return chosen if chosen in choices else abort(400)


def _believe(campaign_id: int, group: str, accept: Callable[..., int | None]) -> None:
    with _changing(campaign_id):
        count = accept(campaign_id, group, now=utcnow())
    if count is None:
        flash(_("Someone else has already decided this."), "info")
        return
    services().doorbell.ring("send")
    flash(
        ngettext(
            "%(shown)s address suppressed. Sending to %(provider)s continues.",
            "%(shown)s addresses suppressed. Sending to %(provider)s continues.",
            count,
            shown=number(count),
            provider=mailbox_name(group),
        ),
        "success",
    )
