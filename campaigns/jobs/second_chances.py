"""The old path of `campaigns.jobs.resend`: jobs of the version before still name it."""

from campaigns.jobs.resend import carry_on

__all__ = ["carry_on"]
