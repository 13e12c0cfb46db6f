"""The plan of an account, as the database has it now."""

from datetime import datetime

from campaigns.accounts import service as accounts
from campaigns.db import db
from campaigns.providers.models import ProviderAccount
from campaigns.sending.limits.plan import Plan, Windows


def load_plan(provider_id: int, *, now: datetime, pace_per_second: float = 0.0) -> Plan:
    """The plan for one account, and for a campaign of this pace through it.

    A few look-ups by key: to be loaded anew for each slice, so that what people change and what
    servers say is heeded at once.
    """
    account = db.session.get_one(ProviderAccount, provider_id)
    return Plan(
        name=account.name,
        windows=Windows(second=account.per_second, day=account.per_day),
        pace_per_second=pace_per_second,
        zone=accounts.time_zone(),
    )
