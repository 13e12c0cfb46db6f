"""Subscribers: search, add, change, delete, subscribe and unsubscribe manually, export."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import (
    Blueprint,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.addresses import InvalidAddressError, shown_address
from campaigns.audience import lists, search, subscribers, subscriptions, suppressions, tags
from campaigns.audience import selection as selections
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.export import export_rows
from campaigns.audience.fields.definitions import all_fields
from campaigns.audience.models import SUBSCRIPTION_STATES, Subscriber
from campaigns.audience.paging import PAGE_SIZE
from campaigns.audience.segments import members, saved
from campaigns.audience.subscribers import Names
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.privacy import data_export, erasure
from campaigns.reason import Reason, ReasonError
from campaigns.web import bulk, field_inputs, subscriber_form, subscriber_page
from campaigns.web.deletion import Deletion, deletion_page
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, or_404
from campaigns.web.subscriber_filters import Filters, filter_values, filters
from campaigns.web.template_helpers import number
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

bp = Blueprint("subscribers", __name__)


COUNT_LIMIT = 10_000
"""Limit of counting; beyond it, the page shows "more than 10,000"."""


# --- The table


@bp.get("/subscribers")
@access("user")
def index() -> str:
    found = filters()
    before, after = request.args.get("before"), request.args.get("after")
    is_narrowed = bool(not found.is_empty or before or after)
    shown: dict[str, Any] = {"subscribers": [], "others": [], "total": "", "problem": ""}
    try:
        shown |= _rows(found, before, after)
    except ReasonError as error:  # the segment cannot be used
        shown["problem"] = sentence(error.reason)
    ids = [one.id for one in (*shown["subscribers"], *shown["others"])]
    return render_template(
        "web/subscribers/index.html",
        **shown,
        is_cut=bool(found.search.is_address and search.is_search_limited()),
        looked_through=search.SEARCH_LIMIT,
        places=subscribers.places(ids),
        suppressed=subscribers.suppressed_ids(ids),
        lists=lists.choices(also=[found.entry.id] if found.entry else []),
        tags=tags.choices(),
        fields=all_fields(),
        segments=saved.choices(),
        found=found,
        entry=found.entry,
        state=found.search.state,
        text=found.search.text,
        states=SUBSCRIPTION_STATES,
        is_narrowed=is_narrowed,
        rules=json.dumps(selections.rules_of(found.selection), ensure_ascii=False),
        **bulk.table_strip(),
    )


def _rows(found: Filters, before: str | None, after: str | None) -> dict[str, Any]:
    """Return one page of the table, and how many there are."""
    wanted, most = found.search, COUNT_LIMIT
    also = selections.narrowing(found.selection, members.context_at(utcnow()))
    page = search.page(wanted, also, before=before, after=after)
    others: Sequence[Subscriber] = []
    is_last_page = page.after is None and len(page.rows) < PAGE_SIZE
    if wanted.may_be_a_name and is_last_page:
        others = search.search_newest(wanted, also)
    count = search.count(wanted, also, most=most)
    previous, following = page_links("subscribers.index", page, **filter_values())
    return {
        "subscribers": page.rows,
        "others": others,
        "total": _total(count + len(others), is_more=len(others) == PAGE_SIZE),
        "previous": previous,
        "following": following,
        "has_more": bool(previous or following or len(others) == PAGE_SIZE),
    }


def _total(count: int, *, is_more: bool) -> str:
    if is_more or count > COUNT_LIMIT:
        return _("More than %(count)s subscribers", count=number(min(count, COUNT_LIMIT)))
    return ngettext("%(count)s subscriber", "%(count)s subscribers", count)


@bp.get("/subscribers/export.csv")
@access("user")
def export() -> Response:
    found = filters()
    chosen = found.segment or found.tag or found.entry
    name = "subscribers" if chosen is None else f"subscribers-{chosen.public_id}"
    context = members.context_at(utcnow())
    try:
        selections.condition(found.selection, context)
    except ReasonError as error:
        flash(sentence(error.reason), "danger")
        return redirect(url_for("subscribers.index", **filter_values()))
    return Response(
        # Nothing is read here: exports have threads of their own, and pages must not wait.
        stream_with_context(export_rows(found.selection, context)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


# --- One subscriber


@bp.route("/subscribers/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method != "POST":
        return _form_page(None, {"lists": request.args.getlist("list")})
    form = request.form
    chosen = form.getlist("list")
    typed = field_inputs.read(form)
    if typed.problems:
        return _form_page(None, subscriber_form.typed(form), problems=typed.problems), 422
    try:
        attributes = subscribers.attributes_from(subscriber_form.attribute_rows(form), typed.values)
        with transaction():
            entries = [entry for entry in lists.choices() if entry.public_id in chosen]
            person = subscribers.add(
                form.get("address", ""),
                names=_names(form),
                attributes=attributes,
                now=utcnow(),
            )
            for entry in entries:
                subscriptions.subscribe(entry.id, person.id, _by_hand())
            public_id = person.public_id
    except (
        InvalidAddressError,
        subscribers.SubscriberError,
        subscriptions.ConsentError,
    ) as error:
        return _form_page(None, subscriber_form.typed(form), error), 422
    flash(_("Subscriber added"), "success")
    if form.get("then") == "another":
        return redirect(url_for("subscribers.new", list=[one.public_id for one in entries]))
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.get("/subscribers/<public_id>")
@access("user")
def show(public_id: str) -> str:
    return subscriber_page.page(or_404(Subscriber, public_id))


@bp.get("/subscribers/<public_id>/export.json")
@access("user")
def export_person(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    return Response(
        stream_with_context(data_export.export_person(person, now=utcnow())),
        mimetype="application/json",
        headers={"Content-Disposition": f'attachment; filename="subscriber-{public_id}.json"'},
    )


@bp.route("/subscribers/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    """Save only what was changed in the form."""
    person = or_404(Subscriber, public_id)
    if request.method != "POST":
        return _form_page(person, subscriber_form.stored(person))
    form = request.form
    try:
        edit, problems = subscriber_form.changes(form)
        if problems:
            return _form_page(person, subscriber_form.typed(form), problems=problems), 422
        with transaction():
            subscribers.change(person.id, edit, now=utcnow())
    except (InvalidAddressError, subscribers.SubscriberError) as error:
        return _form_page(or_404(Subscriber, public_id), subscriber_form.typed(form), error), 422
    flash(_("Changes saved"), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.route("/subscribers/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    person = or_404(Subscriber, public_id)
    if request.method != "POST":
        return _delete_page(person)
    if request.form.get("confirm", "").strip().lower() != "delete":
        return _delete_page(person, _("Type the word “%(word)s”.", word="delete")), 422
    with transaction():
        if "suppress" in request.form:
            suppressions.suppress(
                person.address_normal,
                reason="erased",
                source=current_user.user.address,
                now=utcnow(),
            )
        erasure.erase([person.id])
    flash(_("Subscriber deleted"), "success")
    return redirect(url_for("subscribers.index"))


def _delete_page(person: Subscriber, error: str = "") -> str:
    address = shown_address(person.address)
    back = url_for("subscribers.show", public_id=person.public_id)
    page = Deletion(
        title=_("Delete %(address)s", address=address),
        button=_("Delete subscriber"),
        back=back,
        above=[(url_for("subscribers.index"), _("Subscribers")), (back, address)],
        effects=[*bulk.erasure_effects(), _("This cannot be undone.")],
        word="delete",
        error=error,
        options=[
            (
                "suppress",
                _("Keep the address on the suppression list"),
                _("Imports can never add it again. Only the address is kept."),
            )
        ],
    )
    return deletion_page(page)


@bp.post("/subscribers/<public_id>/subscribe")
@access("user")
def subscribe(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    entry = lists.find(request.form.get("list", ""))
    if entry is None:
        flash(_("Choose a list."), "danger")
        return redirect(url_for("subscribers.show", public_id=public_id))
    name, came_back = entry.name, "asked_to_come_back" in request.form
    try:
        with transaction():
            done = subscriptions.subscribe(
                entry.id,
                person.id,
                _by_hand(came_back=came_back),
                asked_to_come_back=came_back,
            )
    except subscriptions.ConsentError as error:
        flash(sentence(error.reason), "danger")
    else:
        said = _("Subscribed to “%(list)s”") if done else _("Already on “%(list)s”")
        flash(said % {"list": name}, "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.post("/subscribers/<public_id>/unsubscribe")
@access("user")
def unsubscribe(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    entry = lists.find(request.form.get("list", ""))
    if entry is not None:
        name = entry.name
        with transaction():
            subscriptions.unsubscribe([entry.id], person.id, _by_hand())
        flash(_("Removed from “%(list)s”", list=name), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.post("/subscribers/<public_id>/suppress")
@access("user")
def suppress(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    with transaction():
        suppressions.suppress(
            person.address_normal,
            reason="manual",
            source=current_user.user.address,
            note=request.form.get("note", "").strip(),
            now=utcnow(),
        )
    flash(_("Address suppressed"), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.post("/subscribers/<public_id>/lift")
@access("user")
def lift(public_id: str) -> Response:
    person = or_404(Subscriber, public_id)
    with transaction():
        suppressions.lift(person.address_normal, by=current_user.user.address, now=utcnow())
    flash(_("Suppression removed"), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


def _by_hand(*, came_back: bool = False) -> ConsentEvidence:
    """Return the evidence of a change that the user makes for a subscriber."""
    address = current_user.user.address
    wording = _("By %(user)s", user=address)
    if came_back:
        wording = _("They asked to come back (by %(user)s)", user=address)
    return ConsentEvidence("manual", utcnow(), wording)


def _names(form: MultiDict[str, str]) -> Names:
    return Names(form.get("name", ""), form.get("first_name", ""), form.get("last_name", ""))


def _form_page(
    person: Subscriber | None,
    form: Mapping[str, Any],
    error: ReasonError | None = None,
    *,
    problems: Mapping[str, Reason] = {},
) -> str:
    blamed, other = "", ""
    if isinstance(error, subscribers.SubscriberError):
        blamed, other = error.field, error.public_id
    elif isinstance(error, InvalidAddressError):
        blamed = "address"
    return render_template(
        "web/subscribers/form.html",
        person=person,
        form={"fields": field_inputs.controls_of(None), **form},
        field_problems={key: sentence(reason) for key, reason in problems.items()},
        lists=[] if person else lists.choices(),
        known=field_inputs.known_attributes(),
        error=sentence(error.reason) if error else "",
        error_field=blamed,
        other=other,
    )
