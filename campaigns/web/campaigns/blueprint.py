"""Shared by the campaign pages: the blueprint, finding a campaign, and its status in words."""

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
"""A sentence for each status, to explain why an action is no longer possible."""


def campaign_or_404(public_id: str) -> Campaign:
    """Return the campaign with this id, or abort with 404."""
    campaign = drafts.find(public_id)
    if campaign is None:
        abort(404)
    return campaign


def editor_id() -> int:
    return cast("int", current_user.user_id)


def url_of(campaign: Campaign) -> str:
    """Return the URL of a campaign: its editor for a draft, else its report."""
    is_draft = campaign.status == "draft"
    endpoint = "campaigns.edit" if is_draft else "reports.campaign"
    return url_for(endpoint, public_id=campaign.public_id)
