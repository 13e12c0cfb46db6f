"""What came back from the demo's campaigns: emails and posts, received and read like real ones."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery
from campaigns.cli.demo import returned_emails
from campaigns.db import db
from campaigns.events import consequences, incoming, rates
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.feedback import Feedback
from campaigns.events.models import Incoming, WebhookEndpoint
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.kind import Post
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.secrets import Vault
from campaigns.tokens import Signer, delivery_token

WEBHOOK = "sparkpost"
EVENTS_PER_POST = 150


@dataclass(frozen=True, slots=True)
class SentEmail:
    """A delivery that was sent."""

    id: int
    address: str
    sent_at: datetime


Step = tuple[datetime, Callable[[datetime], None]]


def fill_feedback(campaigns: Sequence[Campaign], signer: Signer, vault: Vault) -> None:
    """Let emails of these campaigns arrive, bounce and be answered, oldest campaign first."""
    account = db.session.get_one(ProviderAccount, campaigns[0].provider_id)
    set_up_at = (campaigns[0].started_at or campaigns[0].created_at) - timedelta(days=1)
    endpoint = endpoints.create(account, WEBHOOK, vault, now=set_up_at)
    _refuse(endpoint, set_up_at + timedelta(minutes=2))
    _accept(endpoint, [{}], signer, set_up_at + timedelta(minutes=5))
    for campaign in campaigns:
        for at, step in sorted(_steps(campaign, endpoint, signer), key=lambda one: one[0]):
            step(at)
        if campaign.finished_at is not None:
            rates.check(campaign.id, now=campaign.finished_at + timedelta(hours=6))


def _steps(campaign: Campaign, endpoint: WebhookEndpoint, signer: Signer) -> list[Step]:
    """Return what happens after a campaign was sent, and when."""
    found = db.session.execute(
        sa.select(Delivery.id, Delivery.address, Delivery.sent_at)
        .where(Delivery.campaign_id == campaign.id, Delivery.status == "sent")
        .order_by(Delivery.first_opened_at.is_not(None), Delivery.id)
    )
    rows = [SentEmail(row.id, row.address, row.sent_at) for row in found if row.sent_at]
    emails = returned_emails.EMAILS
    # Those who never opened it come first; bounces come back from some of them, here and there.
    step = max(1, len(rows) // (2 * len(emails)))
    concerned = rows[::step][: len(emails)]
    steps: list[Step] = []
    for (after, compose), row in zip(emails, concerned, strict=False):
        at = row.sent_at + after
        token = delivery_token(signer, row.id)
        date = format_datetime(at)
        raw = returned_emails.on_the_wire(compose(token=token, address=row.address, date=date))
        steps.append((at, partial(_receive, raw, signer)))
    arrived = sorted(set(rows) - set(concerned), key=lambda row: row.sent_at)
    for start in range(0, len(arrived), EVENTS_PER_POST):
        some = arrived[start : start + EVENTS_PER_POST]
        events = [_delivered(row, signer) for row in some]
        at = some[-1].sent_at + timedelta(seconds=5)
        steps.append((at, partial(_accept, endpoint, events, signer)))
    if arrived:
        at = arrived[0].sent_at + timedelta(hours=3)
        complained = [_complained(arrived[0], signer, at)]
        steps.append((at, partial(_accept, endpoint, complained, signer)))
    return steps


# --- emails ---------------------------------------------------------------------------------------


def _receive(raw: bytes, signer: Signer, at: datetime) -> None:
    number = incoming.receive(
        channel="email",
        source="lmtp",
        body=raw,
        dedupe=incoming.digest("email", None, raw),
        now=at,
    )
    _apply(number, feedback_of(raw, at), signer, at)


def _apply(number: int | None, feedbacks: list[Feedback], signer: Signer, at: datetime) -> None:
    row = db.session.get_one(Incoming, number)
    applied = consequences.apply(feedbacks, incoming=row, signer=signer, now=at)
    incoming.finish(row, feedbacks, new_events=applied.new_events, verdict=applied.verdict, now=at)


# --- posts ----------------------------------------------------------------------------------------


def _post(events: list[dict[str, Any]], at: datetime) -> Post:
    headers = {"content-type": "application/json", "user-agent": "SparkPost"}
    body = json.dumps([{"msys": {"message_event": event} if event else {}} for event in events])
    return Post(headers, body.encode(), at)


def _refuse(endpoint: WebhookEndpoint, at: datetime) -> None:
    endpoints.refuse(endpoint, _post([{}], at), Reason("webhook.login_missing"), now=at)


def _accept(
    endpoint: WebhookEndpoint, events: list[dict[str, Any]], signer: Signer, at: datetime
) -> None:
    post = _post(events, at)
    number = endpoints.accept(endpoint, post, at.isoformat(), now=at)
    _apply(number, WEBHOOKS[WEBHOOK].parse(post), signer, at)


def _delivered(row: SentEmail, signer: Signer) -> dict[str, Any]:
    return _event(row, signer, "delivery", row.sent_at + timedelta(seconds=2))


def _complained(row: SentEmail, signer: Signer, at: datetime) -> dict[str, Any]:
    return _event(row, signer, "spam_complaint", at) | {"fbtype": "abuse"}


def _event(row: SentEmail, signer: Signer, kind: str, at: datetime) -> dict[str, Any]:
    return {
        "type": kind,
        "event_id": str(10**17 + row.id),
        "timestamp": str(int(at.timestamp())),
        "rcpt_to": row.address,
        "rcpt_meta": {"campaigns": delivery_token(signer, row.id)},
    }
