"""Emails that come back, in the formats of many mail servers, each of our own making."""

TOKEN = "b" * 39
RETURNED = f"""Return-Path: <b+{TOKEN}@bounce.example.com>
Received: from app.example.com by mx.example.net; Mon, 1 Jun 2026 09:00:00 +0000
Message-ID: <{TOKEN}@example.com>
From: Harbour Coffee <news@example.com>
To: ada@example.org
Subject: June offers

Good morning!
"""


def email(text: str, **headers: str) -> bytes:
    """An email with these headers (`from_` for From) and this text."""
    lines = [f"{name.rstrip('_').replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\n".join(lines) + "\n\n" + text).encode()


def notice(
    text: str, subject: str = "Undelivered Mail Returned to Sender", **headers: str
) -> bytes:
    """A notice by a mail server in plain text."""
    return email(
        text,
        Return_Path="<>",
        From="Mail Delivery System <MAILER-DAEMON@mx.example.net>",
        To=f"b+{TOKEN}@bounce.example.com",
        Subject=subject,
        **headers,
    )


def report(
    fields: str,
    *,
    text: str = "This is the mail system at host mx.example.net.",
    subject: str = "Undelivered Mail Returned to Sender",
    returned: str = RETURNED,
    kind: str = "message/delivery-status",
) -> bytes:
    """A report by RFC 3464 with these fields about the recipient."""
    body = f"""This is a MIME-encapsulated message.

--frontier
Content-Type: text/plain; charset=us-ascii

{text}

--frontier
Content-Type: {kind}

Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 1 Jun 2026 09:00:00 +0000

{fields}

--frontier
Content-Type: message/rfc822

{returned}
--frontier--
"""
    return notice(
        body,
        subject,
        MIME_Version="1.0",
        Content_Type='multipart/report; report-type=delivery-status; boundary="frontier"',
    )


def complaint(fields: str, *, returned: str = RETURNED) -> bytes:
    """A report by RFC 5965 with these fields."""
    body = f"""--frontier
Content-Type: text/plain

This is an email abuse report.

--frontier
Content-Type: message/feedback-report

{fields}

--frontier
Content-Type: message/rfc822

{returned}
--frontier--
"""
    return email(
        body,
        From="feedback@fbl.example.net",
        To="abuse@example.com",
        Subject="FW: June offers",
        Content_Type='multipart/report; report-type=feedback-report; boundary="frontier"',
    )
