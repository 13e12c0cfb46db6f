"""W4: a server that says when to come back is retried then."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.delivery.retry import Limits, decide
from campaigns.providers.retry_after import LONGEST, requested_wait

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("450 4.2.0 Recipient address rejected: Greylisted, try again in 300 seconds", 300),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:38", 278),
        ("450 4.7.1 Greylisted for 5 minutes", 300),
        ("451 Temporarily greylisted. Please retry after 2 hours.", 7200),
        ("421 Too fast; back off 90s", 90),
        ("429 Too Many Requests\r\nRetry-After: 120", 120),
        ("421 Domain limit exceeded, try again after Sat, 21 Nov 2026 18:35:00 UTC", 35 * 60),
        ("421 try again after Sat, 21 Nov 2026 19:35:00 +0100", 35 * 60),
        ("450 Quota used up until 2026-11-21T18:10:00Z", 600),
        ("451 Wait 1 minute and try again", 60),
        # More than a day is probably misread; times in the past are ignored.
        ("451 try again in 999999 hours", LONGEST.total_seconds()),
        ("451 try again after Sat, 21 Nov 2026 17:00:00 UTC", 0),
        ("451 try again after Sat, 32 Nov 2026 17:00:00 UTC", 0),
        # Numbers with another meaning.
        ("451 4.3.2 Please try again later", 0),
        ("421 4.7.0 [192.0.2.1] Try again later, closing connection. 12si345", 0),
        ("452 4.2.2 Mailbox full, 300 seconds", 0),
        ("421 More than 30 messages in 60 seconds from you; try later", 0),
        ("450 4.7.1 try mx10, host 192.0.2.10 has room", 0),
        ("", 0),
    ],
)
def test_the_wait_that_a_reply_asks_for(text: str, seconds: float) -> None:
    assert requested_wait(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("reply_class", ["transient", "throttle", "mailbox_full"])
def test_a_retry_is_no_earlier_than_requested(reply_class: str) -> None:
    asked = timedelta(hours=5)
    verdict = decide(reply_class, 1, None, NOW, Limits(), asked=asked)  # type: ignore[arg-type]
    assert verdict.wait == asked
    sooner = decide(reply_class, 1, None, NOW, Limits(), asked=timedelta(seconds=1))  # type: ignore[arg-type]
    assert sooner.wait >= timedelta(minutes=5), "never sooner than our own wait"


def test_the_last_attempt_is_at_the_time_limit() -> None:
    verdict = decide(
        "transient", 1, NOW - timedelta(hours=47), NOW, Limits(), asked=timedelta(hours=5)
    )
    assert verdict.wait == timedelta(hours=1)
