"""Bulk actions on subscribers: start, progress, stop, undo."""

from collections.abc import Iterable
from typing import Any

from flask import (
    Blueprint,
    flash,
    get_flashed_messages,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience import lists, subscribers, tags
from campaigns.audience.bulk import runs
from campaigns.audience.bulk.actions import BulkError
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.bulk.runs import Actor, BulkAction
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.definitions import find as find_field
from campaigns.audience.selection import Selection
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.jobs import bulk as bulk_job
from campaigns.reason import ReasonError
from campaigns.web import bulk_words
from campaigns.web.deletion import Deletion, deletion_page
from campaigns.web.saving import Answer, or_404, or_none
from campaigns.web.subscriber_filters import filter_values, filters
from campaigns.web.template_helpers import locale, number
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

bp = Blueprint("tasks", __name__)

PAGE = 50
AT_ONCE = 500
"""Subscribers up to which the request itself does the work."""
AT_ONCE_SECONDS = 1.0
_ASKED = {"delete": "delete", "suppress": "suppress"}
"""Actions that require typing a word, and the word."""


class IncompleteError(ValueError):
    """Something is missing in the form; the text says what."""


# --- start


@bp.get("/subscribers/matching")
@access("user")
def matching() -> str:
    """Count exactly whom the filters match, for "Select all"."""
    try:
        count = runs.plan(filters().selection, now=utcnow()).matched
    except ReasonError as error:
        return render_template("web/subscribers/_matching.html", error=sentence(error.reason))
    return render_template("web/subscribers/_matching.html", count=count)


@bp.post("/subscribers/bulk")
@access("user")
def start() -> Answer:
    """Start the chosen action; deleting and suppressing ask first."""
    form = request.form
    try:
        selection = _selection(form)
        name = form.get("action", "")
        if name in _ASKED and form.get("confirm", "").strip().lower() != _ASKED[name]:
            return _ask(name, selection)
        planned = runs.plan(selection, now=utcnow())
        if name in _ASKED and _has_grown(planned.matched):
            return _ask(name, selection)
        with transaction():
            run = runs.start(planned, _action(name, form), _actor(), now=utcnow())
    except (ReasonError, IncompleteError) as error:
        text = sentence(error.reason) if isinstance(error, ReasonError) else str(error)
        flash(text, "danger")
        return redirect(_back())
    except NotFound:
        flash(_("The list, tag or segment of this search was deleted."), "danger")
        return redirect(url_for("subscribers.index"))
    _begin(run)
    return _back_to_table(run)


def _begin(run: BulkRun) -> None:
    """Do a small run at once, and leave a large one to the workers."""
    if run.matched > AT_ONCE or bulk_job.work(run.id, seconds=AT_ONCE_SECONDS):
        services().doorbell.ring("bulk", run.id)


def _back_to_table(run: BulkRun) -> Response:
    """Return to the table, which says how the run ended if that is before the page is shown."""
    flash(run.public_id, "bulk_run")
    return redirect(_back())


def _selection(form: MultiDict[str, str]) -> Selection:
    """Return whom the form selects: all that match, or the ones on the page."""
    if form.get("all"):
        return filters().selection
    ids = subscribers.ids_of(form.getlist("subscriber")[:AT_ONCE])
    if not ids:
        raise IncompleteError(_("Select at least one subscriber."))
    return Selection(ids=tuple(ids))


def _action(name: str, form: MultiDict[str, str]) -> BulkAction:
    """Return the action of the form, inside a transaction."""
    match name:
        case "tag" | "untag":
            return _tag_action(name, form.get("tag", ""))
        case "subscribe" | "unsubscribe":
            entry = lists.find(form.get("list", ""))
            if entry is None:
                raise IncompleteError(_("Choose a list."))
            if name == "subscribe" and entry.archived_at:
                raise IncompleteError(_("This list is archived. Unarchive it first."))
            return BulkAction(name, {"list": entry.id, "name": entry.name})
        case "set_field":
            return _field_action(form)
        case "suppress":
            return BulkAction("suppress", {})
        case "delete":
            return BulkAction("erase", {})
    raise IncompleteError(_("Choose what to do with the selected subscribers."))


def _tag_action(name: str, text: str) -> BulkAction:
    names = tags.names_in(text)
    if len(names) != 1:
        raise IncompleteError(_("Enter one tag."))
    if name == "tag":
        (tag,) = tags.created(names, now=utcnow())
    elif (found := tags.named(names[0])) is not None:
        tag = found
    else:
        raise IncompleteError(_("There is no tag “%(name)s”.", name=names[0]))
    return BulkAction(name, {"tag": tag.id, "name": tag.name})


def _field_action(form: MultiDict[str, str]) -> BulkAction:
    field = find_field(form.get("field", ""))
    if field is None:
        raise IncompleteError(_("Choose a field."))
    text, known = form.get("value", "").strip(), Definition.of(field)
    value, shown = None, ""
    if text:
        value = known.kind.parse(text, known)
        shown = known.kind.show(value, known, locale())
    params = {"field": field.key, "label": field.label, "value": value, "shown": shown}
    return BulkAction("set_field", params)


def _actor() -> Actor:
    user = current_user.user
    return Actor(user.id, user.address, _("By %(user)s", user=user.address))


def _back() -> str:
    """Return the URL of the table, at the same page."""
    return url_for("subscribers.index", **filter_values("before", "after"))


def _ask(name: str, selection: Selection) -> Answer:
    """Ask for the word before something that concerns people's data or reach."""
    count = runs.plan(selection, now=utcnow()).matched
    if not count:
        raise BulkError("bulk.nobody")
    is_wrong = "confirm" in request.form
    error = _("Type the word “%(word)s”.", word=_ASKED[name]) if is_wrong else ""
    if _has_grown(count):
        error = _("More subscribers match now. Check the number, then confirm again.")
    page = deletion_page(_question(name, selection, count, error))
    return (page, 422) if is_wrong else page


def _has_grown(count: int) -> bool:
    """Return whether more people match now than the confirmed page said."""
    said = request.form.get("matched", "")
    return said.isascii() and said.isdigit() and count > int(said[:18])


def _question(name: str, selection: Selection, count: int, error: str) -> Deletion:
    if name == "delete":
        title = ngettext("Delete %(count)s subscriber", "Delete %(count)s subscribers", count)
        effects = [*erasure_effects(), _("This cannot be undone.")]
    else:
        title = ngettext("Suppress %(count)s subscriber", "Suppress %(count)s subscribers", count)
        effects = [
            _("These addresses get no more email, whatever list they are on."),
            _("You can remove them from the suppression list later."),
        ]
    is_all = selection.ids is None
    return Deletion(
        title=title,
        button=title,
        back=_back(),
        above=[(_back(), _("Subscribers"))],
        effects=effects,
        word=_ASKED[name],
        error=error,
        people=() if is_all else subscribers.load(selection.ids or ()),
        values={"action": name, **({"all": "1", "matched": str(count)} if is_all else {})},
    )


def erasure_effects() -> list[str]:
    """Return what deleting a subscriber does."""
    return [
        _("Name, address, fields, tags and list subscriptions are erased."),
        _("Reports keep their figures without the person."),
    ]


# --- progress


@bp.get("/subscribers/tasks")
@access("user")
def index() -> str:
    before = request.args.get("before", type=int)
    found = runs.page(before=before, limit=PAGE + 1)
    older = url_for("tasks.index", before=found[PAGE - 1].id) if len(found) > PAGE else ""
    return render_template(
        "web/bulk/index.html",
        runs=found[:PAGE],
        title_of=bulk_words.title,
        older=older,
        newest=url_for("tasks.index") if before else "",
    )


@bp.get("/subscribers/tasks/<public_id>")
@access("user")
def show(public_id: str) -> str:
    return render_template("web/bulk/show.html", **_state(or_404(BulkRun, public_id)))


@bp.get("/subscribers/tasks/<public_id>/progress")
@access("user")
def progress(public_id: str) -> str:
    return render_template("web/bulk/_state.html", **_state(or_404(BulkRun, public_id)))


@bp.get("/subscribers/tasks/strip")
@access("user")
def strip() -> str:
    """Show the runs in progress, with a toast for each that ended since the last time."""
    shown = request.args.get("shown", "").split("-")[:20]
    return render_template("web/bulk/_strip.html", **_strip_values(shown))


def table_strip() -> dict[str, Any]:
    """Return the values of the strip for a page whose previous request may have started a run."""
    begun = get_flashed_messages(category_filter=["bulk_run"])
    return _strip_values([str(public_id) for public_id in begun])


def _strip_values(shown: Iterable[str]) -> dict[str, Any]:
    """Return the values of the strip: the runs in progress, and which of the `shown` ended."""
    now = utcnow()
    running = runs.in_progress()  # read first: a run that ends after this still polls
    running_ids = {run.public_id for run in running}
    found = [or_none(BulkRun, public_id) for public_id in shown if public_id not in running_ids]
    ended = [run for run in found if run is not None and run.finished_at is not None]
    return {
        "running": running,
        "ended": ended,
        "filters": filter_values(),
        "title_of": bulk_words.title,
        "texts_of": bulk_words.outcome_sentences,
        "undoable": {run.id for run in ended if runs.can_undo(run, now=now)},
    }


def _state(run: BulkRun) -> dict[str, Any]:
    done = sum(run.outcomes.values())
    return {
        "run": run,
        "is_open": run.status in runs.OPEN,
        "done": min(done, run.matched),
        "title": bulk_words.title(run),
        "texts": bulk_words.outcome_sentences(run),
        "can_undo": runs.can_undo(run, now=utcnow()),
        "undo": runs.undo_of(run.id),
        "undone": runs.find(run.undoes_id) if run.undoes_id else None,
        "is_all_changed": done == run.outcomes.get("changed", 0),
        "total": number(run.matched),
    }


@bp.post("/subscribers/tasks/<public_id>/undo")
@access("user")
def undo(public_id: str) -> Response:
    run = or_404(BulkRun, public_id)
    try:
        with transaction():
            undo_run = runs.undo(run.id, _actor(), now=utcnow())
    except BulkError as error:
        flash(sentence(error.reason), "danger")
        return redirect(url_for("tasks.show", public_id=public_id))
    _begin(undo_run)
    if "table" in request.args:
        return _back_to_table(undo_run)
    return redirect(url_for("tasks.show", public_id=undo_run.public_id))


@bp.post("/subscribers/tasks/<public_id>/cancel")
@access("user")
def cancel(public_id: str) -> Response:
    run = or_404(BulkRun, public_id)
    with transaction():
        runs.cancel(run.id, now=utcnow())
    return redirect(url_for("tasks.show", public_id=public_id))
