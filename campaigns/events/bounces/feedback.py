"""Returned emails as `Feedback`, the value that webhooks produce too."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from campaigns.events.bounces.reading import classify
from campaigns.events.bounces.values import BounceVerdict, Kind, Report
from campaigns.events.feedback import MAX_REPLY, Feedback, FeedbackKind

_KINDS: dict[Kind, FeedbackKind] = {
    "bounce": "bounced",
    "complaint": "complained",
    "delay": "deferred",
    "auto-reply": "auto_reply",
    "delivered": "delivered",
    "unknown": "unknown",
}
_OLDEST = timedelta(days=30)
"""Earlier times are not believed: reports come within days."""


def feedback_of(raw: bytes, received_at: datetime) -> list[Feedback]:
    """Return what an email says, once for each recipient. Never fails, whatever it contains."""
    verdict = classify(raw)
    at = _time(verdict.sent_at, received_at)
    reports = verdict.reports or (Report(verdict.kind),)
    return [_feedback(verdict, report, at) for report in reports]


def _feedback(verdict: BounceVerdict, report: Report, at: datetime) -> Feedback:
    return Feedback(
        kind="unsubscribed" if verdict.is_unsubscribe else _KINDS[report.kind],
        at=at,
        token=verdict.tokens[0] if verdict.tokens else "",
        message_ids=verdict.message_ids,
        return_domain=verdict.return_domain,
        recipient=report.recipient,
        reply_class=report.reply_class,
        status=report.status,
        reply=report.reply[:MAX_REPLY],
        feedback_type=verdict.feedback_type,
        user_agent=verdict.user_agent,
        ip=verdict.ip,
    )


def _time(stated: str, received_at: datetime) -> datetime:
    """Return the time that a report states, if it can be true, else that of its receipt."""
    try:
        at = parsedate_to_datetime(stated[:100])
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return received_at
    return at if received_at - _OLDEST <= at <= received_at else received_at
