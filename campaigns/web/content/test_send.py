"""Test emails: a marked, untracked copy to one address."""

from datetime import timedelta

import sqlalchemy as sa
from flask import abort, render_template, request

from campaigns import addresses
from campaigns.access import access
from campaigns.addresses import InvalidAddressError
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from campaigns.web.campaigns.blueprint import campaign_or_404
from campaigns.web.content.blueprint import bp
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

SLOW_AFTER = timedelta(seconds=20)
"""Time after which the page warns that no worker may be running."""


@bp.post("/campaigns/<public_id>/content/test")
@access("user")
@limiter.limit("20 per 5 minutes")
def test_send(public_id: str) -> str | tuple[str, int]:
    """Queue a test email; returns the fragment that polls for the result."""
    campaign = campaign_or_404(public_id)
    try:
        address = addresses.parse(request.form.get("address", ""))
    except InvalidAddressError as error:
        return render_template("web/content/_test_result.html", error=sentence(error.reason)), 422
    reader = _reader_id(request.form.get("as", ""))
    with transaction():
        mail = queue.enqueue(
            "test",
            address.text,
            {"campaign_id": campaign.id, "as_subscriber_id": reader},
            now=utcnow(),
        )
    services().doorbell.ring("transactional", mail.id)
    return _result(campaign, mail.id)


@bp.get("/campaigns/<public_id>/content/test/<int:mail_id>")
@access("user")
def test_result(public_id: str, mail_id: int) -> str:
    """Return the result of a test email of this campaign."""
    campaign = campaign_or_404(public_id)
    mail = db.session.get(TransactionalEmail, mail_id)
    if mail is None or mail.kind != "test" or mail.payload.get("campaign_id") != campaign.id:
        abort(404)
    return _result(campaign, mail.id, is_slow=utcnow() - mail.created_at > SLOW_AFTER)


def _result(campaign: Campaign, mail_id: int, *, is_slow: bool = False) -> str:
    return render_template(
        "web/content/_test_result.html",
        campaign=campaign,
        mail_id=mail_id,
        mail=queue.status(mail_id),
        is_slow=is_slow,
    )


def _reader_id(public_id: str) -> int | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber.id).where(Subscriber.public_id == public_id))
