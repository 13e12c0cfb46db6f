"""Reports by RFC 3464 and RFC 5965."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.bounces.reading import classify
from tests.events.bounces.emails import RETURNED, TOKEN, complaint, email, report

FAILED = """Final-Recipient: rfc822; ada@example.org
Action: failed
Status: {status}
Diagnostic-Code: smtp; {reply}"""


@pytest.mark.parametrize(
    ("status", "reply", "reply_class", "hardness"),
    [
        ("5.1.1", "550 5.1.1 <ada@example.org>: User unknown", "hard", "hard"),
        ("5.1.2", "550 Host unknown", "hard", "hard"),
        ("5.1.6", "551 5.1.6 The mailbox has moved", "hard", "hard"),
        ("5.1.10", "556 5.1.10 Recipient address has null MX", "hard", "hard"),
        ("4.4.7", "delivery time expired", "transient", "soft"),
        ("5.2.2", "552 5.2.2 Mailbox full", "mailbox_full", "soft"),
        ("5.2.1", "550 5.2.1 This account has been disabled", "disabled", "soft"),
        ("5.3.4", "552 5.3.4 Message too big", "content", "soft"),
        ("5.7.1", "554 5.7.1 Your IP is listed at Spamhaus", "policy", "soft"),
        ("5.7.26", "550 5.7.26 Unauthenticated email is not accepted", "policy", "soft"),
        ("5.1.8", "501 5.1.8 Sender address rejected", "sender", "soft"),
    ],
)
def test_a_failed_delivery_is_classed_by_the_reply(
    status: str, reply: str, reply_class: str, hardness: str
) -> None:
    verdict = classify(report(FAILED.format(status=status, reply=reply)))
    assert verdict.kind == "bounce"
    assert verdict.recipients == ("ada@example.org",)
    assert (verdict.main.reply_class, verdict.hardness) == (reply_class, hardness)
    assert verdict.main.status == status


def test_a_delay_is_no_bounce() -> None:
    verdict = classify(
        report(
            "Final-Recipient: rfc822; ada@example.org\nAction: delayed\nStatus: 4.4.1\n"
            "Will-Retry-Until: Sat, 6 Jun 2026 09:00:00 +0000"
        )
    )
    assert (verdict.kind, verdict.hardness) == ("delay", "soft")


def test_a_confirmed_delivery_is_no_trouble() -> None:
    verdict = classify(
        report("Final-Recipient: rfc822; ada@example.org\nAction: delivered\nStatus: 2.0.0")
    )
    assert (verdict.kind, verdict.hardness) == ("delivered", "none")


def test_a_failure_among_successes_comes_first() -> None:
    verdict = classify(
        report(
            "Final-Recipient: rfc822; bob@example.org\nAction: relayed\nStatus: 2.0.0\n\n"
            + FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
        )
    )
    assert verdict.kind == "bounce"
    assert verdict.recipients == ("ada@example.org", "bob@example.org")


def test_the_original_recipient_counts_and_not_where_it_was_forwarded() -> None:
    fields = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
    verdict = classify(report("Original-Recipient: rfc822; old@example.org\n" + fields))
    assert verdict.recipients == ("old@example.org",)


def test_an_address_in_another_alphabet_is_read() -> None:
    verdict = classify(
        report(
            "Final-Recipient: utf-8; \\x{FC}ber@example.org\nAction: failed\nStatus: 5.1.1",
            kind="message/global-delivery-status",
        )
    )
    assert verdict.recipients == ("über@example.org",)


def test_user_unknown_after_the_content_may_be_a_filter() -> None:
    fields = FAILED.format(
        status="5.0.0", reply="550 User unknown (in reply to end of DATA command)"
    )
    verdict = classify(report(fields))
    assert (verdict.main.reply_class, verdict.hardness) == ("refused", "soft")


def test_the_token_and_the_message_id_are_found() -> None:
    verdict = classify(report(FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")))
    assert verdict.tokens == (TOKEN,)
    assert verdict.message_ids == (f"{TOKEN}@example.com",)


def test_all_line_ends_give_the_same() -> None:
    unix = report(FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown"))
    found = {classify(unix.replace(b"\n", end)) for end in (b"\n", b"\r\n", b"\r")}
    assert len(found) == 1
    assert found.pop().kind == "bounce"


def test_recipients_without_an_empty_line_between_them_are_told_apart() -> None:
    full = FAILED.format(status="5.2.2", reply="552 5.2.2 Mailbox full")
    gone = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown").replace("ada@", "bob@")
    verdict = classify(report(f"{full}\n{gone}"))
    assert [(one.recipient, one.reply_class) for one in verdict.reports] == [
        ("ada@example.org", "mailbox_full"),
        ("bob@example.org", "hard"),
    ]


def test_a_report_with_only_a_status_takes_the_words_of_the_notice() -> None:
    fields = "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.0.0"
    verdict = classify(report(fields, text="<ada@example.org>: Domain does not exist"))
    assert (verdict.main.reply_class, verdict.hardness) == ("hard", "hard")


def test_a_full_mailbox_in_the_notice_outweighs_user_unknown_in_the_report() -> None:
    fields = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
    verdict = classify(report(fields, text="The mailbox is full."))
    assert (verdict.main.reply_class, verdict.hardness) == ("mailbox_full", "soft")


@pytest.mark.parametrize(
    ("reply", "hardness"),
    [
        ("450 4.1.1 User unknown in local recipient table", "hard"),
        ("450 4.2.0 Greylisted", "soft"),
        ("451 4.4.4 Temporary lookup failure", "soft"),
    ],
)
def test_a_temporary_code_at_the_end_is_hard_only_for_an_unknown_recipient(
    reply: str, hardness: str
) -> None:
    status = reply.split()[1]
    verdict = classify(report(FAILED.format(status=status, reply=reply)))
    assert verdict.hardness == hardness


def test_a_notice_that_another_server_passed_on_is_read() -> None:
    inner = report(FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")).decode()
    outer = report("", text="A message could not be delivered.", returned=inner)
    verdict = classify(
        outer.replace(b"frontier", b"outer", 1).replace(b"--frontier", b"--outer", 3)
    )
    assert (verdict.kind, verdict.recipients) == ("bounce", ("ada@example.org",))


def test_an_encoded_report_is_read() -> None:
    fields = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
    encoded = b64encode(f"Reporting-MTA: dns; mx.example.net\n\n{fields}\n".encode()).decode()
    kind = "message/delivery-status\nContent-Transfer-Encoding: base64"
    head = "Reporting-MTA: dns; mx.example.net\nArrival-Date: Mon, 1 Jun 2026 09:00:00 +0000\n\n"
    raw = report(encoded, kind=kind).decode().replace(head, "")
    assert classify(raw.encode()).recipients == ("ada@example.org",)


@pytest.mark.parametrize("kind", ["abuse", "opt-out", "fraud", "virus", "not-spam"])
def test_a_complaint_names_its_type(kind: str) -> None:
    verdict = classify(
        complaint(
            f"Feedback-Type: {kind}\nUser-Agent: Feedback/1.0\nVersion: 1\n"
            "Original-Rcpt-To: <ada@example.org>\nSource-IP: 192.0.2.1"
        )
    )
    assert (verdict.kind, verdict.hardness) == ("complaint", "none")
    assert verdict.feedback_type == kind
    assert verdict.recipients == ("ada@example.org",)
    assert verdict.tokens == (TOKEN,)


def test_a_complaint_without_a_recipient_takes_that_of_the_email() -> None:
    verdict = classify(complaint("Feedback-Type: abuse\nVersion: 1"))
    assert verdict.recipients == ("ada@example.org",)


def test_a_complaint_in_a_part_of_another_type_is_found() -> None:
    raw = complaint("Feedback-Type: abuse\nOriginal-Rcpt-To: ada@example.org")
    verdict = classify(raw.replace(b"message/feedback-report", b"text/plain"))
    assert (verdict.kind, verdict.recipients) == ("complaint", ("ada@example.org",))


def test_a_complaint_with_an_unknown_type_is_one() -> None:
    verdict = classify(complaint("Feedback-Type: annoyed\nVersion: 1", returned=RETURNED))
    assert (verdict.kind, verdict.feedback_type) == ("complaint", "other")


RECEIVED = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_feedback_has_the_token_the_class_and_the_time_of_the_report() -> None:
    fields = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
    fields += "\nLast-Attempt-Date: Mon, 1 Jun 2026 11:00:00 +0200"
    (found,) = feedback_of(report(fields), RECEIVED)
    assert (found.kind, found.reply_class, found.status) == ("bounced", "hard", "5.1.1")
    assert (found.token, found.recipient) == (TOKEN, "ada@example.org")
    assert found.at == datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "date", ["Fri, 1 Jan 1999 00:00:00 +0000", "Mon, 1 Jun 2099 11:00:00 +0200", "yesterday", ""]
)
def test_a_time_that_cannot_be_true_is_that_of_the_receipt(date: str) -> None:
    fields = FAILED.format(status="5.1.1", reply="550") + f"\nLast-Attempt-Date: {date}"
    (found,) = feedback_of(report(fields), RECEIVED)
    assert found.at == RECEIVED


def test_feedback_names_each_of_several_recipients() -> None:
    one = FAILED.format(status="5.1.1", reply="550 5.1.1 User unknown")
    raw = report(one + "\n\n" + one.replace("ada@", "bob@"))
    found = feedback_of(b"Message-ID: <1@mx.example.net>\n" + raw, RECEIVED)
    assert [one.recipient for one in found] == ["ada@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    ("subject", "text", "to", "kind"),
    [
        ("unsubscribe", "", f"b+{TOKEN}@bounce.example.com", "unsubscribed"),
        ("Unsubscribe!", "Please.", f"b+{TOKEN}@bounce.example.com", "unsubscribed"),
        ("", "unsubscribe\n", f"b+{TOKEN}@bounce.example.com", "unsubscribed"),
        ("unsubscribe", "", "news@example.com", "unknown"),
        ("How do I unsubscribe?", "", f"b+{TOKEN}@bounce.example.com", "unknown"),
        ("Automatic reply: unsubscribe", "", f"b+{TOKEN}@bounce.example.com", "auto_reply"),
    ],
)
def test_a_person_can_unsubscribe_by_email(subject: str, text: str, to: str, kind: str) -> None:
    raw = email(text, From="Ada <ada@example.org>", To=to, Subject=subject)
    (found,) = feedback_of(raw, RECEIVED)
    assert found.kind == kind
    assert (found.token == TOKEN) == (kind != "unknown")


def test_the_step_is_found_across_line_ends() -> None:
    said = "550 User unknown (in reply to\n    RCPT TO command)"
    text = f"<ada@example.org>: host mx.example.org said: {said}"
    verdict = classify(report(FAILED.format(status="5.0.0", reply="550 User unknown"), text=text))
    assert verdict.hardness == "hard"


def test_a_code_of_policy_counts_less_than_the_refused_recipient() -> None:
    said = "553 5.7.1 No mailbox by that name"
    text = f"<ada@example.org>: host mx.example.org said: {said} (in reply to {{}} command)"
    fields = FAILED.format(status="5.7.1", reply=said)
    assert classify(report(fields, text=text.format("RCPT TO"))).hardness == "hard"
    assert classify(report(fields, text=text.format("end of DATA"))).hardness == "soft"


def test_a_stated_status_counts_more_than_the_small_print() -> None:
    text = "Delivery failed.\n\n   ada@example.org\n\n____\nThis email was scanned for viruses."
    fields = "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1"
    assert classify(report(fields, text=text)).main.reply_class == "hard"
