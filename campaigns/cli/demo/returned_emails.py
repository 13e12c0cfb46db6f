"""Emails that come back in the demo: bounces of each kind, a complaint, and replies by people."""

from datetime import timedelta
from functools import partial
from typing import Protocol

DOMAIN = "harbour-coffee.example"


class Compose(Protocol):
    """Writes an email about a delivery."""

    def __call__(self, *, token: str, address: str, date: str) -> str:
        """Return the email with line feeds."""
        ...


def on_the_wire(text: str) -> bytes:
    """Return an email as mail servers transfer it."""
    return text.replace("\n", "\r\n").encode()


def _notice(
    status: str, words: str, action: str = "failed", *, token: str, address: str, date: str
) -> str:
    """Return a delivery status notification (RFC 3464)."""
    delayed = action == "delayed"
    return _NOTICE.format(
        token=token,
        address=address,
        server=f"mx.{address.rpartition('@')[2]}",
        status=status,
        words=words.format(address=address),
        action=action,
        subject="Delayed Mail (still being retried)"
        if delayed
        else "Undelivered Mail Returned to Sender",
        what="could not be delivered yet" if delayed else "could not be delivered",
        date=date,
        domain=DOMAIN,
    )


def _of(text: str, *, token: str, address: str, date: str) -> str:
    return text.format(token=token, address=address, date=date, domain=DOMAIN)


_NOTICE = """\
Return-Path: <>
Delivered-To: b+{token}@{domain}
From: Mail Delivery System <mailer-daemon@{server}>
To: b+{token}@{domain}
Subject: {subject}
Date: {date}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

Your email to {address} {what}:

{words}

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; {server}

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--part
Content-Type: text/rfc822-headers

Message-ID: <{token}@{domain}>
To: {address}

--part--
"""

_COMPLAINT = """\
Return-Path: <>
Delivered-To: b+{token}@{domain}
From: Feedback loop <feedback@fbl.mailbox.example>
To: b+{token}@{domain}
Subject: Abuse report
Date: {date}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

This is an abuse report for an email received by {address}.

--part
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Feedback/1.0
Version: 1
Original-Rcpt-To: {address}

--part
Content-Type: text/rfc822-headers

Message-ID: <{token}@{domain}>
To: {address}

--part--
"""

_VACATION = """\
Return-Path: <>
Delivered-To: b+{token}@{domain}
From: {address}
To: b+{token}@{domain}
Subject: Out of office until Monday
Date: {date}
Auto-Submitted: auto-replied

I am away until Monday, and read my emails then.
"""

_UNSUBSCRIBE = """\
Return-Path: <{address}>
Delivered-To: b+{token}@{domain}
From: {address}
To: b+{token}@{domain}
Subject: unsubscribe
Date: {date}

This message was sent by a mail program.
"""

_FORGED = """\
Return-Path: <>
Delivered-To: b@{domain}
From: Mail Delivery System <mailer-daemon@mx.forged.example>
To: b@{domain}
Subject: Undelivered Mail Returned to Sender
Date: {date}
X-Failed-Recipients: {address}

550 5.1.1 <{address}>: user unknown
"""

_MINUTES = timedelta(minutes=1)
EMAILS: tuple[tuple[timedelta, Compose], ...] = (
    (4 * _MINUTES, partial(_notice, "5.1.1", "550 5.1.1 {address}: User unknown")),
    (4 * _MINUTES, partial(_notice, "5.1.1", "550 5.1.1 That account does not exist")),
    (5 * _MINUTES, partial(_notice, "4.2.2", "452 4.2.2 The recipient's inbox is full")),
    (5 * _MINUTES, partial(_notice, "5.1.1", "550 5.1.1 No such user here")),
    (6 * _MINUTES, partial(_notice, "5.7.1", "554 5.7.1 Message blocked by policy")),
    (6 * _MINUTES, partial(_notice, "5.2.2", "552 5.2.2 Mailbox full")),
    (7 * _MINUTES, partial(_notice, "5.2.1", "550 5.2.1 This mailbox is disabled")),
    (8 * _MINUTES, partial(_notice, "5.7.1", "554 5.7.1 Message content rejected as spam")),
    (9 * _MINUTES, partial(_notice, "5.0.0", "550 Requested action not taken")),
    (12 * _MINUTES, partial(_of, _VACATION)),
    (40 * _MINUTES, partial(_of, _FORGED)),
    (55 * _MINUTES, partial(_of, _UNSUBSCRIBE)),
    (95 * _MINUTES, partial(_of, _COMPLAINT)),
    (240 * _MINUTES, partial(_notice, "4.4.1", "connect to {address}: timed out", "delayed")),
    (2_880 * _MINUTES, partial(_notice, "4.4.1", "451 4.4.1 Connection timed out")),
)
"""How long after it was sent each email comes back, and what it says."""
