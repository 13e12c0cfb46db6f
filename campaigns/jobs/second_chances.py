"""The old path of `campaigns.jobs.resend`, for jobs queued by the previous version."""

from campaigns.jobs.resend import carry_on

__all__ = ["carry_on"]
