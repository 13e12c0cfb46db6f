"""What a campaign is called on screens, and its subject as a recipient reads it."""

from functools import lru_cache

from campaigns.campaign.models import Campaign
from campaigns.content.mime.compile import (
    Content,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.messages import Recipient
from campaigns.tokens import Signer
from campaigns.web.campaigns.blueprint import bp
from campaigns.web.template_helpers import current_workspace
from campaigns.web.words import gettext as _

UNKNOWN = "…"
"""Stands for what differs between campaigns of one subject, such as the name of the list."""


@bp.app_template_filter("title_of")
def title_of(campaign: Campaign) -> str:
    """Return the internal name, else the subject as it is read."""
    return campaign.name or as_read(campaign.subject) or _("Untitled campaign")


@bp.app_template_filter("as_read")
def as_read(subject: str) -> str:
    """Return the subject with its merge tags filled in for a recipient without a name.

    A subject that cannot be rendered is returned as it was written.
    """
    if "{{" not in subject and "{%" not in subject:
        return subject
    return _rendered(subject, current_workspace().name)


@lru_cache(maxsize=1024)
def _rendered(subject: str, sender: str) -> str:
    content = Content(
        subject=subject,
        preheader="",
        html="",
        sender_name=sender,
        sender_address="",
        reply_to="",
        identity=sender,
        postal_address="",
        campaign_public_id="",
        base_url="",
        list_names={0: UNKNOWN},
        track_opens=False,
        track_clicks=False,
        use_return_path=False,
    )
    nobody = Recipient(delivery_id=0, subscriber_id=0, list_id=0, address="", name="")
    try:
        return compile_content(content, Signer(["for a title only"])).preview(nobody).subject
    except (TemplateProblemError, RenderError):
        return subject
