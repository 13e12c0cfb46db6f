"""What the campaign pages share: the blueprint, finding the campaign, its status in words."""

from typing import cast

from flask import Blueprint, abort, url_for
from flask_babel import lazy_gettext
from flask_login import current_user

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign

bp = Blueprint("campaigns", __name__)

IN_WORDS = {
    "draft": lazy_gettext("This campaign is a draft."),
    "scheduled": lazy_gettext("This campaign is scheduled."),
    "preparing": lazy_gettext("This campaign is being prepared."),
    "sending": lazy_gettext("This campaign is being sent."),
    "paused": lazy_gettext("This campaign is paused."),
    "sent": lazy_gettext("This campaign has been sent."),
    "cancelled": lazy_gettext("This campaign has been cancelled."),
}
"""A sentence for each status, said after what is no longer possible because of it."""


def campaign_or_404(public_id: str) -> Campaign:
    """The campaign of this address, or the 404 page."""
    campaign = drafts.find(public_id)
    if campaign is None:
        abort(404)
    return campaign


def editor_id() -> int:
    return cast("int", current_user.user_id)


def url_of(campaign: Campaign) -> str:
    """The page where a campaign is at home: its editor as a draft, its report after that."""
    is_draft = campaign.status == "draft"
    endpoint = "campaigns.edit" if is_draft else "reports.campaign"
    return url_for(endpoint, public_id=campaign.public_id)
