"""A recipient's email in the browser."""

from functools import partial
from typing import cast

import sqlalchemy as sa
from flask import Blueprint, Response, abort, current_app

from campaigns import formatting
from campaigns.access import access
from campaigns.audience import subscribers
from campaigns.audience.models import Subscriber
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign, Delivery
from campaigns.content.cache import ContentCache
from campaigns.content.mime.compile import (
    Compiled,
    Content,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.context import services
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.public.pages import (
    delivery_of_link,
    handle_errors,
    page,
    private,
    speak_as_list,
    speak_as_list_of_link,
)
from campaigns.tokens import Signer
from campaigns.web_limits import limiter

bp = Blueprint("public_view", __name__)


handle_errors(bp, partial(speak_as_list_of_link, "view"))

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
"""Allows the newsletter's styles and images, but no scripts, as its HTML is not ours."""


CACHED = 32
"""Number of campaigns whose compiled content is cached in each web process."""


@bp.get("/v/<token>", strict_slashes=False, merge_slashes=False)
@access("public")
@limiter.limit("60/minute")
def view(token: str) -> Response:
    """Show the newsletter of this link."""
    ref = delivery_of_link("view")
    if ref is None:
        abort(404)
    speak_as_list(ref.list_id)
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
        segments=delivery.segments or 0,
        **subscribers.merge_data(subscriber),
    )
    settings = services().settings
    content = content_of(campaign, base_url=settings.base_url, media_url=settings.media_url)
    try:
        compiled = _cache().get(content, lambda: _compile(content, services().signer))
        text = compiled.render_web(recipient) if compiled else ""
    except RenderError:
        text = ""
    if not text:
        return private(page("newsletter_gone.html", code=404))
    answer = Response(text, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = CSP
    answer.headers["Content-Language"] = formatting.language_tag(content.language)
    return private(answer)


def _compile(content: Content, signer: Signer) -> Compiled | None:
    try:
        return compile_content(content, signer)
    except TemplateProblemError:
        return None


def _cache() -> ContentCache[Compiled | None]:
    """Return the cache of the running app, whose keys sign the cached links."""
    key = "campaigns.view_cache"
    if key not in current_app.extensions:
        current_app.extensions.setdefault(key, ContentCache[Compiled | None](CACHED))
    return cast("ContentCache[Compiled | None]", current_app.extensions[key])
