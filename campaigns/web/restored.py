"""After a restore from a backup: decide about everything of a kind on hold."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import lifecycle, schedule
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.transactional import queue
from campaigns.web.words import gettext as _

bp = Blueprint("restored", __name__)


@bp.post("/restored/campaigns")
@access("user")
def campaigns() -> Response:
    """Send to the remaining recipients of all campaigns on hold, or mark them as unknown."""
    return _decide(
        send=lambda: len(lifecycle.resume_restored(now=utcnow())),
        sent=_("Campaigns resumed"),
        leave=lambda: len(lifecycle.mark_restored_unknown(now=utcnow())),
        left=_("Recipients marked as unknown"),
    )


@bp.post("/restored/scheduled")
@access("user")
def scheduled() -> Response:
    """Send all campaigns that came due between the backup and its restore, or keep drafts."""
    return _decide(
        send=lambda: len(schedule.send_restored(now=utcnow())),
        sent=_("Campaigns started"),
        leave=lambda: len(schedule.return_restored_to_draft(now=utcnow())),
        left=_("Campaigns moved to drafts"),
    )


@bp.post("/restored/emails")
@access("user")
def emails() -> Response:
    """Send all single emails on hold, or leave them unsent."""
    return _decide(
        send=lambda: queue.send_restored(now=utcnow()),
        sent=_("Emails queued"),
        leave=queue.leave_restored,
        left=_("Emails discarded"),
    )


def _decide(*, send: Callable[[], int], sent: str, leave: Callable[[], int], left: str) -> Response:
    decision = request.form.get("decision")
    if decision not in {"send", "leave"}:
        abort(400)
    with transaction():
        count = send() if decision == "send" else leave()
    if not count:
        flash(_("Nothing is on hold"), "info")
    else:
        flash(sent if decision == "send" else left, "success")
        services().doorbell.ring("send")
    return redirect(url_for("home.home"))
