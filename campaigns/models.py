"""Every model, imported once, so that the metadata is whole (for migrations and tests)."""

from campaigns.accounts import models as accounts
from campaigns.audience import models as audience
from campaigns.campaign import models as sending
from campaigns.db import Base
from campaigns.events import models as events
from campaigns.jobs import models as jobs
from campaigns.providers import models as providers
from campaigns.reports import models as reports
from campaigns.throttling import models as limits

metadata = Base.metadata

__all__ = [
    "accounts",
    "audience",
    "events",
    "jobs",
    "limits",
    "metadata",
    "providers",
    "reports",
    "sending",
]
