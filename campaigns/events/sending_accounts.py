"""The accounts that campaigns were sent through."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign.models import Campaign
from campaigns.db import db


class SendingAccounts:
    """The accounts that campaigns were sent through, one after the other."""

    def __init__(self, campaign_ids: Iterable[int]) -> None:
        rows = db.session.execute(
            sa.select(Campaign.id, Campaign.provider_id, Campaign.earlier_senders).where(
                Campaign.id.in_(sorted(campaign_ids))
            )
        )
        self._last: dict[int, int] = {}
        self._earlier: dict[int, list[tuple[datetime, int]]] = {}
        for campaign_id, account_id, earlier in rows:
            self._last[campaign_id] = account_id or 0
            self._earlier[campaign_id] = [
                (datetime.fromisoformat(one["until"]), one["provider_id"] or 0) for one in earlier
            ]

    def at(self, campaign_id: int, at: datetime) -> int:
        """Return the account in use then; 0 if it is unknown."""
        for until, account_id in self._earlier.get(campaign_id, ()):
            if at <= until:
                return account_id
        return self._last.get(campaign_id, 0)
