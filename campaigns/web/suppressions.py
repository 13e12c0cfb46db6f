"""The suppression list."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, stream_with_context, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from campaigns import addresses
from campaigns.access import access
from campaigns.addresses import shown_address
from campaigns.audience import suppressions
from campaigns.clock import utcnow
from campaigns.csv_writing import BOM, csv_text
from campaigns.db import transaction
from campaigns.reports import bounces
from campaigns.web import audience_labels
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, done
from campaigns.web.template_helpers import number
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

bp = Blueprint("suppressions", __name__)

COUNT_LIMIT = 10_000
MAX_LINES = 20_000
EXPORT_PAGE = 1_000
MAX_PROBLEMS = 100
"""Number of bad lines that are shown."""


@bp.get("/suppressions")
@access("user")
def index() -> str:
    text = request.args.get("q", "").strip()[:254]
    before, after = request.args.get("before"), request.args.get("after")
    page = suppressions.page(text, before=before, after=after)
    previous, following = page_links("suppressions.index", page, **({"q": text} if text else {}))
    count = suppressions.count(text, most=COUNT_LIMIT)
    return render_template(
        "web/suppressions/index.html",
        suppressions=page.rows,
        evidence=bounces.evidence_of_events({row.event_id for row in page.rows if row.event_id}),
        automatic=suppressions.AUTOMATIC,
        reasons=audience_labels.SUPPRESSION_REASONS,
        sources=audience_labels.SUPPRESSION_SOURCES,
        text=text,
        total=_total(count),
        previous=previous,
        following=following,
        is_narrowed=bool(text or before or after),
    )


def _total(count: int) -> str:
    if count > COUNT_LIMIT:
        return _("More than %(count)s addresses", count=number(COUNT_LIMIT))
    return ngettext("%(count)s address", "%(count)s addresses", count)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line without a valid address. `number` counts from 1."""

    number: int
    text: str
    reason: str


@bp.route("/suppressions/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    """Suppress the valid addresses, and return the invalid lines."""
    if request.method != "POST":
        return _form("", "")
    typed, note = request.form.get("addresses", ""), request.form.get("note", "").strip()
    lines = typed.splitlines()
    if not typed.strip():
        return _form(typed, note, error=_("Enter an email address.")), 422
    if len(lines) > MAX_LINES:
        error = _("Enter at most %(count)s addresses at once.", count=number(MAX_LINES))
        return _form(typed, note, error=error), 422
    normals, bad = _read(lines)
    with transaction():
        added = suppressions.suppress_many(
            normals,
            reason="manual",
            source=current_user.user.address,
            note=note,
            now=utcnow(),
        )
    message = _done(added, already=len(normals) - added)
    if not bad:
        return done(message, url_for("suppressions.index"))
    left = "\n".join(line.text for line in bad)
    return _form(left, note, bad=bad, done=message if normals else ""), 422


def _form(typed: str, note: str, *, bad: Sequence[BadLine] = (), **said: str) -> str:
    return render_template(
        "web/suppressions/form.html",
        typed=typed,
        note=note,
        bad=bad[:MAX_PROBLEMS],
        bad_count=len(bad),
        **said,
    )


def _done(added: int, *, already: int) -> str:
    if not already:
        return ngettext("%(count)s address suppressed", "%(count)s addresses suppressed", added)
    return ngettext(
        "%(count)s address suppressed, %(already)s already on the list",
        "%(count)s addresses suppressed, %(already)s already on the list",
        added,
        already=number(already),
    )


def _read(lines: list[str]) -> tuple[set[str], list[BadLine]]:
    """Return the normal forms of valid addresses, and the invalid lines."""
    normals: set[str] = set()
    bad = []
    for position, line in enumerate(lines, start=1):
        text = line.strip().strip(",;")
        if not text:
            continue
        try:
            normals.add(addresses.parse(text).normal)
        except addresses.InvalidAddressError as error:
            bad.append(BadLine(position, text, sentence(error.reason)))
    return normals, bad


@bp.post("/suppressions/<public_id>/lift")
@access("user")
def lift(public_id: str) -> Response:
    with transaction():
        address = suppressions.lift_by_public_id(
            public_id, by=current_user.user.address, now=utcnow()
        )
    if address is None:
        flash(_("This address is no longer on the suppression list."), "info")
    else:
        flash(_("Removed %(address)s", address=shown_address(address)), "success")
    return redirect(url_for("suppressions.index"))


@bp.get("/suppressions/export.csv")
@access("user")
def export() -> Response:
    return Response(
        stream_with_context(_csv()),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="suppressed.csv"'},
    )


def _csv() -> Iterator[str]:
    """Return CSV with a byte order mark, for Excel."""
    yield BOM + csv_text([("address", "reason", "source", "note", "since")])
    rows = (
        (*texts, since.isoformat(timespec="seconds"))
        for *texts, since in suppressions.export_rows()
    )
    while page := list(itertools.islice(rows, EXPORT_PAGE)):
        yield csv_text(page)
