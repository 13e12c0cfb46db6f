"""Counts of reasons and servers' replies."""

from typing import Any

from flask import Flask

from campaigns.campaign.models import Reply
from campaigns.db import db, transaction
from campaigns.reports.replies import ReasonFigures, campaign_reasons, main_reason
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber


def test_reasons_are_counted_per_status_and_reply_with_the_most_frequent_first(app: Flask) -> None:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, status="sending")
        gone = Reply(digest="1", code=550, text="550 no such user {ref}")
        later = Reply(digest="2", code=451, text="451 try later")
        db.session.add_all([gone, later])
        db.session.flush()
        rows: list[dict[str, Any]] = [
            *[{"status": "failed", "reason": "refused", "reply_id": gone.id}] * 3,
            *[{"status": "queued", "reason": "deferred", "reply_id": later.id}] * 2,
            {"status": "skipped", "reason": "suppressed"},
            {"status": "sent", "reason": "", "reply_id": later.id},
            {"status": "queued", "reason": ""},
        ]
        for number, values in enumerate(rows):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news), **values)
    assert campaign_reasons(campaign.id) == [
        ReasonFigures("failed", "refused", gone.id, 550, "550 no such user {ref}", 3),
        ReasonFigures("queued", "deferred", later.id, 451, "451 try later", 2),
        ReasonFigures("skipped", "suppressed", None, 0, "", 1),
    ]
    assert len(campaign_reasons(campaign.id, limit=1)) == 1


def test_the_main_trouble_excludes_user_decisions() -> None:
    left = ReasonFigures("skipped", "unsubscribed", None, 0, "", 9)
    put_off = ReasonFigures("queued", "deferred", 1, 451, "451 try later", 7)
    refused = ReasonFigures("failed", "refused", 2, 550, "550 no such user", 2)
    assert main_reason([left, put_off, refused]) == put_off
    assert main_reason([left]) is None


def test_a_cancelled_campaign_still_shows_the_servers_replies() -> None:
    untried = ReasonFigures("cancelled", "cancelled", None, 0, "", 9)
    put_off = ReasonFigures("cancelled", "cancelled", 1, 451, "451 try later", 7)
    assert main_reason([untried, put_off]) == put_off
    assert main_reason([untried]) is None
