"""Preflight: all checks before a launch."""

from datetime import datetime

from campaigns.accounts.workspace import load_workspace
from campaigns.campaign.drafts import Arithmetic
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import audience, content, people, workspace
from campaigns.campaign.preflight import sender as senders
from campaigns.campaign.preflight.checks import Check
from campaigns.campaign.preflight.sender import warnings_of
from campaigns.campaign.title import as_read
from campaigns.db import db
from campaigns.providers.models import SenderAddress
from campaigns.tokens import Signer

__all__ = ["Check", "preflight", "warnings_of"]


def preflight(
    campaign: Campaign, arithmetic: Arithmetic, *, base_url: str, signer: Signer, now: datetime
) -> list[Check]:
    """Return every check, by section. A problem prevents the launch."""
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    organization = load_workspace().name
    source = content_of(campaign, base_url=base_url)
    return [
        audience.check(campaign, arithmetic),
        senders.check(sender),
        *senders.check_signature(sender),
        content.check_subject(as_read(campaign.subject, organization)),
        *_preheader(campaign, organization),
        *content.check_variants(source),
        *content.check_feed(campaign.id),
        *content.check(source, signer, now=now),
        *people.check(campaign, source, signer, now=now),
        workspace.check_postal_address(source.postal_address),
        workspace.check_public_url(base_url),
    ]


def _preheader(campaign: Campaign, organization: str) -> list[Check]:
    """Check the preheader, which a message without HTML does not have."""
    if campaign.content_kind == "text":
        return []
    return [content.check_preheader(as_read(campaign.preheader, organization))]
