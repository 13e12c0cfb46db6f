"""Which campaigns need an account or a sender address: asked before either is deleted."""

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.models import SenderAddress
from campaigns.sending import series
from campaigns.sending.models import UNDER_WAY, Campaign

MAX_NAMED = 5


def campaigns_on_account(provider_id: int) -> list[str]:
    """Names of the campaigns under way that go through this account (some, if many)."""
    return _names(Campaign.provider_id == provider_id, Campaign.status.in_(UNDER_WAY))


def campaigns_planned_on(provider_id: int) -> list[str]:
    """Names of the campaigns that are scheduled or repeat, and would go through this account.

    It is frozen only when one starts: until then it is that of the sender address.
    """
    senders = sa.select(SenderAddress.id).where(SenderAddress.provider_id == provider_id)
    return _names(
        Campaign.sender_id.in_(senders),
        sa.or_(Campaign.status == "scheduled", Campaign.id.in_(series.templates())),
    )


def campaigns_from_sender(sender_id: int) -> list[str]:
    """Names of the campaigns under way, or that repeat, from this address (some, if many)."""
    return _names(
        Campaign.sender_id == sender_id,
        sa.or_(Campaign.status.in_(UNDER_WAY), Campaign.id.in_(series.templates())),
    )


def being_sent_from(sender_id: int) -> list[str]:
    """Names of the campaigns whose mails are leaving now, or pause, from this address."""
    return _names(
        Campaign.sender_id == sender_id, Campaign.status.in_(("preparing", "sending", "paused"))
    )


def drafts_from_sender(sender_id: int) -> list[str]:
    """Names of the drafts that come from this address (some, if many)."""
    return _names(Campaign.sender_id == sender_id, Campaign.status == "draft")


def forget_account(provider_id: int) -> None:
    """Let go of an account that is about to be deleted, in every campaign that is over."""
    db.session.execute(
        sa.update(Campaign)
        .where(Campaign.provider_id == provider_id, Campaign.status.not_in(UNDER_WAY))
        .values(provider_id=None)
    )


def _names(*conditions: sa.ColumnElement[bool]) -> list[str]:
    rows = db.session.execute(
        sa.select(Campaign.name, Campaign.subject)
        .where(*conditions)
        .order_by(Campaign.id)
        .limit(MAX_NAMED)
    )
    return [name or subject or "Untitled" for name, subject in rows]
