"""What a campaign is called on screens, and its subject as a recipient reads it."""

from campaigns.campaign import title
from campaigns.campaign.models import Campaign
from campaigns.web.campaigns.blueprint import bp
from campaigns.web.template_helpers import current_workspace
from campaigns.web.words import gettext as _


@bp.app_template_filter("title_of")
def title_of(campaign: Campaign) -> str:
    """Return the internal name, else the subject as it is read."""
    return campaign.name or as_read(campaign.subject) or _("Untitled campaign")


@bp.app_template_filter("as_read")
def as_read(subject: str) -> str:
    """Return the subject with its merge tags filled in, for this workspace."""
    return title.as_read(subject, current_workspace().name)
