"""The notices of many mail servers and mailbox providers, each with its recipients."""

import pytest

from campaigns.events.bounces.reading import classify
from tests.events.bounces.emails import report
from tests.events.bounces.samples import SAMPLES, Sample


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_notice_is_read_as_it_is_meant(sample: Sample) -> None:
    verdict = classify(sample.raw)
    assert (verdict.kind, verdict.hardness) == (sample.kind, sample.hardness)
    assert verdict.recipients == sample.recipients


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_line_ends_do_not_matter(sample: Sample, end: bytes) -> None:
    assert classify(sample.raw.replace(b"\n", end)) == classify(sample.raw)


REPLIES = [
    ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist", "hard"),
    ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", "hard"),
    ("5.0.0", "550 No Such User Here (in reply to RCPT TO command)", "hard"),
    ("5.1.2", "X-Unix; 550 Host unknown", "hard"),
    ("5.4.4", "Host or domain name not found. Name service error for name=example.org", "hard"),
    ("5.1.1", "X-Postfix; unknown user: \"ada\"", "hard"),
    ("5.1.1", "X-Notes; Recipient user name not unique", "hard"),
    ("5.1.0", "550 5.1.0 Address rejected", "hard"),
    ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "hard"),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is inactive", "soft"),
    ("5.2.2", "452 4.2.2 The recipient's inbox is out of storage space", "soft"),
    ("4.4.1", "connect to mx.example.org[192.0.2.1]:25: Connection timed out", "soft"),
    ("5.7.1", "550 5.7.1 Message rejected as spam", "soft"),
    ("5.7.1", "550 5.7.1 Client host blocked using a blocklist", "soft"),
    ("5.7.515", "550 5.7.515 Access denied, sending domain does not meet the level", "soft"),
    ("5.7.23", "550 5.7.23 SPF validation failed", "soft"),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", "soft"),
    ("5.5.0", "550 5.5.0 Sender domain does not exist (in reply to MAIL FROM command)", "soft"),
    ("5.4.6", "554 5.4.6 Too many hops", "soft"),
    ("5.7.0", "552 5.7.0 Our system detected an illegal attachment", "soft"),
    ("5.0.0", "550 Sender verify failed", "soft"),
    ("5.7.1", "550 5.7.1 Relaying denied", "soft"),
    ("5.7.129", "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission", "soft"),
    ("4.2.0", "451 4.7.1 Greylisting in action, please come back later", "soft"),
    ("5.3.0", "554 5.3.0 Mailbox has exceeded its quota", "soft"),
]  # fmt: skip
FORMS = {
    "as sent": "Final-Recipient: rfc822; {0}\nAction: failed\nStatus: {1}\nDiagnostic-Code: {2}",
    "upper case": "FINAL-RECIPIENT: RFC822;<{0}>\nACTION: FAILED\nSTATUS: {1}\n"
    "DIAGNOSTIC-CODE: {2}",
    "folded": "Final-Recipient:\n rfc822;{0}\nAction: failed (permanent)\n"
    "Status: {1} (permanent failure)\nDiagnostic-Code:\n  {2}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("status", "reply", "hardness"), REPLIES)
def test_a_report_is_read_in_each_form(form: str, status: str, reply: str, hardness: str) -> None:
    typed = reply if reply.startswith("X-") else f"smtp; {reply}"
    verdict = classify(report(FORMS[form].format("ada@example.org", status, typed)))
    assert (verdict.kind, verdict.hardness) == ("bounce", hardness)
    assert verdict.recipients == ("ada@example.org",)


HEADINGS = [
    "** Address not found **",
    "** Adres niet gevonden **",
    "** Nie znaleziono adresu **",
    "No se ha encontrado la dirección",
    "L'indirizzo non esiste",
    "Почтовый адрес не найден",
]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_tells_that_the_recipient_was_refused(heading: str) -> None:
    fields = "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.0.0\n"
    fields += "Diagnostic-Code: smtp; 550 no such user"
    assert classify(report(fields, text=f"{heading}\n\nada@example.org")).hardness == "hard"
    assert classify(report(fields)).hardness == "soft"
