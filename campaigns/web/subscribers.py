"""Subscribers: search, add, change, delete, subscribe and unsubscribe manually, export."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import (
    Blueprint,
    abort,
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
from campaigns.audience import lists, search, subscribers, subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.export import export_rows
from campaigns.audience.models import SUBSCRIPTION_STATES, AudienceList, Subscriber
from campaigns.audience.paging import PAGE_SIZE
from campaigns.audience.search import Search
from campaigns.audience.subscribers import Names
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.privacy import erasure
from campaigns.reason import Reason, ReasonError
from campaigns.web import field_inputs, subscriber_page
from campaigns.web.deletion import Deletion, deletion_page
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, or_404
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
    wanted, entry = _search()
    before, after = request.args.get("before"), request.args.get("after")
    page = search.page(wanted, before=before, after=after)
    others = _others(wanted, is_last=page.after is None, found=len(page.rows))
    ids = [one.id for one in (*page.rows, *others)]
    previous, following = page_links("subscribers.index", page, **_filters())
    return render_template(
        "web/subscribers/index.html",
        subscribers=page.rows,
        others=others,
        is_cut=bool(wanted.is_address and search.is_search_limited()),
        looked_through=search.SEARCH_LIMIT,
        places=subscribers.places(ids),
        suppressed=subscribers.suppressed_ids(ids),
        total=_total(search.count(wanted, most=COUNT_LIMIT)),
        lists=lists.choices(),
        entry=entry,
        state=wanted.state,
        text=wanted.text,
        filters=_filters(),
        states=SUBSCRIPTION_STATES,
        previous=previous,
        following=following,
        is_narrowed=bool(wanted.text or entry or before or after),
    )


def _search() -> tuple[Search, AudienceList | None]:
    """Return the filters in the URL. Aborts with 404 for a deleted list."""
    args = request.args
    entry = (lists.find(args["list"]) or abort(404)) if args.get("list") else None
    state = args.get("state")
    return (
        Search(
            text=args.get("q", "").strip()[:254],
            list_id=entry.id if entry else None,
            state=state if entry and state in SUBSCRIPTION_STATES else None,
        ),
        entry,
    )


def _filters() -> dict[str, str]:
    """Return the filters for links."""
    return {name: request.args[name] for name in ("q", "list", "state") if request.args.get(name)}


def _others(wanted: Search, *, is_last: bool, found: int) -> Sequence[Subscriber]:
    """Return people whose name contains the text, if few addresses match."""
    if not wanted.is_address or not is_last or found >= PAGE_SIZE or "@" in wanted.text:
        return []
    return search.search_newest(wanted)


def _total(count: int) -> str:
    if count > COUNT_LIMIT:
        return _("More than %(count)s subscribers", count=number(COUNT_LIMIT))
    return ngettext("%(count)s subscriber", "%(count)s subscribers", count)


@bp.get("/subscribers/export.csv")
@access("user")
def export() -> Response:
    wanted, entry = _search()
    name = "subscribers" if entry is None else f"subscribers-{entry.public_id}"
    rows = export_rows(list_id=wanted.list_id, state=wanted.state, query=wanted.text)
    return Response(
        stream_with_context(rows),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


# --- Many at once


@bp.post("/subscribers/bulk")
@access("user")
def bulk() -> Answer:
    """Apply the chosen action to the selected subscribers; deleting and suppressing ask first."""
    action = request.form.get("action", "")
    ids = subscribers.ids_of(request.form.getlist("subscriber")[:500])
    if not ids:
        flash(_("Select at least one subscriber."), "danger")
        return redirect(_back())
    if action in {"subscribe", "unsubscribe"}:
        return _bulk_place(action, ids)
    if action in _ASKED:
        return _bulk_asked(action, ids)
    flash(_("Choose what to do with the selected subscribers."), "danger")
    return redirect(_back())


def _back() -> str:
    """Redirect to the page of the table with the form."""
    names = ("q", "list", "state", "before", "after")
    values: dict[str, Any] = {n: request.args[n] for n in names if request.args.get(n)}
    return url_for("subscribers.index", **values)


def _bulk_place(action: str, ids: Sequence[int]) -> Response:
    entry = lists.find(request.form.get("list", ""))
    if entry is None:
        flash(_("Choose a list."), "danger")
        return redirect(_back())
    name = entry.name
    with transaction():
        if action == "subscribe":
            done = subscriptions.subscribe_many(entry.id, ids, _by_hand())
            texts = _subscribed_words(done, name)
            kind = "success" if done.subscribed and len(texts) == 1 else "info"
        else:
            left = len(subscriptions.unsubscribe_many(entry.id, ids, _by_hand()))
            texts = [
                ngettext(
                    "Removed %(count)s subscriber from “%(list)s”.",
                    "Removed %(count)s subscribers from “%(list)s”.",
                    left,
                    list=name,
                )
            ]
            kind = "success" if left else "info"
    flash(" ".join(texts), kind)
    return redirect(_back())


def _subscribed_words(done: subscriptions.BulkSubscribed, name: str) -> list[str]:
    """Return a sentence for each outcome."""
    texts = [
        ngettext(
            "Added %(count)s subscriber to “%(list)s”.",
            "Added %(count)s subscribers to “%(list)s”.",
            done.subscribed,
            list=name,
        )
    ]
    if done.already:
        texts.append(
            ngettext(
                "%(count)s was already on it.",
                "%(count)s were already on it.",
                done.already,
            )
        )
    if done.left_themselves:
        texts.append(
            ngettext(
                "%(count)s had unsubscribed and was not added. If they asked to come back,"
                " resubscribe them on their own page.",
                "%(count)s had unsubscribed and were not added. If they asked to come back,"
                " resubscribe them on their own pages.",
                done.left_themselves,
            )
        )
    if done.suppressed:
        texts.append(
            ngettext(
                "%(count)s is suppressed and was not added.",
                "%(count)s are suppressed and were not added.",
                done.suppressed,
            )
        )
    return texts


_ASKED = {"delete": "delete", "suppress": "suppress"}
"""Actions that require typing a word, and the word."""


def _bulk_asked(action: str, ids: Sequence[int]) -> Answer:
    typed = request.form.get("confirm")
    if typed is None:
        return _bulk_page(action, ids)
    if typed.strip().lower() != _ASKED[action]:
        error = _("Type the word “%(word)s”.", word=_ASKED[action])
        return _bulk_page(action, ids, error), 422
    with transaction():
        if action == "delete":
            count = erasure.erase(ids)
            text = ngettext(
                "%(count)s subscriber deleted",
                "%(count)s subscribers deleted",
                count,
            )
        else:
            count = suppressions.suppress_many(
                [one.address_normal for one in subscribers.load(ids)],
                reason="manual",
                source=current_user.user.address,
                now=utcnow(),
            )
            text = ngettext(
                "%(count)s address suppressed",
                "%(count)s addresses suppressed",
                count,
            )
    flash(text, "success")
    return redirect(_back())


def _bulk_page(action: str, ids: Sequence[int], error: str = "") -> str:
    people = subscribers.load(ids)
    count = len(people)
    if action == "delete":
        title = ngettext(
            "Delete %(count)s subscriber",
            "Delete %(count)s subscribers",
            count,
        )
        effects = [*_erasure_effects(), _("This cannot be undone.")]
    else:
        title = ngettext(
            "Suppress %(count)s subscriber",
            "Suppress %(count)s subscribers",
            count,
        )
        effects = [
            _("These addresses get no more email, whatever list they are on."),
            _("You can remove them from the suppression list later."),
        ]
    page = Deletion(
        title=title,
        button=title,
        back=_back(),
        above=[(_back(), _("Subscribers"))],
        effects=effects,
        word=_ASKED[action],
        error=error,
        people=people,
        values={"action": action},
    )
    return deletion_page(page)


def _erasure_effects() -> list[str]:
    return [
        _("Name, address, attributes and list subscriptions are erased."),
        _("Reports keep their figures without the person."),
    ]


# --- One subscriber


@bp.route("/subscribers/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method != "POST":
        chosen = [request.args["list"]] if request.args.get("list") else []
        return _form_page(None, {"lists": chosen})
    form = request.form
    chosen = form.getlist("list")
    typed = field_inputs.read(form)
    if typed.problems:
        return _form_page(None, _typed(form), problems=typed.problems), 422
    try:
        attributes = subscribers.attributes_from(_attribute_rows(form), typed.values)
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
        return _form_page(None, _typed(form), error), 422
    flash(_("Subscriber added"), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


@bp.get("/subscribers/<public_id>")
@access("user")
def show(public_id: str) -> str:
    return subscriber_page.page(or_404(Subscriber, public_id))


@bp.route("/subscribers/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    person = or_404(Subscriber, public_id)
    if request.method != "POST":
        return _form_page(person, _stored(person))
    form = request.form
    typed = field_inputs.read(form)
    if typed.problems:
        return _form_page(person, _typed(form), problems=typed.problems), 422
    try:
        attributes = subscribers.attributes_from(_attribute_rows(form), typed.values)
        with transaction():
            subscribers.change(
                person.id,
                address=form.get("address", ""),
                names=_names(form),
                attributes=attributes,
                now=utcnow(),
            )
    except (InvalidAddressError, subscribers.SubscriberError) as error:
        return _form_page(or_404(Subscriber, public_id), _typed(form), error), 422
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
        effects=[*_erasure_effects(), _("This cannot be undone.")],
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
        suppressions.lift(person.address_normal)
    flash(_("Suppression removed"), "success")
    return redirect(url_for("subscribers.show", public_id=public_id))


def _by_hand(*, came_back: bool = False) -> ConsentEvidence:
    """Return the evidence of a change that the user makes for a subscriber."""
    address = current_user.user.address
    wording = _("By %(user)s", user=address)
    if came_back:
        wording = _("They asked to come back (by %(user)s)", user=address)
    return ConsentEvidence("manual", utcnow(), wording)


def _attribute_rows(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    return list(zip(form.getlist("attribute_name"), form.getlist("attribute_value"), strict=False))


def _names(form: MultiDict[str, str]) -> Names:
    return Names(form.get("name", ""), form.get("first_name", ""), form.get("last_name", ""))


def _stored(person: Subscriber) -> dict[str, Any]:
    """Return what the form contains. A full name that is only joined follows its parts."""
    joined = subscribers.joined_name(person.first_name, person.last_name)
    return {
        "address": shown_address(person.address),
        "name": "" if person.name == joined else person.name,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "attributes": field_inputs.other_attributes(person),
        "fields": field_inputs.controls_of(person),
    }


def _typed(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the input, to fill the form again."""
    return {
        "address": form.get("address", ""),
        "name": form.get("name", ""),
        "first_name": form.get("first_name", ""),
        "last_name": form.get("last_name", ""),
        "lists": form.getlist("list"),
        "attributes": _attribute_rows(form),
        "fields": field_inputs.controls_typed(form),
    }


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
