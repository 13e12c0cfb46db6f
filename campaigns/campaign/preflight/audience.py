"""Check the audience."""

from campaigns.campaign.drafts import Arithmetic, chosen_lists
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight.checks import Check, passed, problem


def check(campaign: Campaign, arithmetic: Arithmetic) -> Check:
    """Check that there are recipients."""
    if arithmetic.recipients > 0:
        return passed("audience", "preflight.recipients", count=arithmetic.recipients)
    if not chosen_lists(campaign.id).included:
        return problem("audience", "audience", "preflight.no_list")
    return problem("audience", "audience", "preflight.no_recipients")
