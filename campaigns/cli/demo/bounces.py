"""Bounces of the demo's campaigns, received and read as real ones are."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db
from campaigns.events import consequences, incoming
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.models import Incoming
from campaigns.tokens import Signer, delivery_token

DOMAIN = "harbour-coffee.example"
NOTICES = (
    ("5.1.1", "550 5.1.1 {address}: Recipient address rejected: User unknown"),
    ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    ("4.2.2", "452 4.2.2 The recipient's inbox is out of storage space"),
    ("5.1.1", "550 5.1.1 No such user here"),
    ("5.7.1", "554 5.7.1 Message blocked by the policy of the recipient"),
    ("5.2.2", "552 5.2.2 Mailbox full"),
)
"""Status and words of each bounce, in turn."""


def fill_bounces(campaigns: Iterable[Campaign], signer: Signer) -> None:
    """Let some emails of these campaigns bounce."""
    for campaign in campaigns:
        rows = db.session.execute(
            sa.select(Delivery.id, Delivery.address, Delivery.sent_at)
            .where(
                Delivery.campaign_id == campaign.id,
                Delivery.status == "sent",
                Delivery.first_opened_at.is_(None),
            )
            .order_by(Delivery.id)
        ).all()
        step = max(1, len(rows) // len(NOTICES))
        for (status, words), row in zip(NOTICES, rows[::step], strict=False):
            at = row.sent_at + timedelta(minutes=4)
            said = words.format(address=row.address)
            raw = _notice(delivery_token(signer, row.id), row.address, status, said, at)
            _receive(campaign, raw, signer, at)


def _receive(campaign: Campaign, raw: bytes, signer: Signer, at: datetime) -> None:
    number = incoming.receive(
        channel="email",
        source="lmtp",
        account_id=campaign.provider_id,
        body=raw,
        dedupe=incoming.digest("email", None, raw),
        now=at,
    )
    row = db.session.get_one(Incoming, number)
    applied = consequences.apply(feedback_of(raw, at), incoming=row, signer=signer, now=at)
    incoming.finish(row, new_events=applied.new_events, verdict=applied.verdict, now=at)


def _notice(token: str, address: str, status: str, words: str, at: datetime) -> bytes:
    """Return a delivery status notification (RFC 3464)."""
    values = {
        "token": token,
        "address": address,
        "server": f"mx.{address.rpartition('@')[2]}",
        "status": status,
        "words": words,
        "date": format_datetime(at),
        "domain": DOMAIN,
    }
    return _NOTICE.format(**values).replace("\n", "\r\n").encode()


_NOTICE = """\
Return-Path: <>
From: Mail Delivery System <mailer-daemon@{server}>
To: b+{token}@{domain}
Subject: Undelivered Mail Returned to Sender
Date: {date}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

Your email to {address} could not be delivered:

{words}

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; {server}

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {words}

--part
Content-Type: text/rfc822-headers

Message-ID: <{token}@{domain}>
To: {address}

--part--
"""
