"""Judge the test groups of campaigns. Workers and the clock both call this."""

import time

import structlog

from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import canary
from campaigns.transactional import alerts

log = structlog.get_logger()

POLL_INTERVAL_SECONDS = 1.0
"""Interval between checks of the same campaign in one process, in seconds."""
_judged_at: dict[int, float] = {}


def judge_all() -> None:
    """Judge all test groups, including those whose worker is busy or gone."""
    for campaign_id in canary.under_way():
        _judge(campaign_id)


def judge(campaign: Campaign) -> None:
    """Judge the test group of a sending campaign, at most once per interval."""
    if campaign.canary_state not in canary.STAGES:
        _judged_at.pop(campaign.id, None)
    elif time.monotonic() - _judged_at.get(campaign.id, 0.0) >= POLL_INTERVAL_SECONDS:
        _judged_at[campaign.id] = time.monotonic()
        _judge(campaign.id)


def _judge(campaign_id: int) -> None:
    verdict = canary.judge(campaign_id, now=utcnow())
    if verdict is None:
        return
    emails: list[int] = []
    with transaction():
        changed = canary.act(campaign_id, verdict, now=utcnow())
        if changed and verdict.what == "stop":
            emails = _alert_owners(campaign_id)
    if changed:
        log.info("canary", campaign=campaign_id, verdict=verdict.what, why=verdict.reason)
        services().doorbell.ring("send")
    for mail_id in emails:
        services().doorbell.ring("transactional", mail_id)


def _alert_owners(campaign_id: int) -> list[int]:
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    base_url = services().settings.base_url.rstrip("/")
    report_url = f"{base_url}/campaigns/{campaign.public_id}/report"
    return alerts.alert_about_canary(campaign, report_url=report_url, now=utcnow())


def forget() -> None:
    """Reset the state, at the end of a worker and between tests."""
    _judged_at.clear()
