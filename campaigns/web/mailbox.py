"""The inbox of the built-in mailbox, which shows captured email."""

from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from campaigns.access import access
from campaigns.context import services
from campaigns.mailbox.reading import ParsedMessage, framed_html, parse_message
from campaigns.mailbox.schema import MailboxError
from campaigns.mailbox.store import MessageEntry, MessagePage, Store, Totals
from campaigns.web.downloads import download
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

bp = Blueprint("mailbox", __name__)

SOURCE_SHOWN = 256 * 1024
LARGEST_ID = 2**63 - 1

SANDBOX = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
# Captured email is foreign HTML. It must not run scripts, submit forms or see cookies; it may show
# images and, on a click, open its links (including the unsubscribe link).
FRAME_CSP = "; ".join(
    (
        "default-src 'none'",
        "img-src 'self' data: https: http:",
        "style-src 'unsafe-inline'",
        f"sandbox {SANDBOX}",
        "frame-ancestors 'self'",
    )
)


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A position in the list: a search, and the id next to the page."""

    query: str
    before: int
    after: int

    @property
    def values(self) -> dict[str, str | int]:
        """Return the URL arguments of this position."""
        found: dict[str, str | int] = {"q": self.query, "before": self.before, "after": self.after}
        return {name: value for name, value in found.items() if value}


def _place() -> ListPosition:
    return ListPosition(request.args.get("q", "").strip()[:200], _id("before"), _id("after"))


def _id(name: str) -> int:
    value = request.args.get(name, "")
    is_id = value.isascii() and value.isdecimal() and len(value) < 20
    return min(int(value), LARGEST_ID) if is_id else 0


@bp.before_request
def _only_with_a_mailbox() -> None:
    if not services().settings.mailbox_port:
        abort(404)


@bp.errorhandler(MailboxError)
def _unusable(error: MailboxError) -> tuple[str, int]:
    return render_template("web/mailbox/unusable.html", problem=sentence(error.reason)), 503


def _store() -> Store:
    return Store(services().settings.mailbox_path)


@bp.get("/mailbox")
@access("user")
def index() -> str:
    return render_template("web/mailbox/index.html", **_listed(None), letter=None)


@bp.get("/mailbox/list")
@access("user")
def refreshed() -> str | Response:
    """Return the list for the poll; 204 if nothing has changed."""
    store = _store()
    if request.args.get("stamp") == _stamp(store.totals()):
        return Response(status=204)
    chosen = store.entry(_id("chosen"))
    return render_template("web/mailbox/list.html", **_listed(chosen))


@bp.get("/mailbox/<int(max=9223372036854775807):message_id>")
@access("user")
def show(message_id: int) -> str:
    entry, raw = _message(message_id)
    letter = parse_message(raw)
    return render_template(
        "web/mailbox/index.html",
        **_listed(entry),
        letter=letter,
        view=_view(letter),
        sandbox=SANDBOX,
        source=raw[:SOURCE_SHOWN].decode("utf-8", "replace"),
        is_source_cut=len(raw) > SOURCE_SHOWN,
    )


@bp.get("/mailbox/<int(max=9223372036854775807):message_id>/html")
@access("user")
def html(message_id: int) -> Response:
    """Return the HTML part, for the frame."""
    letter = parse_message(_message(message_id)[1])
    if letter.html is None:
        abort(404)
    answer = make_response(framed_html(letter))
    answer.headers["Content-Security-Policy"] = FRAME_CSP
    answer.headers["Content-Type"] = "text/html; charset=utf-8"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.get("/mailbox/<int(max=9223372036854775807):message_id>/source")
@access("user")
def source(message_id: int) -> Response:
    """Return the whole message as a file."""
    return download(_message(message_id)[1], f"message-{message_id}.eml", "message/rfc822")


@bp.get("/mailbox/<int(max=9223372036854775807):message_id>/attachments/<int:number>")
@access("user")
def attachment(message_id: int, number: int) -> Response:
    attachments = parse_message(_message(message_id)[1]).attachments
    if not 0 < number <= len(attachments):
        abort(404)
    found = attachments[number - 1]
    # Never the declared type: the browser must only save the file.
    return download(found.content, found.name, "application/octet-stream")


@bp.post("/mailbox/empty")
@access("user")
def empty() -> BaseResponse:
    _store().empty()
    flash(_("Mailbox emptied"), "success")
    return redirect(url_for("mailbox.index"))


def _message(message_id: int) -> tuple[MessageEntry, bytes]:
    store = _store()
    entry, raw = store.entry(message_id), store.source(message_id)
    if entry is None or raw is None:  # deleted, perhaps just now
        abort(404)
    return entry, raw


def _listed(chosen: MessageEntry | None) -> dict[str, Any]:
    """Return the list. The stamp is read first, so that later messages appear next time."""
    store, place = _store(), _place()
    totals = store.totals()
    page = store.page(before=place.before, after=place.after, query=place.query)
    if place.after and not page.has_newer:  # back at the top, where new messages appear
        place = ListPosition(place.query, 0, 0)
        page = store.page(query=place.query)
    settings = services().settings
    return {
        "totals": totals,
        "stamp": _stamp(totals),
        "entries": page.entries,
        "place": place,
        "chosen": chosen,
        "newer_url": _beside(page, place, newer=True),
        "older_url": _beside(page, place, newer=False),
        "port": settings.mailbox_port,
    }


def _beside(page: MessagePage, place: ListPosition, *, newer: bool) -> str:
    if not page.entries or not (page.has_newer if newer else page.has_older):
        return ""
    query = place.query or None
    if newer:
        return url_for("mailbox.index", q=query, after=page.entries[0].id)
    return url_for("mailbox.index", q=query, before=page.entries[-1].id)


def _stamp(totals: Totals) -> str:
    return f"{totals.last_id}-{totals.messages}"


def _view(letter: ParsedMessage) -> str:
    """Return the tab to show: the requested one if there is such a part."""
    asked = request.args.get("view", "")
    possible = {"source": True, "text": letter.text is not None, "html": letter.html is not None}
    if possible.get(asked):
        return asked
    return next((view for view in ("html", "text") if possible[view]), "source")
