"""How well what comes back through a provider account is received."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign
from campaigns.db import db
from campaigns.events.models import Incoming, IntakeMailbox, WebhookEndpoint
from campaigns.providers.models import ProviderAccount
from campaigns.reports.figures import Counts

QUIET_AFTER = timedelta(days=1)
QUIET_SENT = 1_000
"""Emails after which something should have come back."""
LOOKS_BACK = timedelta(days=30)

State = Literal["off", "trouble", "refused", "quiet", "waiting", "received"]
"""
off       nothing is set up: bounces after the handover are not seen
trouble   the mailbox cannot be read
refused   the last post was refused
quiet     nothing has come for long, although much was sent
waiting   nothing has come yet
received  the last event was received
"""


@dataclass(frozen=True, slots=True)
class ReturnHealth:
    """The state of an account's ways in. `at`: since when, or the time of the last event."""

    state: State
    at: datetime | None = None
    sent: int = 0
    """Emails of campaigns that began since then."""
    reason: str = ""
    """The packed reason of a trouble or a refusal."""
    last_id: int = 0
    """The last post or email of the account."""

    @property
    def stamp(self) -> str:
        """Return a text that changes when anything else is received or goes wrong."""
        at = int(self.at.timestamp()) if self.at else 0
        return f"{self.state}-{at}-{self.last_id}"


def health(
    account: ProviderAccount, counts: Counts, *, listens: bool, now: datetime
) -> ReturnHealth:
    """Return how well it is received. `listens`: a mail server can hand over returned emails."""
    newest = db.session.execute(
        sa.select(Incoming.id, Incoming.received_at, Incoming.channel)
        .where(Incoming.account_id == account.id)
        .order_by(Incoming.id.desc())
        .limit(1)
    ).one_or_none()
    email_at = newest.received_at if newest and newest.channel == "email" else None
    found = _health(account, counts, email_at, listens=listens, now=now)
    return replace(found, last_id=newest.id if newest else 0)


def _health(
    account: ProviderAccount,
    counts: Counts,
    email_at: datetime | None,
    *,
    listens: bool,
    now: datetime,
) -> ReturnHealth:
    endpoint = db.session.scalar(
        sa.select(WebhookEndpoint).where(WebhookEndpoint.account_id == account.id)
    )
    mailbox = db.session.scalar(
        sa.select(IntakeMailbox).where(IntakeMailbox.account_id == account.id)
    )
    ways = [one for one in (endpoint, mailbox) if one is not None]
    shared = None if account.rewrites_return_path else _last_shared(now)
    if not ways and not shared and not email_at and (account.rewrites_return_path or not listens):
        return ReturnHealth("off")
    if mailbox is not None and mailbox.is_on and mailbox.trouble:
        return ReturnHealth("trouble", mailbox.trouble_at, reason=mailbox.trouble)
    last = _latest([*(one.last_received_at for one in ways), shared, email_at])
    refused = _last_refused(endpoint) if endpoint is not None else None
    if refused is not None and (last is None or refused.received_at > last):
        return ReturnHealth("refused", refused.received_at, reason=refused.verdict)
    since = last or _latest([*(one.created_at for one in ways), account.created_at])
    if since is not None and now - since > QUIET_AFTER:
        sent = _sent_since(account, max(since, now - LOOKS_BACK), counts)
        if sent >= QUIET_SENT:
            return ReturnHealth("quiet", since, sent)
    return ReturnHealth("received" if last else "waiting", last)


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, times), default=None)


def _last_shared(now: datetime) -> datetime | None:
    """Return when the last returned email came that belongs to no account in particular."""
    return db.session.scalar(
        sa.select(Incoming.received_at)
        .where(Incoming.account_id.is_(None), Incoming.received_at >= now - LOOKS_BACK)
        .order_by(Incoming.id.desc())
        .limit(1)
    )


def _last_refused(endpoint: WebhookEndpoint) -> Incoming | None:
    return db.session.scalar(
        sa.select(Incoming)
        .where(
            Incoming.channel == "webhook",
            Incoming.endpoint_id == endpoint.id,
            Incoming.state == "refused",
        )
        .order_by(Incoming.id.desc())
        .options(sa.orm.defer(Incoming.body))
        .limit(1)
    )


def _sent_since(account: ProviderAccount, since: datetime, counts: Counts) -> int:
    ids = db.session.scalars(
        sa.select(Campaign.id).where(
            Campaign.provider_id == account.id, Campaign.started_at >= since
        )
    ).all()
    return sum(balance.sent for balance in counts.balances(ids).values())
