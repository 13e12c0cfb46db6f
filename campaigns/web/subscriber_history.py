"""The history of a subscriber in words: consent and deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import ImportRun
from campaigns.audience.subscribers import Proof
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db
from campaigns.web.campaigns.titles import as_read
from campaigns.web.words import describe
from campaigns.web.words import gettext as _
from campaigns.wording.messages import N_

RECENT = 50

_WORDS = {
    ("requested", "form"): N_("Asked to join “%(list)s” on the sign-up page"),
    ("confirmed", "form"): N_("Confirmed their address for “%(list)s”"),
    ("subscribed", "form"): N_("Subscribed to “%(list)s” on the sign-up page"),
    ("subscribed", "page"): N_("Resubscribed to “%(list)s” on the unsubscribe page"),
    ("subscribed", "manual"): N_("Subscribed to “%(list)s” manually"),
    ("subscribed", "import"): N_("Subscribed to “%(list)s” by an import"),
    ("unsubscribed", "one_click"): N_("Unsubscribed from “%(list)s” in their email app"),
    ("unsubscribed", "page"): N_("Unsubscribed from “%(list)s” on the unsubscribe page"),
    ("unsubscribed", "manual"): N_("Removed from “%(list)s” manually"),
}
_PLAIN = {
    "requested": N_("Asked to join “%(list)s”"),
    "confirmed": N_("Confirmed their address for “%(list)s”"),
    "subscribed": N_("Subscribed to “%(list)s”"),
    "unsubscribed": N_("Unsubscribed from “%(list)s”"),
}


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A consent event in words. `wording`: what was shown, or who did it manually."""

    text: str
    at: datetime
    kind: str
    wording: str
    ip: str
    user_agent: str
    campaign: str = ""
    campaign_public_id: str = ""
    file_name: str = ""
    import_public_id: str = ""


def in_words(proofs: Sequence[Proof]) -> list[ConsentLine]:
    """Return consent events as sentences, with the campaign or import of each."""
    campaigns = {
        row.id: row
        for row in db.session.execute(
            sa.select(Campaign.id, Campaign.public_id, Campaign.subject).where(
                Campaign.id.in_({p.event.campaign_id for p in proofs if p.event.campaign_id})
            )
        )
    }
    imports = {
        row.id: row
        for row in db.session.execute(
            sa.select(ImportRun.id, ImportRun.public_id, ImportRun.file_name).where(
                ImportRun.id.in_({p.event.import_id for p in proofs if p.event.import_id})
            )
        )
    }
    lines = []
    for proof in proofs:
        event = proof.event
        pattern = _WORDS.get((event.kind, event.channel)) or _PLAIN.get(event.kind, event.kind)
        campaign, run = campaigns.get(event.campaign_id), imports.get(event.import_id)
        lines.append(
            ConsentLine(
                text=_(pattern, list=proof.list_name or _("Deleted list")),
                at=event.at,
                kind=event.kind,
                wording=event.wording,
                ip=event.ip,
                user_agent=event.user_agent,
                campaign=as_read(campaign.subject) if campaign else "",
                campaign_public_id=campaign.public_id if campaign else "",
                file_name=run.file_name if run else "",
                import_public_id=run.public_id if run else "",
            )
        )
    return lines


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A campaign to this subscriber, and its outcome."""

    subject: str
    campaign_public_id: str
    status: str
    reason: str
    at: datetime
    opened_at: datetime | None
    clicked_at: datetime | None
    bounced_at: datetime | None


def deliveries(subscriber_id: int) -> list[DeliveryLine]:
    """Return the newest RECENT deliveries."""
    rows = db.session.execute(
        sa.select(
            Campaign.subject,
            Campaign.public_id,
            Delivery.status,
            Delivery.reason,
            Delivery.sent_at,
            Delivery.updated_at,
            Delivery.first_opened_at,
            Delivery.first_clicked_at,
            Delivery.bounced_at,
        )
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(Delivery.subscriber_id == subscriber_id)
        .order_by(Delivery.id.desc())
        .limit(RECENT)
    )
    return [
        DeliveryLine(
            subject=as_read(row.subject),
            campaign_public_id=row.public_id,
            status=row.status,
            reason=describe(row.reason),
            at=row.sent_at or row.updated_at,
            opened_at=row.first_opened_at,
            clicked_at=row.first_clicked_at,
            bounced_at=row.bounced_at,
        )
        for row in rows
    ]
