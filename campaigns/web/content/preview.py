"""The preview: the email as one subscriber gets it, in a sandboxed frame."""

import sqlalchemy as sa
from flask import Response, render_template, request

from campaigns.access import access
from campaigns.audience import search, subscribers
from campaigns.audience.models import Subscriber
from campaigns.campaign import content_segments
from campaigns.clock import utcnow
from campaigns.content.mime.compile import (
    Content,
    Rendered,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.context import services
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.web.content.blueprint import content_route, owner_or_404
from campaigns.web.content.owner import OwnerKind

PREVIEW_CSP = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; sandbox; frame-ancestors 'self'"
)
PICKED = 8
EXAMPLE_ADDRESS = "reader@example.org"


@content_route("/preview")
@access("user")
def preview(owner: OwnerKind, public_id: str) -> Response:
    """Return the frame's document. `part`: html or text; `as`: a subscriber's public id."""
    found = owner_or_404(owner, public_id)
    reader = _reader(request.args.get("as", ""))
    is_text = request.args.get("part") == "text"
    try:
        rendered = render(found.content(), reader)
    except TemplateProblemError as error:
        page = render_template("web/content/preview_problem.html", problems=error.problems)
    else:
        page = rendered.html
        if is_text or not rendered.html:
            page = render_template("web/content/preview_text.html", text=rendered.text)
        if not found.source.strip() and not is_text:
            page = render_template("web/content/preview_problem.html", problems=())
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = PREVIEW_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@content_route("/inbox")
@access("user")
def inbox(owner: OwnerKind, public_id: str) -> str:
    """Show sender, subject and preheader like an inbox."""
    found = owner_or_404(owner, public_id)
    reader = _reader(request.args.get("as", ""))
    content = found.content()
    try:
        subject = render(content, reader).subject
    except TemplateProblemError:
        subject = content.subject
    return render_template(
        "web/content/_inbox.html", content=content, subject=subject, reader=reader
    )


@content_route("/readers")
@access("user")
def readers(owner: OwnerKind, public_id: str) -> str:
    """Return subscribers to preview as: search results, or a few of the audience."""
    found = owner_or_404(owner, public_id)
    text = request.args.get("reader", "").strip()[:200]
    people = list(_found(text)) if text else found.sample(PICKED, utcnow())
    return render_template("web/content/_readers.html", readers=people, text=text)


def _found(text: str) -> list[Subscriber]:
    wanted_by = search.Search(text=text)
    rows = list(search.page(wanted_by, size=PICKED).rows)
    if len(rows) < PICKED:
        rows += search.search_newest(wanted_by, size=PICKED - len(rows))
    return rows


def _reader(public_id: str) -> Subscriber | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber).where(Subscriber.public_id == public_id))


def render(content: Content, reader: Subscriber | None) -> Rendered:
    """Render the content for this subscriber (None: a person without a name), untracked.

    Raises TemplateProblemError, also for problems caused by this subscriber's data.
    """
    compiled = compile_content(content, services().signer)
    recipient = Recipient(
        delivery_id=0,
        subscriber_id=0,
        list_id=min(content.list_names, default=0),
        address=reader.address if reader else EXAMPLE_ADDRESS,
        segments=content_segments.bits_of_one(compiled.segments, reader, now=utcnow()),
        **subscribers.merge_data(reader),
    )
    try:
        return compiled.preview(recipient)
    except RenderError as error:
        raise TemplateProblemError([error.problem]) from error
