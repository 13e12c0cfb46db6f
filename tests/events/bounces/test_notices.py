"""Notices in the words of mail servers, and automatic replies."""

import pytest

from campaigns.events.bounces.reading import classify
from tests.events.bounces.emails import RETURNED, email, notice

QMAIL = """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.org
    SMTP error from remote mail server after RCPT TO:<ada@example.org>:
    host mx.example.org [192.0.2.1]: 550 No such user here

------ This is a copy of the message, including all the headers. ------

"""
POSTFIX = """This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to <postmaster@mx.example.net>

<ada@example.org>: host mx.example.org[192.0.2.1] said: 552 5.2.2 Mailbox is
    full (in reply to RCPT TO command)

"""
SENDMAIL = """The original message was received at Mon, 1 Jun 2026 09:00:00 GMT
from app.example.com [192.0.2.9]

   ----- The following addresses had permanent fatal errors -----
<ada@example.org>

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> RCPT To:<ada@example.org>
<<< 550 5.1.1 <ada@example.org>... User unknown
550 5.1.1 <ada@example.org>... User unknown

   ----- Original message follows -----

"""
GMAIL_DELAY = """This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     ada@example.org

Message will be retried for 2 more day(s)

----- Original message -----

"""


@pytest.mark.parametrize(
    ("text", "kind", "reply_class", "hardness"),
    [
        (QMAIL, "bounce", "hard", "hard"),
        (EXIM, "bounce", "hard", "hard"),
        (POSTFIX, "bounce", "mailbox_full", "soft"),
        (SENDMAIL, "bounce", "hard", "hard"),
        (GMAIL_DELAY, "delay", "refused", "soft"),
    ],
    ids=["qmail", "exim", "postfix", "sendmail", "gmail"],
)
def test_a_notice_in_plain_text_is_understood(
    text: str, kind: str, reply_class: str, hardness: str
) -> None:
    verdict = classify(notice(text + RETURNED))
    assert (verdict.kind, verdict.main.reply_class, verdict.hardness) == (
        kind,
        reply_class,
        hardness,
    )
    assert verdict.recipients == ("ada@example.org",)


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "Away until Monday", "Auto_Submitted": "auto-replied"},
        {"Subject": "Automatic reply: June offers"},
        {"Subject": "Abwesenheitsnotiz: June offers"},
        {"Subject": "Réponse automatique : June offers"},
        {"Subject": "自動返信: June offers"},
        {"Subject": "Out of office", "X_Autoreply": "yes"},
        {"Subject": "Read: June offers", "Return_Path": "<>"},
        {"Subject": "In vacanza: assenza", "Auto_Submitted": "auto-generated"},
        {"Subject": "On leave", "Precedence": "bulk"},
        {"Subject": "Please verify that you are a real person", "Return_Path": "<>"},
        {"Subject": "Please confirm your message to Ada", "Return_Path": "<>"},
    ],
)
def test_an_automatic_reply_is_harmless(headers: dict[str, str]) -> None:
    verdict = classify(email("I am back on Monday.", From="Ada <ada@example.org>", **headers))
    assert (verdict.kind, verdict.hardness) == ("auto-reply", "none")


def test_a_vacation_note_that_speaks_of_delivery_is_no_bounce() -> None:
    verdict = classify(
        email(
            "I have left the company. Your message could not be delivered to ada@example.org.",
            Return_Path="<>",
            From="Ada <ada@example.org>",
            Subject="Automatic reply: June offers",
            Auto_Submitted="auto-replied",
        )
    )
    assert verdict.kind == "auto-reply"


def test_a_read_receipt_is_harmless() -> None:
    body = (
        "--a\n\nYour message was displayed.\n\n--a\nContent-Type: "
        "message/disposition-notification\n"
    )
    verdict = classify(
        email(
            body
            + "\nFinal-Recipient: rfc822; ada@example.org\nDisposition: manual-action; displayed\n",
            From="Ada <ada@example.org>",
            Subject="Return receipt",
            Content_Type="multipart/report; report-type=disposition-notification; boundary=a",
        )
    )
    assert (verdict.kind, verdict.hardness) == ("auto-reply", "none")


def test_list_software_may_mark_the_bounces_that_it_gets() -> None:
    marks = {"List_Id": "<talk.example.com>", "List_Post": "<mailto:talk@example.com>"}
    raw = notice(QMAIL + RETURNED, subject="failure notice", **marks)
    raw = raw.replace(b"Return-Path: <>", b"Return-Path: <talk-admin@example.com>")
    assert classify(raw).recipients == ("ada@example.org",)


def test_a_notice_to_the_return_path_needs_no_known_author() -> None:
    text = "<ada@example.org>: Requested action not taken. [SMTP Error Code 550]\n"
    headers = {"From": "gateway1@mx.example.net", "Subject": "Delivery failed: returned mail"}
    said = "Your message could not be delivered.\n\n" + text
    assert classify(email(said, To="b+x@bounce.example.com", **headers)).kind == "bounce"
    assert classify(email(said, To="news@example.com", **headers)).kind == "unknown"


@pytest.mark.parametrize(
    ("said", "hardness"),
    [
        ("all host address lookups failed permanently", "hard"),
        ("the MX records point to a non-existent host", "hard"),
        ("Illegal host/domain name found", "hard"),
        ("DNS error: the server returned answer with no data", "hard"),
        ("550 550 User unknown (state 14).", "hard"),
        ("550 550 User unknown (state 18).", "soft"),
        ("192.0.2.1 failed after I sent the message.\nRemote host said: 550 no such user", "soft"),
        ("Connected to 192.0.2.1 but sender was rejected.\n550 user unknown", "soft"),
        ("SMTP session got stuck; most progress was RCPT TO response; 550 no such user", "hard"),
    ],
)
def test_mail_servers_say_in_their_own_words_what_failed(said: str, hardness: str) -> None:
    text = f"Your message could not be delivered.\n\n<ada@example.org>:\n{said}\n\n"
    verdict = classify(
        notice(text + "--- Below this line is a copy of the message.\n\n" + RETURNED)
    )
    assert (verdict.hardness, verdict.recipients) == (hardness, ("ada@example.org",))
