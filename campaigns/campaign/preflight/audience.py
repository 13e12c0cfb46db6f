"""Check the audience."""

from campaigns.audience import lists
from campaigns.campaign.drafts import Arithmetic, chosen_audience
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight.checks import Check, passed, problem


def check(campaign: Campaign, arithmetic: Arithmetic) -> Check:
    """Check that there are recipients, and that every list and segment can be used."""
    broken = arithmetic.problem
    if broken is not None:
        return problem("audience", "audience", broken.code, **broken.params)
    archived = lists.archived_names(chosen_audience(campaign.id).lists)
    if archived:
        return problem("audience", "audience", "preflight.list_archived", list=archived[0])
    if arithmetic.recipients > 0:
        return passed("audience", "preflight.recipients", count=arithmetic.recipients)
    return problem("audience", "audience", _why_nobody(campaign, arithmetic))


def _why_nobody(campaign: Campaign, arithmetic: Arithmetic) -> str:
    chosen = chosen_audience(campaign.id)
    if not chosen.lists:
        return "preflight.no_list"
    if not chosen.segments:
        return "preflight.no_recipients"
    if arithmetic.matched == 0:
        return "preflight.segments_empty"
    if arithmetic.matched == arithmetic.duplicates + arithmetic.not_subscribed:
        return "preflight.nobody_subscribed"
    return "preflight.no_recipients_of_segments"
