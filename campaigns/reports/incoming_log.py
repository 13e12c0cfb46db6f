"""The log of webhook posts and returned emails, and what each of them says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.audience.paging import Page, fetch, number_key
from campaigns.campaign.models import Campaign, Delivery
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.events import consequences
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.feedback import Feedback
from campaigns.events.models import Incoming
from campaigns.events.webhooks.kind import Post
from campaigns.events.webhooks.reading import UnreadablePostError
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.tokens import Signer

RECENT = 5
MAX_FINDINGS = 100
"""Number of events of a post that its page shows."""

_NO_BODY = sa.orm.defer(Incoming.body, raiseload=True)


def page(
    account_id: int | None, state: str = "", *, before: str | None = None, after: str | None = None
) -> Page[Incoming]:
    """Return a page of rows, newest first, without their bodies.

    `account_id`: None for emails that belong to no account in particular.
    """
    statement = sa.select(Incoming).options(_NO_BODY).where(_of(account_id))
    if state:
        statement = statement.where(Incoming.state == state)
    if state != "done" and state:
        # Must match the condition of the index literally, or SQLite ignores it.
        statement = statement.where(Incoming.state != sa.literal_column("'done'"))
    return fetch(
        statement,
        Incoming.__table__.c.id,
        name="id",
        descending=True,
        before=number_key(before),
        after=number_key(after),
    )


def recent(account_id: int) -> Sequence[Incoming]:
    """Return the last rows of an account, newest first, without their bodies."""
    return db.session.scalars(
        sa.select(Incoming)
        .options(_NO_BODY)
        .where(_of(account_id))
        .order_by(Incoming.id.desc())
        .limit(RECENT)
    ).all()


def _of(account_id: int | None) -> sa.ColumnElement[bool]:
    return (
        Incoming.account_id.is_(None) if account_id is None else Incoming.account_id == account_id
    )


# --- one row --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event that a row reports, and the email it is about, if it carries our signature."""

    feedback: Feedback
    address: str = ""
    """The recipient as we know it."""
    subscriber_public_id: str = ""
    campaign_public_id: str = ""
    campaign: str = ""


def findings(row: Incoming, signer: Signer) -> list[ReportedEvent]:
    """Read a row once more, and return what it says. Changes nothing.

    A refused post is not trusted, and an unreadable one says nothing.
    """
    if row.state == "refused":
        return []
    try:
        feedbacks = _read(row)[:MAX_FINDINGS]
    except UnreadablePostError:
        return []
    ids = [consequences.delivery_id_of(one, signer) for one in feedbacks]
    known = _emails(set(ids))
    return [
        ReportedEvent(one, *known.get(number, ()))
        for number, one in zip(ids, feedbacks, strict=True)
    ]


def _read(row: Incoming) -> list[Feedback]:
    if row.channel == "email":
        return feedback_of(row.body, row.received_at)
    kind = WEBHOOKS.get(row.source)
    return kind.parse(Post(row.headers, row.body, row.received_at)) if kind else []


def _emails(delivery_ids: Collection[int]) -> dict[int, tuple[str, str, str, str]]:
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.address,
            Subscriber.public_id,
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
        )
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.id.in_(sorted(delivery_ids)))
    )
    return {
        number: (address, subscriber or "", campaign, title_of(name, subject))
        for number, address, subscriber, campaign, name, subject in rows
    }
