"""Hostile and broken emails: bounded time and memory, no exception, and nobody is harmed."""

import encodings
import random
import re
import time
import tracemalloc
from itertools import product

import pytest
from flufl.bounce._detectors import simplematch, simplewarning

from campaigns.events.bounces import delivery_status
from campaigns.events.bounces import notice as notices
from campaigns.events.bounces.detectors import detected
from campaigns.events.bounces.mime import MAX_BYTES, read, words
from campaigns.events.bounces.reading import classify
from tests.events.bounces.emails import complaint, email, notice, report
from tests.events.bounces.samples import SAMPLES

FAILED = """Final-Recipient: rfc822; ada@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown"""


def test_a_bounce_of_a_bounce_is_about_the_outer_recipient() -> None:
    inner = report(FAILED.replace("ada@", "victim@")).decode().replace("frontier", "inner")
    verdict = classify(report(FAILED, returned=inner))
    assert verdict.recipients == ("ada@example.org",)


def test_a_bounce_attached_to_an_ordinary_email_concerns_nobody() -> None:
    body = f"--a\n\nWhat is this?\n\n--a\nContent-Type: message/rfc822\n\n{report(FAILED).decode()}"
    raw = email(
        body + "\n--a--\n",
        From="Ada <ada@example.org>",
        Subject="Fwd: Undelivered Mail Returned to Sender",
        Content_Type="multipart/mixed; boundary=a",
    )
    verdict = classify(raw)
    assert (verdict.kind, verdict.recipients) == ("unknown", ())


def nested(depth: int) -> bytes:
    parts = (
        f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
        for level in range(depth)
    )
    return b"From: MAILER-DAEMON\n" + "".join(parts).encode() + b"\nThe end\n"


@pytest.mark.parametrize("depth", [100, 10_000])
def test_deep_nesting_is_harmless(depth: int) -> None:
    begun = time.thread_time()
    assert classify(nested(depth)).kind == "unknown"
    assert time.thread_time() - begun < 1


def test_a_report_in_nested_parts_is_found() -> None:
    raw = report(FAILED)
    head, _, body = raw.partition(b"\n\n")
    kind = next(line for line in head.split(b"\n") if line.startswith(b"Content-Type"))
    outer = head.replace(kind, b"Content-Type: multipart/mixed; boundary=outer")
    verdict = classify(outer + b"\n\n--outer\n" + kind + b"\n\n" + body + b"\n--outer--\n")
    assert verdict.recipients == ("ada@example.org",)


HUGE = {
    "text": report(FAILED, returned="x" * 79 + "\n") + b"y" * 50_000_000,
    "header": b"X-Long: " + b"a" * 40_000_000 + b"\n" + report(FAILED),
}


@pytest.mark.parametrize("name", HUGE)
def test_memory_is_bounded(name: str) -> None:
    tracemalloc.start()
    classify(HUGE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * MAX_BYTES


MANY = {
    "headers": b"Received: a\n b\n" * 200_000,
    "addresses": report("a@b.example " * 200_000),
    "recipients": notice("<a@example.org>:\n" * 200_000),
    "boundaries": notice("--\n--a\n" * 200_000),
}


@pytest.mark.parametrize("name", MANY)
def test_time_is_bounded(name: str) -> None:
    begun = time.thread_time()
    verdict = classify(MANY[name])
    assert time.thread_time() - begun < 3
    assert len(verdict.recipients) <= 1_000


RECIPIENT = "Final-Recipient: rfc822; a{0}@b.example\nAction: failed\nStatus: 5.0.0{1}"
LISTED = "\n".join(f"<a{number}@b.example>: failed" for number in range(1_500))


def recipients(extra: str = "", number: int = 1_100) -> str:
    return "\n\n".join(RECIPIENT.format(one, extra) for one in range(number))


def one_block(*others: str) -> str:
    """500 recipients without an empty line between them, and fields that they share."""
    return "\n".join(["Final-Recipient: rfc822; a@b.example"] * 500 + [*others, "Action: failed"])


SERVERS = recipients().replace("rfc822; a", "rfc822; postmaster@a")
WORST = {
    "no reply, and each is listed": report(recipients(), text=LISTED),
    "no reply, and all are servers": report(SERVERS, text=LISTED.replace("<a", "<postmaster@a")),
    "no recipient, and each is listed": report(
        "\n\n".join(["Original-Recipient: x\nAction: failed"] * 1_100), text=LISTED
    ),
    "long replies": report(
        recipients("\nDiagnostic-Code: smtp; " + "after  to " * 70), text=LISTED
    ),
    "shared replies": report(
        one_block(*["Diagnostic-Code: smtp; " + "=?a?q?b?= " * 200] * 450), text=LISTED
    ),
    "shared words that never end": report(
        one_block(*["Diagnostic-Code: smtp; " + "=?a?q?x" * 300] * 450), text=LISTED
    ),
    "shared fields": report(one_block(*(f"X-{number}: a" for number in range(498)))),
    "blocks of blocks": report("\n\n".join([one_block()] * 40), text=LISTED),
    "fields in plain text": notice(recipients() + "\n\n" + LISTED),
}


@pytest.mark.parametrize("name", WORST)
def test_each_word_is_read_about_once_for_any_number_of_recipients(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"reply_in": 0, "_address_at_start": 0}

    def counted(module: object, function: str) -> None:
        inner = getattr(module, function)

        def counting(*args: object) -> object:
            calls[function] += 1
            assert calls[function] < 10_000
            return inner(*args)

        monkeypatch.setattr(module, function, counting)

    counted(notices, "reply_in")
    counted(delivery_status, "reply_in")
    counted(notices, "_address_at_start")
    begun = time.thread_time()
    verdict = classify(WORST[name])
    assert time.thread_time() - begun < 10
    assert verdict.kind == "bounce"
    assert 400 < len(verdict.reports) <= 1_000


@pytest.mark.parametrize("name", WORST)
def test_the_memory_for_many_recipients_is_bounded(name: str) -> None:
    tracemalloc.start()
    classify(WORST[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * MAX_BYTES


TAGS = [
    re.sub(r"\\s.*|\(\?P.*|[\^$\\]", "", begin.pattern).replace("(i|e)", "i").split("(failed|")[0]
    for begin, _, _ in (*simplematch.PATTERNS, *simplewarning.PATTERNS)
]
UNITS = (",", "@", "a@", "a", " ", "\t", "\xa0", "<", "<a", "a ", "'", "[", "(", "=41", "* ", "é")


def test_the_longest_text_with_the_worst_lines_takes_the_detectors_little_time() -> None:
    intro = "From: MAILER-DAEMON\nX-Mailer: <SMTP32 v1>"
    for first, second in product(UNITS, UNITS):
        line = first * (500 // len(first)) + second * (500 // len(second))
        text = "\n".join([*TAGS, *[line] * 100])
        begun = time.thread_time()
        detected(read(intro.encode()), text)
        assert time.thread_time() - begun < 15, (first, second)


def test_a_recipient_in_a_long_line_is_detected_or_left_out_but_never_cut() -> None:
    intro = "Delivery to the following recipient failed permanently:\n"
    for number in range(150, 250):
        found = detected(read(b"From: a"), intro + " " * number + "ada@example.org")
        assert found in ([], ["ada@example.org"])


def test_names_of_charsets_that_do_not_exist_are_not_remembered() -> None:
    remembered = []
    for number in range(30):
        name = ("-" * number).join(["utf", "8"]) if number % 2 else f"klingon{number}"
        classify(report(FAILED).replace(b"us-ascii", name.encode()))
        words(f"=?{name}?q?=FF?= =?.{name}?q?=FF?=")
        remembered.append(len(encodings._cache))
    assert remembered[9] == remembered[-1]


@pytest.mark.parametrize(
    "name",
    ["ISO-8859-1", "windows-1251", "Shift_JIS", "utf8", "KOI8-U", "cp866", "big5"],
)
def test_charsets_are_known_by_their_usual_names(name: str) -> None:
    text = "é" if name == "ISO-8859-1" else "Я"
    encoded = text.encode(name) if name != "big5" else "中".encode(name)
    quoted = "".join(f"={byte:02X}" for byte in encoded)
    assert words(f"=?{name}?q?{quoted}?=") == encoded.decode(name)


def test_words_that_never_end_stay_as_they_are() -> None:
    assert words("=?utf-8?q?caf=C3=A9?= and " + "=?a?q?x" * 9) == "café and " + "=?a?q?x" * 9


def test_a_large_bounce_is_read() -> None:
    verdict = classify(HUGE["text"])
    assert (verdict.kind, verdict.recipients) == ("bounce", ("ada@example.org",))


BROKEN = {
    "a charset that is not true": report(FAILED).replace(b"us-ascii", b"utf-16"),
    "a charset that does not exist": report(FAILED).replace(b"us-ascii", b"klingon"),
    "a charset that is a compression": report(FAILED).replace(b"us-ascii", b"zlib_codec"),
    "NUL": report(FAILED).replace(b"Action", b"\x00Action").replace(b"rfc822", b"rf\x00c822"),
    "no last boundary": report(FAILED).replace(b"--frontier--", b""),
    "a date of nobody": report(FAILED + "\nLast-Attempt-Date: 99 Foo 0000 99:99:99 +9999999"),
    "UTF-8 in headers": report(FAILED).replace(
        b"Subject: ", "Subject: \udcff é".encode("utf-8", "replace")
    ),
    "no header at all in front": b"\n\n\n" + report(FAILED),
    "a byte order mark": b"\xef\xbb\xbf" + report(FAILED),
    "fields that are labelled as a file": report(FAILED, kind="application/octet-stream"),
    "an mbox line": b"From MAILER-DAEMON Mon Jun  1 09:00:00 2026\n" + report(FAILED),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_report_is_read_nevertheless(name: str) -> None:
    verdict = classify(BROKEN[name])
    assert (verdict.kind, verdict.recipients) == ("bounce", ("ada@example.org",))


@pytest.mark.parametrize(
    "text", ["VGhpcyBp!!!", "=", "====", "VGhpcyBpcyBubyByZXBvcnQ", "\x00", "=?utf-8?b?/w==?="]
)
def test_broken_base64_is_harmless(text: str) -> None:
    raw = email(
        text,
        From="MAILER-DAEMON@mx.example.net",
        Subject="=?utf-8?b?%%%?= =?klingon?q?=FF?=",
        Content_Transfer_Encoding="base64",
    )
    assert classify(raw).recipients == ()


SES = r"""{"notificationType": "Bounce", "mail": {}, "bounce": {"bounceType": "Permanent",
"bouncedRecipients": [{"emailAddress": "\u0000ada\ud800@example.org", "status": "5.1.1\u0000",
"diagnosticCode": "smtp; 550 5.1.1 No such\u0000 user \udfff"}]}}"""
SPELLED = {
    "a charset": report(FAILED.replace("unknown", "+AAA-unknown +2AA-")).replace(
        b"delivery-status\n", b"delivery-status; charset=utf-7\n"
    ),
    "an encoded word": report(FAILED.replace("User", "=?utf-7?q?User_+AAA-+2AA-?=")),
    "JSON": email(SES, From="SES <no-reply@sns.amazonaws.example>"),
}


@pytest.mark.parametrize("name", SPELLED)
def test_nul_and_half_characters_never_get_through(name: str) -> None:
    verdict = classify(SPELLED[name])
    assert (verdict.kind, verdict.recipients) == ("bounce", ("ada@example.org",))
    assert "ser" in verdict.main.reply
    assert not any(hidden in repr(verdict) for hidden in ("\\x00", "\\ud"))


def test_a_report_without_recipients_is_about_whom_the_email_was_written_to() -> None:
    assert classify(report("Action: failed\nStatus: 5.1.1")).recipients == ("ada@example.org",)
    assert classify(report("Action: failed", returned="Subject: June offers")).recipients == ()


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """The email with a few pieces cut, repeated, moved or replaced by rubbish."""
    for _ in range(chance.randrange(1, 6)):
        start = chance.randrange(len(raw) + 1)
        end = start + chance.randrange(200)
        piece = raw[start:end]
        other = chance.choice(
            [b"", piece * 3, chance.randbytes(8), b"\x00", b"\r", b"=?", b"<>", b"--", piece[::-1]]
        )
        raw = raw[:start] + other + raw[end:]
    return raw


def test_random_damage_never_raises() -> None:
    chance = random.Random(13)  # noqa: S311
    originals = [report(FAILED), complaint("Feedback-Type: abuse"), *(one.raw for one in SAMPLES)]
    kinds = {classify(mutated(chance.choice(originals), chance)).kind for _ in range(400)}
    kinds |= {classify(chance.randbytes(300)).kind for _ in range(50)}
    assert {"bounce", "complaint", "unknown"} <= kinds
