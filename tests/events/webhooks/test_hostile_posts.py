"""A verified post may still contain anything: no exception but one, and only clean values."""

import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.events.feedback import MAX_REPLY, Feedback
from campaigns.events.webhooks import reading
from campaigns.events.webhooks.kind import Post, RefusedPostError
from campaigns.events.webhooks.reading import UnreadablePostError
from campaigns.events.webhooks.registry import WEBHOOKS
from tests.events.webhooks.posts import NOW, envelope, post

ALL = sorted(WEBHOOKS)
DEEP = b"[" * 10_000 + b"]" * 10_000
NESTED = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
EVIL: tuple[object, ...] = (
    None,
    True,
    7,
    -1,
    1e300,
    10**30,
    [],
    {},
    [[]],
    [{}],
    "",
    "\x00",
    "\ud800",
    "x" * 5_000,
)

SAMPLES: dict[str, Any] = {
    "amazon_ses": {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "timestamp": "2026-11-20T08:00:00Z",
            "bouncedRecipients": [
                {
                    "emailAddress": "ada@example.com",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
        },
        "mail": {
            "messageId": "m-1",
            "source": "b@example.com",
            "destination": ["ada@example.com"],
            "tags": {"campaigns": ["x"]},
            "headers": [{"name": "Message-ID", "value": "<1@example.com>"}],
            "commonHeaders": {"messageId": "<1@example.com>"},
        },
    },
    "brevo": {
        "event": "hard_bounce",
        "email": "ada@example.com",
        "reason": "550 5.1.1 user unknown",
        "ts_epoch": 1795161600000,
        "message-id": "<1@example.com>",
        "X-Mailin-custom": "{}",
    },
    "mailgun": {
        "signature": {"token": "t"},
        "event-data": {
            "event": "failed",
            "severity": "permanent",
            "reason": "bounce",
            "timestamp": 1795161600.5,
            "recipient": "ada@example.com",
            "user-variables": {"campaigns": "x"},
            "message": {"headers": {"message-id": "1@example.com"}},
            "delivery-status": {"code": 550, "message": "5.1.1 user unknown"},
            "client-info": {"user-agent": "x"},
        },
    },
    "mailjet": {
        "event": "bounce",
        "time": 1795161600,
        "MessageID": 1,
        "email": "ada@example.com",
        "hard_bounce": True,
        "error_related_to": "recipient",
        "error": "user unknown",
        "CustomID": "x",
    },
    "postmark": {
        "RecordType": "Bounce",
        "ID": 7,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Email": "ada@example.com",
        "BouncedAt": "2026-11-20T08:00:00Z",
        "Details": "smtp;550 5.1.1 user unknown",
        "Metadata": {"campaigns": "x"},
    },
    "resend": {
        "type": "email.bounced",
        "created_at": "2026-11-20T08:00:00Z",
        "data": {
            "to": ["Ada <ada@example.com>"],
            "email_id": "m-1",
            "tags": [{"name": "campaigns", "value": "x"}],
            "headers": [{"name": "Message-ID", "value": "<1@example.com>"}],
            "bounce": {
                "type": "Permanent",
                "subType": "General",
                "message": "550 5.1.1 user unknown",
                "diagnosticCode": ["550 5.1.1 user unknown"],
            },
            "click": {"link": "https://example.com/", "userAgent": "x", "ipAddress": "192.0.2.1"},
        },
    },
    "sendgrid": {
        "event": "bounce",
        "type": "bounce",
        "email": "ada@example.com",
        "timestamp": 1795161600,
        "status": "5.1.1",
        "reason": "550 5.1.1 user unknown",
        "bounce_classification": "Invalid Address",
        "smtp-id": "<1@example.com>",
        "campaigns": "x",
    },
    "sparkpost": {
        "msys": {
            "message_event": {
                "type": "bounce",
                "bounce_class": "10",
                "error_code": "550",
                "raw_rcpt_to": "ada@example.com",
                "raw_reason": "550 5.1.1 user unknown",
                "timestamp": "1795161600",
                "rcpt_meta": {"campaigns": "x"},
            }
        }
    },
}


def _post(kind: str, body: Any) -> Post:
    return envelope(body) if kind == "amazon_ses" else post(body)


def _parsed(kind: str, body: Any) -> list[Feedback]:
    return WEBHOOKS[kind].parse(_post(kind, body))


def _is_clean(feedback: Feedback) -> bool:
    """Return whether a database takes this feedback as it is."""
    values = dataclasses.asdict(feedback).values()
    texts = [text for value in values for text in (value if isinstance(value, tuple) else [value])]
    for text in texts:
        if isinstance(text, str):
            assert len(text) <= reading.MAX_URL
            assert text.encode().isascii() or text.isprintable()
            assert "\x00" not in text
    return datetime(2000, 1, 1, tzinfo=UTC) <= feedback.at <= NOW


@pytest.mark.parametrize("kind", ALL)
def test_the_samples_are_hard_bounces(kind: str) -> None:
    [found] = _parsed(kind, SAMPLES[kind])
    assert (found.kind, found.reply_class, found.recipient) == (
        "bounced",
        "hard",
        "ada@example.com",
    )
    assert found.at <= NOW


def _with(sample: Any, value: object) -> list[Any]:
    """Return the sample again and again, with another of its values replaced."""
    if isinstance(sample, dict):
        changed = [{**sample, key: value} for key in sample]
        return changed + [
            {**sample, key: one} for key, old in sample.items() for one in _with(old, value)
        ]
    if isinstance(sample, list):
        return [value, [value], *([one] for one in _with(sample[0], value))] if sample else [value]
    return []


@pytest.mark.parametrize("kind", ALL)
def test_any_value_may_be_anything(kind: str) -> None:
    for evil in EVIL:
        for body in (evil, [evil], *_with(SAMPLES[kind], evil)):
            assert all(map(_is_clean, _parsed(kind, body)))


@pytest.mark.parametrize("name", ["Type", "TopicArn", "Message", "SubscribeURL"])
def test_any_value_of_an_envelope_may_be_anything(name: str) -> None:
    kind = WEBHOOKS["amazon_ses"]
    settings = kind.settings(topic_arn="arn:aws:sns:eu-west-1:123456789012:ses-events")
    for evil in EVIL:
        forged = post({"Type": "Notification", "TopicArn": settings.topic_arn, name: evil})
        assert kind.confirmation_url(forged) == ""
        assert all(map(_is_clean, kind.parse(forged)))
        with pytest.raises(RefusedPostError):
            kind.verify(forged, kind.credentials(), settings, now=NOW)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("body", [b"", b"{", DEEP, NESTED, b"\xff\xfe\x00", b"1" * 5_000 + b"x"])
def test_what_is_no_json_is_an_error_with_a_reason(kind: str, body: bytes) -> None:
    with pytest.raises(UnreadablePostError) as caught:
        WEBHOOKS[kind].parse(post(body))
    assert caught.value.reason.code == "webhook.not_json"


@pytest.mark.parametrize("kind", ALL)
def test_an_event_that_nobody_has_seen_is_unknown(kind: str) -> None:
    name = {
        "amazon_ses": {"eventType": "Moved"},
        "mailgun": {"event-data": {"event": "moved"}},
        "postmark": {"RecordType": "Moved"},
        "resend": {"type": "email.moved"},
        "sparkpost": {"msys": {"new_event": {"type": "moved"}}},
    }.get(kind, {"event": "moved"})
    assert [found.kind for found in _parsed(kind, name)] == ["unknown"]


@pytest.mark.parametrize("kind", ALL)
def test_a_list_where_one_event_is_expected_is_read_and_the_other_way_round(kind: str) -> None:
    if kind == "amazon_ses":
        events = WEBHOOKS[kind].parse(post([SAMPLES[kind]] * 2))  # raw
    else:
        events = _parsed(kind, [SAMPLES[kind]] * 2)
    assert [found.reply_class for found in events] == ["hard", "hard"]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000, "-1", "0", "253402300800"]
)
def test_a_time_out_of_range_becomes_the_time_of_receipt(number: str) -> None:
    body = b'[{"event": "delivered", "timestamp": %s}]' % number.encode()
    [found] = WEBHOOKS["sendgrid"].parse(post(body))
    assert (found.kind, found.at) == ("delivered", NOW)


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ("2026-11-20T09:00:00+02:00", NOW - timedelta(hours=2)),
        (
            "2026-11-20T08:00:00.1234567Z",
            NOW - timedelta(minutes=59, seconds=59, microseconds=876544),
        ),
        ("2026-11-20T08:00:00", NOW - timedelta(hours=1)),
        ("2026-11-21T08:00:00Z", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        ("9999-12-31T23:59:59-14:00", NOW),
        ("yesterday", NOW),
        (1795161600, datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        ("1795161600000", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        (None, NOW),
    ],
)
def test_times_are_read_in_every_form(written: object, due: datetime) -> None:
    assert reading.moment(written, NOW) == due


def test_of_keys_that_occur_twice_the_last_one_counts() -> None:
    [found] = WEBHOOKS["brevo"].parse(post(b'{"event": "spam", "event": "delivered"}'))
    assert found.kind == "delivered"


def test_the_charset_of_the_headers_is_not_believed() -> None:
    body = '{"event": "delivered", "email": "jürgen@example.com"}'.encode()
    for charset in ("iso-8859-1", "utf-16", "none"):
        header = {"content-type": f"application/json; charset={charset}"}
        [found] = WEBHOOKS["brevo"].parse(post(body, header))
        assert found.recipient == "jürgen@example.com"
    [found] = WEBHOOKS["brevo"].parse(post(body.replace("ü".encode(), b"\xfc")))
    assert found.recipient == "j\ufffdrgen@example.com"
    [found] = WEBHOOKS["brevo"].parse(post(b"\xef\xbb\xbf" + body))
    assert found.kind == "delivered"


def test_nul_bytes_and_lone_surrogates_are_taken_out() -> None:
    event = {"event": "hard_bounce", "reason": "550 \x00no\ud83d such\nuser", "email": "a\x00@b"}
    [found] = _parsed("brevo", event)
    assert (found.reply, found.recipient) == ("550 no such user", "a @b")


def test_a_thousand_events_are_read_quickly() -> None:
    body = json.dumps([SAMPLES["sendgrid"]] * 1_000).encode()
    began = time.process_time()
    assert len(WEBHOOKS["sendgrid"].parse(post(body))) == 1_000
    assert time.process_time() - began < 1


def test_a_post_of_ten_megabytes_is_read_up_to_a_number_of_events() -> None:
    body = b"[" + b",".join([b"{}"] * 100_000) + b"]"
    with pytest.raises(UnreadablePostError) as caught:
        WEBHOOKS["sendgrid"].parse(post(body))
    assert caught.value.reason.code == "webhook.too_many_events"
    long = json.dumps([{"event": "delivered", "response": "x" * 10_000_000}]).encode()
    [found] = WEBHOOKS["sendgrid"].parse(post(long))
    assert found.reply == "x" * MAX_REPLY


def _multipart(name: str, value: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value + b"\r\n"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"event=opened&recipient=ada%40example.com", "application/x-www-form-urlencoded"),
        (
            _multipart("event", b"opened")
            + _multipart('file"; filename="event', b"no")
            + _multipart("recipient", b"ada@example.com")
            + b"--x--\r\n",
            'multipart/form-data; boundary="x"',
        ),
    ],
)
def test_forms_are_read(body: bytes, content_type: str) -> None:
    [found] = WEBHOOKS["mailgun"].parse(post(body, {"content-type": content_type}))
    assert (found.kind, found.recipient) == ("opened", "ada@example.com")


def test_a_form_without_end_is_no_trouble() -> None:
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    part = _multipart("event", b"opened")
    for body in (part, part * 5_000, b"--x", b"--x--", b"\x00" * 1_000, b""):
        assert all(map(_is_clean, WEBHOOKS["mailgun"].parse(post(body, multipart))))
    encoded = {"content-type": "application/x-www-form-urlencoded"}
    with pytest.raises(UnreadablePostError):
        WEBHOOKS["mailgun"].parse(post(b"a=1&" * 5_000, encoded))
