"""The preview: the email as one subscriber gets it, in a sandboxed frame."""

import sqlalchemy as sa
from flask import Response, render_template, request

from campaigns.access import access
from campaigns.audience import search, subscribers
from campaigns.audience.models import Subscriber
from campaigns.campaign import audience
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import (
    Rendered,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.context import services
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.web.campaigns.blueprint import bp, campaign_or_404

PREVIEW_CSP = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; sandbox; frame-ancestors 'self'"
)
PICKED = 8
EXAMPLE_ADDRESS = "reader@example.org"


@bp.get("/campaigns/<public_id>/preview")
@access("user")
def preview(public_id: str) -> Response:
    """Return the frame's document. `part`: html or text; `as`: a subscriber's public id."""
    campaign = campaign_or_404(public_id)
    reader = _reader(request.args.get("as", ""))
    is_text = request.args.get("part") == "text"
    try:
        rendered = render(campaign, reader)
    except TemplateProblemError as error:
        page = render_template("web/campaigns/preview_problem.html", problems=error.problems)
    else:
        page = rendered.html
        if is_text:
            page = render_template("web/campaigns/preview_text.html", text=rendered.text)
        elif not campaign.source.strip():
            page = render_template("web/campaigns/preview_problem.html", problems=())
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = PREVIEW_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.get("/campaigns/<public_id>/preview/head")
@access("user")
def preview_head(public_id: str) -> str:
    """Show sender, subject and preheader like an inbox."""
    campaign = campaign_or_404(public_id)
    reader = _reader(request.args.get("as", ""))
    content = content_of(campaign, base_url=services().settings.base_url)
    try:
        subject = render(campaign, reader).subject
    except TemplateProblemError:
        subject = campaign.subject
    return render_template(
        "web/campaigns/_preview_head.html", content=content, subject=subject, reader=reader
    )


@bp.get("/campaigns/<public_id>/readers")
@access("user")
def readers(public_id: str) -> str:
    """Return subscribers to preview as: search results, or a few of the audience."""
    campaign = campaign_or_404(public_id)
    text = request.args.get("reader", "").strip()[:200]
    found = list(_found(text)) if text else _sample(campaign)
    return render_template("web/campaigns/_readers.html", readers=found, text=text)


def _found(text: str) -> list[Subscriber]:
    wanted_by = search.Search(text=text)
    rows = list(search.page(wanted_by, size=PICKED).rows)
    if len(rows) < PICKED:
        rows += search.search_newest(wanted_by, size=PICKED - len(rows))
    return rows


def _sample(campaign: Campaign) -> list[Subscriber]:
    try:
        scope = audience.scope_of(campaign.id, now=utcnow())
    except AudienceError:  # the box beside the lists says so
        return []
    return list(db.session.scalars(audience.sample(scope, limit=PICKED)))


def _reader(public_id: str) -> Subscriber | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber).where(Subscriber.public_id == public_id))


def render(campaign: Campaign, reader: Subscriber | None) -> Rendered:
    """Render the campaign for this subscriber (None: a person without a name), untracked.

    Raises TemplateProblemError, also for problems caused by this subscriber's data.
    """
    content = content_of(campaign, base_url=services().settings.base_url)
    compiled = compile_content(content, services().signer)
    recipient = Recipient(
        delivery_id=0,
        subscriber_id=0,
        list_id=min(content.list_names, default=0),
        address=reader.address if reader else EXAMPLE_ADDRESS,
        **subscribers.merge_data(reader),
    )
    try:
        return compiled.preview(recipient)
    except RenderError as error:
        raise TemplateProblemError([error.problem]) from error
