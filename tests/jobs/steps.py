"""Steps shared by tests of sending."""

import time
from typing import Any

from campaigns.campaign import lifecycle
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.jobs import runtime, send
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber
from tests.readback import campaign_status, delivery_counts
from tests.smtp_server import ScriptedServer


def launch(server: ScriptedServer, recipients: int = 5, **provider: Any) -> int:
    """Launch a campaign to this many recipients; return its id."""
    with transaction():
        news = a_list()
        for number in range(1, recipients + 1):
            a_subscriber(f"p{number}@example.org", news, name=f"P{number}")
        account = a_provider(port=server.port, **provider)
        campaign = a_campaign(news, sender=a_sender(provider=account))
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    return campaign.id


def run(campaign_id: int, seconds: float = 20) -> None:
    """Expand a campaign, and send in slices until nothing more can be done now."""
    send.expand(campaign_id)
    end = time.monotonic() + seconds
    while campaign_status(campaign_id) == "sending" and time.monotonic() < end:
        before = delivery_counts(campaign_id)
        send.send()
        if runtime.engine().is_idle and delivery_counts(campaign_id) == before:
            return
    wait_for_outcomes()


def wait_for_outcomes(seconds: float = 20) -> None:
    """Wait until the outcome of every claimed delivery is recorded."""
    end = time.monotonic() + seconds
    while not runtime.engine().is_idle and time.monotonic() < end:
        time.sleep(0.01)
    assert runtime.engine().is_idle


def send_until(expected: dict[str, int], seconds: float = 60) -> None:
    """Run slices of sending until the deliveries have these statuses."""
    end = time.monotonic() + seconds
    while delivery_counts() != expected and time.monotonic() < end:
        send.send()
        time.sleep(0.02)
    assert delivery_counts() == expected
    if not expected.keys() & {"queued", "sending"}:
        send.send()  # finishes the campaign
