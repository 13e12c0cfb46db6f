"""A campaign as its recipient sees it, in the browser."""

import sqlalchemy as sa
from flask import Blueprint, Response, abort

from campaigns.access import access
from campaigns.audience.models import Subscriber
from campaigns.content.compile import RenderError, TemplateProblemError, compile_content
from campaigns.context import services
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.public.pages import handle_errors, page, private
from campaigns.sending.composition import content_of
from campaigns.sending.models import Campaign, Delivery
from campaigns.tokens import BadTokenError, DeliveryRef

bp = Blueprint("public_view", __name__)
handle_errors(bp)

SANDBOX = (
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-top-navigation-by-user-activation",
)
CSP = "; ".join(
    (
        "default-src 'none'",
        "img-src https: http: data:",
        "style-src 'unsafe-inline'",
        "font-src https: data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"sandbox {' '.join(SANDBOX)}",
    )
)
"""The newsletter's own styles and pictures, and nothing that runs: its author is not our code."""


@bp.get("/v/<token>", strict_slashes=False, merge_slashes=False)
@access("public")
def view(token: str) -> Response:
    """The newsletter that came with this link."""
    try:
        ref = DeliveryRef.unpack(services().signer.unsign("view", token))
    except BadTokenError:
        abort(404)
    if not ref.delivery_id:
        return private(page("preview_link.html"))
    found = db.session.execute(
        sa.select(Delivery, Subscriber, Campaign)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(Delivery.id == ref.delivery_id, Delivery.subscriber_id == ref.subscriber_id)
    ).one_or_none()
    if found is None:
        return private(page("newsletter_gone.html", code=404))
    delivery, subscriber, campaign = found
    recipient = Recipient(
        delivery_id=delivery.id,
        subscriber_id=subscriber.id,
        list_id=delivery.list_id or 0,
        address=delivery.address,
        name=subscriber.name,
        attributes=subscriber.attributes,
    )
    content = content_of(campaign, base_url=services().settings.base_url)
    try:
        text = compile_content(content, services().signer).render_web(recipient)
    except (TemplateProblemError, RenderError):
        return private(page("newsletter_gone.html", code=404))
    answer = Response(text, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = CSP
    return private(answer)
