"""The report of a campaign: progress and results, and the log of its deliveries."""

from campaigns.web.reports import campaign, delivery_log
from campaigns.web.reports.blueprint import bp

__all__ = ["bp", "campaign", "delivery_log"]
