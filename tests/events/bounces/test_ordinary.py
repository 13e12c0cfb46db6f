"""Emails that only look like bounces: they are unknown, and concern nobody."""

import pytest

from campaigns.events.bounces.reading import classify
from tests.events.bounces.emails import email, report
from tests.events.bounces.samples import SAMPLES

BOUNCES = {one.name: one for one in SAMPLES}
EXIM = BOUNCES["Exim, no route"].text.replace("{copy}", "")
QMAIL = BOUNCES["qmail, several recipients"]
GMAIL = BOUNCES["Gmail, older"]
ORDINARY: dict[str, bytes] = {
    "newsletter null path?": email(
        "Our June offers",
        From="Shop <news@example.com>",
        Subject="June offers",
        List_Unsubscribe="<x>",
        Return_Path="<bounce@example.com>",
    ),
    "newsletter no list headers": email(
        "We could not deliver your parcel. Please contact us at help@example.com",
        From="Parcel <info@parcel.example>",
        Subject="Your parcel could not be delivered",
        Return_Path="<info@parcel.example>",
    ),
    "parcel failed": email(
        "Delivery failed: your parcel for ada@example.org was returned to sender.\n"
        "Tracking 550 123",
        From="Delivery service <no-reply@parcel.example>",
        Subject="Delivery failed - action required",
        Return_Path="<bounce@parcel.example>",
    ),
    "parcel fail german": email(
        "Ihr Paket konnte nicht zugestellt werden. Empfänger: ada@example.org",
        From="Paketdienst <info@paket.example>",
        Subject="Zustellung fehlgeschlagen",
        Return_Path="<bounce@paket.example>",
        Auto_Submitted="auto-generated",
    ),
    "spam faking bounce": email(
        "Your 5 incoming messages could not be delivered to ada@example.org. Click "
        "here to release: http://evil.example/",
        From="Mail Administrator <admin@evil.example>",
        Subject="Undelivered mail: 5 messages are pending",
        Return_Path="<x@evil.example>",
    ),
    "phish storage": email(
        "Your mailbox ada@example.org is full (quota exceeded). Verify your account "
        "now http://evil.example/",
        From="IT Support <support@evil.example>",
        Subject="Mailbox quota exceeded",
        Return_Path="<x@evil.example>",
    ),
    "postmaster report weekly": email(
        "Weekly statistics for example.org: delivered 100, bounced 3, failed 2",
        From="postmaster@example.org",
        Subject="Weekly mail statistics",
        Return_Path="<postmaster@example.org>",
    ),
    "dmarc report": email(
        "--a\nContent-Type: text/plain\n\nThis is a DMARC aggregate report for "
        "example.com\n\n--a\nContent-Type: application/zip\nContent-Transfer-Encoding: "
        "base64\n\nUEsDBA==\n--a--",
        From="noreply-dmarc-support@example.net",
        Subject="Report domain: example.com Submitter: example.net Report-ID: 1",
        Content_Type='multipart/mixed; boundary="a"',
    ),
    "tls report": email(
        "--a\nContent-Type: text/plain\n\nTLS report\n--a\nContent-Type: "
        "application/tlsrpt+gzip\n\nxx\n--a--",
        From="noreply-smtp-tls-reporting@example.net",
        Subject="Report Domain: example.com Submitter: example.net",
        Content_Type='multipart/report; report-type="tlsrpt"; boundary="a"',
    ),
    "ticket ack": email(
        "We have received your request. Ticket 4711. ada@example.org",
        From="Support <support@example.net>",
        Subject="[#4711] We received your request",
        Auto_Submitted="auto-generated",
        Return_Path="<>",
    ),
    "jira": email(
        "Ada commented: 550 5.1.1 user unknown appears for ada@example.org, mail could "
        "not be delivered",
        From="Ada (Jira) <jira@example.net>",
        Subject="[JIRA] (MAIL-1) Undelivered Mail Returned to Sender",
        Return_Path="<jira@example.net>",
        Auto_Submitted="auto-generated",
    ),
    "github issue": email(
        "I get 'Mail delivery failed: returning message to sender'\n\n" + EXIM,
        From="ada <notifications@forge.example>",
        Subject="[mailer] Bounce parsing is broken (Issue #12)",
        List_Id="mailer <x>",
        Return_Path="<noreply@forge.example>",
    ),
    "github no list": email(
        "I get this\n\n" + EXIM,
        From="ada <notifications@forge.example>",
        Subject="Re: [mailer] Mail delivery failed is not recognised (#12)",
        Return_Path="<noreply@forge.example>",
    ),
    "user asks": email(
        "Hello,\nI sent a mail to ada@example.org and got:\n\n" + EXIM + "\nCan you help?",
        From="Bob <bob@example.org>",
        Subject="Mail delivery failed",
        Return_Path="<bob@example.org>",
        To="support@example.com",
    ),
    "user asks 2 quoting with returned headers": email(
        "Hello,\nwhat is this?\n\n" + QMAIL.raw.decode(),
        From="Bob <bob@example.org>",
        Subject="failure notice",
        Return_Path="<bob@example.org>",
        To="support@example.com",
    ),
    "fwd inline": email(
        "---------- Forwarded message ---------\nFrom: Mail Delivery Subsystem "
        "<mailer-daemon@googlemail.com>\nSubject: Delivery Status Notification "
        "(Failure)\n\n" + GMAIL.text,
        From="Bob <bob@example.org>",
        Subject="Fwd: Delivery Status Notification (Failure)",
        Return_Path="<bob@example.org>",
    ),
    "reply to bounce": email(
        "I removed the address.\n\n> " + EXIM.replace("\n", "\n> "),
        From="Bob <bob@example.org>",
        Subject="Re: Mail delivery failed: returning message to sender",
        Return_Path="<bob@example.org>",
        To="MAILER-DAEMON@example.com",
    ),
    "ml post": email(
        EXIM,
        From="Bob <bob@example.org>",
        Subject="Undelivered Mail Returned to Sender",
        Return_Path="<list-bounces@lists.example.org>",
        List_Post="<mailto:x>",
        Precedence="list",
    ),
    "bounced in list addr": email(
        "Your subscription has been confirmed.",
        From="list-bounces@lists.example.org",
        Subject="Welcome to the list",
        Return_Path="<list-bounces@lists.example.org>",
    ),
    "mailman probe": email(
        "Your membership in the mailing list users has been disabled due to excessive bounces",
        From="users-request@lists.example.org",
        Subject="You have been unsubscribed from the users mailing list",
        Return_Path="<users-bounces@lists.example.org>",
        Precedence="bulk",
    ),
    "mailman admin notice": email(
        "This is a Mailman mailing list bounce action notice:\n\n    List: users\n    "
        "Member: ada@example.org\n    Action: Subscription bouncing\n    Reason: "
        "Excessive\n",
        From="mailman@lists.example.org",
        Subject="Bounce action notification",
        Return_Path="<mailman-bounces@lists.example.org>",
    ),
    "invoice failed payment": email(
        "Your payment has failed. Please update your card. Order 550 1234",
        From="Billing <billing@example.net>",
        Subject="Payment failed",
        Return_Path="<billing@example.net>",
    ),
    "cron failed": email(
        "The delivery job failed: could not deliver 12 messages to ada@example.org",
        From="root@host.example (Cron Daemon)",
        Subject="Cron <root@host> /usr/bin/deliver",
        Auto_Submitted="auto-generated",
        Return_Path="<root@host.example>",
    ),
    "monitoring": email(
        "CRITICAL: SMTP 550 failure rate is 3%. Mail could not be delivered: ada@example.org",
        From="Monitoring <nagios@host.example>",
        Subject="PROBLEM: mail delivery failure on mx1",
        Return_Path="<nagios@host.example>",
        Auto_Submitted="auto-generated",
    ),
    "postfix postmaster notice": email(
        "Transcript of session follows.\n\n Out: 220 mx.example.com ESMTP\n In:  EHLO a"
        "\n In: RCPT TO:<ada@example.org>\n Out: 550 5.1.1 User unknown\n",
        From="MAILER-DAEMON@mx.example.com (Mail Delivery System)",
        To="postmaster@mx.example.com (Postmaster)",
        Subject="Postfix SMTP server: errors from a[192.0.2.1]",
        Return_Path="<double-bounce@mx.example.com>",
    ),
    "calendar": email(
        "--a\nContent-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\n--a--",
        From="Ada <ada@example.org>",
        Subject="Accepted: Meeting",
        Content_Type="multipart/mixed; boundary=a",
    ),
    "thanks postmaster person": email(
        "Hi, I am the postmaster of example.org. Please stop sending to ada@example.org.",
        From="Postmaster <postmaster@example.org>",
        Subject="Your newsletter",
        Return_Path="<postmaster@example.org>",
    ),
    "unsubscribe mail": email(
        "unsubscribe",
        From="Ada <ada@example.org>",
        Subject="unsubscribe",
        Return_Path="<ada@example.org>",
    ),
    "empty": b"",
    "newline": b"\n",
    "headers only": b"From: a@example.org\nSubject: x",
    "encoded": email(
        "SGFsbG8=", From="a@example.org", Subject="Hi", Content_Transfer_Encoding="base64"
    ),
    "receipt order": email(
        "Your order was delivered to ada@example.org",
        From="Shop <shop@example.net>",
        Subject="Delivered: your order",
        Return_Path="<shop@example.net>",
    ),
    "delayed parcel": email(
        "Your delivery has been delayed. We will try again tomorrow.",
        From="Parcel <info@parcel.example>",
        Subject="Your delivery is delayed",
        Return_Path="<info@parcel.example>",
    ),
    "read in subject": email(
        "read this",
        From="Ada <ada@example.org>",
        Subject="Read: this book",
        Return_Path="<ada@example.org>",
    ),
    "vacation newsletter": email(
        "Book your vacation now",
        From="Travel <travel@example.net>",
        Subject="Vacation deals from 99",
        List_Unsubscribe="<x>",
        Return_Path="<b@example.net>",
    ),
    "vacation newsletter nolist": email(
        "Book your holiday now",
        From="Travel <travel@example.net>",
        Subject="Holiday offers: away from the office",
        Return_Path="<b@example.net>",
    ),
    "away mail": email(
        "lunch?",
        From="Ada <ada@example.org>",
        Subject="Away game on Saturday",
        Return_Path="<ada@example.org>",
    ),
    "confirm email": email(
        "Please confirm your email address by clicking",
        From="Shop <shop@example.net>",
        Subject="Please confirm your email address",
        Return_Path="<b@example.net>",
    ),
    "verify email code": email(
        "Your code is 552100",
        From="Shop <no-reply@example.net>",
        Subject="Verify your email",
        Return_Path="<>",
        Auto_Submitted="auto-generated",
    ),
    "arf mention": email(
        "Abuse report: please see complaint about message from 192.0.2.1",
        From="Abuse <abuse@example.net>",
        Subject="Abuse complaint",
        Return_Path="<abuse@example.net>",
    ),
}
ORDINARY |= {
    "a postmaster who writes": email(
        "We could not deliver some of your emails. Please correct your SPF record.",
        Return_Path="<postmaster@example.org>",
        From="Postmaster Team <postmaster@example.org>",
        Subject="SPF problem",
    ),
    "spam with an empty return path": email(
        "Your message could not be delivered to ada@example.org. Open the attachment.",
        Return_Path="<>",
        From="Mail <someone@spam.example>",
        Subject="Returned mail: see attachment",
    ),
    "quarantine digest": email(
        "You have 3 messages in quarantine. From: shop@example.com Subject: June, blocked",
        Return_Path="<>",
        From="Mail Quarantine <postmaster@example.org>",
        Subject="Quarantine summary: 3 messages blocked",
    ),
}
REPORT = report("Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1")
ORDINARY |= {
    "a report that went to a mailing list": b"List-Id: <users.lists.example.org>\n"
    + REPORT.replace(b"To: b+", b"To: users+"),
    "a report in parts that a person sent": REPORT.replace(
        b"multipart/report", b"multipart/mixed"
    ).replace(b"Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@", b"From: Ada <ada@"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_email_is_unknown_and_concerns_nobody(name: str) -> None:
    verdict = classify(ORDINARY[name])
    assert (verdict.kind, verdict.hardness, verdict.recipients) == ("unknown", "none", ())
