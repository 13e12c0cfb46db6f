"""Why email is waiting, in sentences."""

from datetime import timedelta

import pytest

from campaigns.clock import utcnow
from campaigns.reason import Reason
from campaigns.throttling import hold_reasons
from campaigns.throttling.plan import Plan
from tests.english import in_english


@pytest.mark.parametrize(
    ("why", "end"),
    [
        ("Refused", "Refused."),
        ("Refused.", "Refused."),
        ("Is the server running?", "Is the server running?"),
    ],
)
def test_a_sentence_ends_with_one_full_stop(why: str, end: str) -> None:
    now = utcnow()
    plan = Plan(name="Relay", why=Reason.unpack(why), suspended_until=now + timedelta(hours=1))
    reason = hold_reasons.why_waits(plan, "google", learned=False, due_at=None, now=now)
    assert in_english(reason).endswith(f". {end}")
    probing = hold_reasons.hold("probe", "google", plan, now, now=now).why
    assert f". {end} One email at a time" in in_english(probing)
