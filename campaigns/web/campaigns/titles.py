"""A campaign's title on pages, and its subject as rendered for a recipient."""

from campaigns.campaign import title
from campaigns.campaign.models import Campaign
from campaigns.web.campaigns.blueprint import bp
from campaigns.web.template_helpers import current_workspace
from campaigns.web.words import gettext as _


@bp.app_template_filter("title_of")
def title_of(campaign: Campaign) -> str:
    """Return the internal name, else the rendered subject."""
    return campaign.name or titled(campaign.subject)


@bp.app_template_filter("titled")
def titled(title: str) -> str:
    """Return a title with its merge tags filled in; what an untitled campaign is called."""
    return as_read(title) or _("Untitled campaign")


def name_of_copy(campaign: Campaign) -> str:
    """Return the name of a copy of a campaign until it is renamed."""
    return _("%(title)s (copy)", title=title_of(campaign))


@bp.app_template_filter("as_read")
def as_read(subject: str) -> str:
    """Return the subject with its merge tags filled in, for this workspace."""
    return title.as_read(subject, current_workspace().name)
