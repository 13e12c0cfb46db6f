"""Whether bounces and other feedback of a provider account arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from campaigns.campaign.models import Campaign
from campaigns.db import db
from campaigns.events.models import AccountFeedback, Incoming, IntakeMailbox, WebhookEndpoint
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.reports.figures import Counts

QUIET_AFTER = timedelta(days=1)
QUIET_SENT = 1_000
"""Emails after which something should have come back."""
NOT_READ_AFTER = timedelta(minutes=30)
"""Time without a check after which a mailbox is in trouble: usually it is checked each minute."""
LOOKS_BACK = timedelta(days=30)

State = Literal["off", "stopped", "trouble", "refused", "quiet", "waiting", "received"]
"""
off       nothing is set up: later bounces are not recorded
stopped   the intake, which should listen for a mail server, does not run
trouble   the mailbox cannot be read
refused   the last post was refused
quiet     nothing has come for long, although much was sent
waiting   nothing has come yet
received  the last event was received
"""

Listening = Literal["off", "stopped", "on"]
"""Whether a mail server can hand over returned emails: not set up, not now, or yes."""


@dataclass(frozen=True, slots=True)
class ReturnHealth:
    """The state of an account's feedback. `at`: since when, or the time of the last event."""

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
    account: ProviderAccount, counts: Counts, *, listening: Listening, now: datetime
) -> ReturnHealth:
    """Return whether an account's feedback arrives, through any channel."""
    [found] = healths([account], counts, listening=listening, now=now).values()
    last_id = db.session.scalar(
        sa.select(Incoming.id)
        .where(Incoming.account_id == account.id)
        .order_by(Incoming.id.desc())
        .limit(1)
    )
    return replace(found, last_id=last_id or 0)


def healths(
    accounts: Sequence[ProviderAccount], counts: Counts, *, listening: Listening, now: datetime
) -> dict[int, ReturnHealth]:
    """Return whether the feedback of each account arrives, by account id."""
    ids = [account.id for account in accounts]
    endpoints = {
        row.account_id: row
        for row in db.session.scalars(
            sa.select(WebhookEndpoint).where(WebhookEndpoint.account_id.in_(ids))
        )
    }
    read = {
        row.account_id: row
        for row in db.session.scalars(
            sa.select(IntakeMailbox).where(IntakeMailbox.account_id.in_(ids), IntakeMailbox.is_on)
        )
    }
    last = {
        row.account_id: row.last_at
        for row in db.session.scalars(
            sa.select(AccountFeedback).where(AccountFeedback.account_id.in_(ids))
        )
    }
    return {
        account.id: _health(
            account,
            endpoints.get(account.id),
            read.get(account.id),
            last.get(account.id),
            counts,
            # Emails to a return path that the provider rewrites go to the provider.
            listening="off" if account.rewrites_return_path else listening,
            now=now,
        )
        for account in accounts
    }


def _health(
    account: ProviderAccount,
    endpoint: WebhookEndpoint | None,
    mailbox: IntakeMailbox | None,
    feedback_at: datetime | None,
    counts: Counts,
    *,
    listening: Listening,
    now: datetime,
) -> ReturnHealth:
    channels = [one for one in (endpoint, mailbox) if one is not None]
    if not channels and listening == "stopped":
        return ReturnHealth("stopped", feedback_at)
    if (
        not channels
        and listening == "off"
        and (feedback_at is None or feedback_at < now - LOOKS_BACK)
    ):
        return ReturnHealth("off")
    if mailbox is not None and (trouble := _trouble(mailbox, now)):
        return trouble
    posted_at = endpoint.last_received_at if endpoint is not None else None
    refused = _last_refused(endpoint) if endpoint is not None else None
    if refused is not None and (posted_at is None or refused.received_at > posted_at):
        return ReturnHealth("refused", refused.received_at, reason=refused.verdict)
    last = _latest([posted_at, feedback_at])
    since = last or _latest([*(one.created_at for one in channels), account.created_at])
    if since is not None and now - since > QUIET_AFTER:
        sent = _sent_since(account, max(since, now - LOOKS_BACK), counts)
        if sent >= QUIET_SENT:
            return ReturnHealth("quiet", since, sent)
    return ReturnHealth("received" if last else "waiting", last)


def _trouble(mailbox: IntakeMailbox, now: datetime) -> ReturnHealth | None:
    """Return why a mailbox is not read, if so."""
    if mailbox.trouble:
        return ReturnHealth("trouble", mailbox.trouble_at, reason=mailbox.trouble)
    seen_at = mailbox.checked_at or mailbox.created_at
    if seen_at < now - NOT_READ_AFTER:
        return ReturnHealth("trouble", seen_at, reason=Reason("intake.not_running").pack())
    return None


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, times), default=None)


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
