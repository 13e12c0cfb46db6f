"""Imports every model, so that the metadata is complete (for migrations and tests)."""

from campaigns.accounts import models as accounts
from campaigns.audience import models as audience
from campaigns.audience.bulk import models as bulk
from campaigns.audience.fields import models as fields
from campaigns.audience.segments import models as segments
from campaigns.campaign import models as campaign
from campaigns.content.library import models as content
from campaigns.db import Base
from campaigns.delivery import models as delivery
from campaigns.events import models as events
from campaigns.jobs import models as jobs
from campaigns.providers import models as providers
from campaigns.reports import models as reports
from campaigns.throttling import models as throttling
from campaigns.transactional import models as transactional

metadata = Base.metadata

__all__ = [
    "accounts",
    "audience",
    "bulk",
    "campaign",
    "content",
    "delivery",
    "events",
    "fields",
    "jobs",
    "metadata",
    "providers",
    "reports",
    "segments",
    "throttling",
    "transactional",
]
