"""What the campaign pages share: the blueprint, finding the campaign, saying how it stands."""

from typing import cast

from flask import Blueprint, abort, url_for
from flask_login import current_user

from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign

bp = Blueprint("campaigns", __name__)

IN_WORDS = {
    "draft": "It is a draft.",
    "scheduled": "It is scheduled.",
    "preparing": "It is being prepared for sending.",
    "sending": "It is being sent.",
    "paused": "It is paused.",
    "sent": "It has been sent.",
    "cancelled": "It has been cancelled.",
}
"""How a campaign stands, when what was asked for is not possible (any more)."""


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
