"""The preview: the email as one subscriber gets it, in a sandboxed frame."""

from collections.abc import Sequence

import sqlalchemy as sa
from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.addresses import shown_address
from campaigns.audience import search, subscribers
from campaigns.audience.models import Subscriber
from campaigns.campaign import content_segments
from campaigns.campaign.preview_people import Extreme
from campaigns.clock import utcnow
from campaigns.content.html import previewing
from campaigns.content.mime.compile import (
    Compiled,
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
from campaigns.web.content.owner import ContentOwner, OwnerKind
from campaigns.web.words import gettext as _

PREVIEW_CSP = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; sandbox; frame-ancestors 'self'"
)
IN_PAGE_CSP = PREVIEW_CSP.replace("sandbox;", "sandbox allow-same-origin;")
"""No script runs in it either, but the page around it can read how far it is scrolled."""
COMPARED = 20
"""Number of subscribers whose emails are compared to find the longest or the shortest."""
PICKED = 8
SNIPPET = 200
EXAMPLE_ADDRESS = "reader@example.org"


@content_route("/preview")
@access("user")
def preview(owner: OwnerKind, public_id: str) -> Response:
    """Return the frame's document.

    `part`: html or text; `as`: a subscriber's public id; `dark`, `images=off`: how a client
    shows it; `framed`: the page around it may read its size.
    """
    found = owner_or_404(owner, public_id)
    subscriber = _subscriber(request.args.get("as", ""))
    try:
        page = _page(found, render(found.content(), subscriber))
    except TemplateProblemError as error:
        page = render_template("web/content/preview_problem.html", problems=error.problems)
    policy = IN_PAGE_CSP if "framed" in request.args else PREVIEW_CSP
    if request.args.get("images") == "off":
        policy = policy.replace("img-src https: http: data:", "img-src 'none'")
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = policy
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _page(owner: ContentOwner, rendered: Rendered) -> str:
    is_text = request.args.get("part") == "text"
    if is_text or (owner.source.strip() and not rendered.html):
        return render_template("web/content/preview_text.html", text=rendered.text)
    if not owner.source.strip():
        return render_template("web/content/preview_problem.html", problems=())
    html = previewing.with_clipping_line(rendered.html, _("Gmail clips the email here"))
    if "dark" not in request.args:
        return html
    return previewing.in_theme(html, is_dark=request.args["dark"] == "1")


@content_route("/facts")
@access("user")
def facts(owner: OwnerKind, public_id: str) -> str:
    """Return what the panel around the frame shows: rows of inboxes, and the size."""
    found = owner_or_404(owner, public_id)
    content = found.content()
    try:
        rendered = render(content, _subscriber(request.args.get("as", "")))
    except TemplateProblemError:
        rendered = Rendered(content.subject, content.preheader, "", "")
    return render_template(
        "web/content/_facts.html",
        content=content,
        subject=rendered.subject,
        snippet=rendered.preheader or " ".join(rendered.text.split())[:SNIPPET],
        size=len(rendered.html.encode()),
        clipped=previewing.CLIPPED_BYTES,
        has_dark_styles=previewing.has_dark_styles(rendered.html) or not rendered.html,
        at=utcnow(),
    )


@content_route("/inbox")
@access("user")
def inbox(owner: OwnerKind, public_id: str) -> str:
    """Show sender, subject and preheader like an inbox."""
    found = owner_or_404(owner, public_id)
    subscriber = _subscriber(request.args.get("as", ""))
    content = found.content()
    try:
        subject = render(content, subscriber).subject
    except TemplateProblemError:
        subject = content.subject
    return render_template("web/content/_inbox.html", content=content, subject=subject)


@content_route("/subscribers")
@access("user")
def preview_subscribers(owner: OwnerKind, public_id: str) -> str:
    """Return subscribers to preview as: search results, or a few of the audience."""
    found = owner_or_404(owner, public_id)
    text = request.args.get("q", "").strip()[:200]
    people = list(_found(text)) if text else found.sample(PICKED, utcnow())
    return render_template("web/content/_subscribers.html", subscribers=people, text=text)


@content_route("/subscribers/<any(longest,emptiest,random):which>")
@access("user")
def extreme_subscriber(owner: OwnerKind, public_id: str, which: Extreme) -> ResponseReturnValue:
    """Return the subscriber whose email is the longest or the shortest, or any: {id, name}.

    The id is empty if there is nobody.
    """
    found = owner_or_404(owner, public_id)
    limit = 1 if which == "random" else COMPARED
    people = found.extremes(which, limit, utcnow())
    chosen = _most_extreme(found.content(), people, which)
    if chosen is None:
        return {"id": "", "name": ""}
    return {"id": chosen.public_id, "name": chosen.name or shown_address(chosen.address)}


def _most_extreme(
    content: Content, people: Sequence[Subscriber], which: Extreme
) -> Subscriber | None:
    """Return the one whose rendered email is the longest or shortest; the first of equals."""
    if len(people) < 2:
        return people[0] if people else None
    try:
        compiled = compile_content(content, services().signer)
        emails = [(person, render_compiled(compiled, content, person)) for person in people]
    except TemplateProblemError:
        return people[0]
    pick = max if which == "longest" else min
    return pick(emails, key=lambda email: _length(email[1]))[0]


def _length(rendered: Rendered) -> int:
    return len(rendered.subject) + len(rendered.html) + len(rendered.text)


def _found(text: str) -> list[Subscriber]:
    wanted_by = search.Search(text=text)
    rows = list(search.page(wanted_by, size=PICKED).rows)
    if len(rows) < PICKED:
        rows += search.search_newest(wanted_by, size=PICKED - len(rows))
    return rows


def _subscriber(public_id: str) -> Subscriber | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber).where(Subscriber.public_id == public_id))


def render(content: Content, subscriber: Subscriber | None) -> Rendered:
    """Render the content for this subscriber (None: a person without a name), untracked.

    Raises TemplateProblemError, also for problems caused by this subscriber's data.
    """
    return render_compiled(compile_content(content, services().signer), content, subscriber)


def render_compiled(
    compiled: Compiled, content: Content, subscriber: Subscriber | None
) -> Rendered:
    """Render content that is compiled already. Raises TemplateProblemError."""
    recipient = Recipient(
        delivery_id=0,
        subscriber_id=0,
        list_id=min(content.list_names, default=0),
        address=subscriber.address if subscriber else EXAMPLE_ADDRESS,
        segments=content_segments.bits_of_one(compiled.segments, subscriber, now=utcnow()),
        **subscribers.merge_data(subscriber),
    )
    try:
        return compiled.preview(recipient)
    except RenderError as error:
        raise TemplateProblemError([error.problem]) from error
