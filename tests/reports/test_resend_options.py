"""Deliveries that can be resent or retried, counted by kind."""

from datetime import UTC, datetime

from flask import Flask

from campaigns.campaign.models import HeldGroup
from campaigns.db import db, transaction
from campaigns.reports.resend_options import ResendOptions, UndecidedGroup, resend_options
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_each_kind_is_counted(app: Flask) -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, status="sent")
        other = a_campaign(news, status="sent")
        for number, (status, reason, group) in enumerate(
            [
                ("sent", "", "other"),
                ("skipped", "suppressed", "other"),
                ("unknown", "no_answer", "other"),
                ("unknown", "lost_worker", "other"),
                ("unknown", "left", "other"),
                ("failed", "gave_up", "other"),
                ("failed", "refused", "other"),
                ("failed", "no_mailbox", "other"),
                ("failed", "disabled", "other"),
                ("cancelled", "cancelled", "other"),
                ("held", "blocked", "other"),
                ("held", "flood", "google"),
                ("held", "flood", "google"),
                ("held", "flood", "yahoo"),
                ("queued", "", "google"),
            ]
        ):
            person = a_subscriber(f"p{number}@news.example", news)
            outcome = {"status": status, "reason": reason, "mailbox_group": group}
            a_delivery(campaign, person, **outcome)
            a_delivery(other, person, status="queued")
        for group, decision in (("google", ""), ("yahoo", "gone")):
            db.session.add(
                HeldGroup(
                    campaign_id=campaign.id,
                    mailbox_group=group,
                    held_at=NOON,
                    words="550 unknown",
                    decision=decision,
                )
            )
    assert resend_options(campaign.id) == ResendOptions(
        unknown=2,
        left=1,
        failed=2,
        gone=2,
        cancelled=1,
        kept=1,
        floods=[UndecidedGroup("google", NOON, "550 unknown", held=2, waiting=1)],
    )
    assert resend_options(other.id) == ResendOptions(floods=[])
    assert not resend_options(other.id).is_any
