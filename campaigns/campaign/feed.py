"""The data feed of a campaign: JSON from an address, shown as `{{ feed.<path> }}`.

It is fetched when its author asks for it, and once more at the launch; then it is kept with the
campaign, so that everyone gets the same. Fetching waits for a third-party server: never do it in
a transaction.
"""

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, CampaignFeed
from campaigns.db import db, rows_changed, upsert
from campaigns.providers import outgoing
from campaigns.reason import ReasonError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_URL = 2_000
_OK = 200
_REDIRECTS = range(300, 400)
_UNREACHABLE: dict[type[outgoing.OutgoingError], str] = {
    outgoing.NoSuchHostError: "feed.no_such_host",
    outgoing.InternalAddressError: "feed.internal_address",
    outgoing.UntrustedCertificateError: "feed.untrusted_certificate",
    outgoing.SilentServerError: "feed.too_slow",
}


class FeedError(ReasonError):
    """The feed cannot be used or fetched."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed of a campaign. `data` is None until it was fetched."""

    url: str
    data: dict[str, Any] | None
    fetched_at: datetime | None


# --- Fetch


def fetch(url: str, *, known_hosts: Collection[str] = ()) -> dict[str, Any]:
    """Return the data at an address; a list becomes `items`. Raises FeedError.

    `known_hosts` may have an internal address; they come from our code, never from users.
    """
    wrong = outgoing.why_not_usable(url)
    if wrong is not None:
        raise FeedError(wrong.code)
    try:
        answer = outgoing.get(url, most=MAX_BYTES + 1, known_hosts=known_hosts)
    except outgoing.OutgoingError as error:
        code = _UNREACHABLE.get(type(error), "feed.unreachable")
        raise FeedError(code, error=str(error)[:200]) from error
    if answer.status in _REDIRECTS:
        raise FeedError("feed.redirect")
    if answer.status != _OK:
        raise FeedError("feed.refused", status=str(answer.status))
    if len(answer.body) > MAX_BYTES:
        raise FeedError("feed.too_large", most_bytes=MAX_BYTES)
    if not _is_json(answer.content_type):
        raise FeedError("feed.wrong_type", type=answer.content_type[:60] or "–")
    return _data(answer.body)


def _is_json(content_type: str) -> bool:
    name = content_type.partition(";")[0].strip().lower()
    return name in {"application/json", "text/json"} or name.endswith("+json")


def _data(body: bytes) -> dict[str, Any]:
    try:
        found = _clean(json.loads(body, parse_constant=_refuse), MAX_DEPTH)
    except (ValueError, RecursionError):
        raise FeedError("feed.not_json") from None
    if isinstance(found, list):
        found = {"items": found}
    if not isinstance(found, dict):
        raise FeedError("feed.no_object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _clean(value: Any, depth: int) -> Any:
    """Return a value that every database can store.

    Raises ValueError if it is nested too deeply, or if a number is too large, such as 1e999.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("too large")
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list | dict) and not depth:
        raise ValueError("too deep")
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {_clean(name, 1): _clean(item, depth - 1) for name, item in value.items()}
    return value


# --- Keep


def of_campaign(campaign_id: int) -> Feed | None:
    """Return the feed of a campaign, if it has one."""
    row = db.session.execute(
        sa.select(CampaignFeed.url, CampaignFeed.data, CampaignFeed.fetched_at).where(
            CampaignFeed.campaign_id == campaign_id
        )
    ).one_or_none()
    return None if row is None else Feed(row.url, row.data, row.fetched_at)


def save(
    campaign_id: int,
    url: str,
    data: dict[str, Any] | None,
    *,
    editor_id: int | None = None,
    now: datetime,
) -> None:
    """Keep the data of a draft's feed; without a URL, remove the feed.

    Raises FeedError if the campaign is not a draft.
    """
    touched = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft")
        .values(version=Campaign.version + 1, updated_at=now, edited_by_id=editor_id)
        .returning(Campaign.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not touched:
        raise FeedError("feed.locked")
    db.session.expire_all()
    if url:
        values = {"url": url, "data": data, "fetched_at": now if data is not None else None}
        written = upsert(CampaignFeed).values(campaign_id=campaign_id, **values)
        db.session.execute(
            written.on_conflict_do_update(index_elements=["campaign_id"], set_=values)
        )
    else:
        db.session.execute(sa.delete(CampaignFeed).where(CampaignFeed.campaign_id == campaign_id))


def keep(campaign_id: int, url: str, data: dict[str, Any], *, status: str, now: datetime) -> bool:
    """Store what was fetched from this address for a campaign in this state.

    False: someone launched it or changed the address while the server answered, so that nothing is
    stored. Everyone gets the data of the launch.
    """
    locked = sa.select(Campaign.id).where(Campaign.id == campaign_id, Campaign.status == status)
    if db.session.scalar(locked.with_for_update()) is None:
        return False
    changed = db.session.execute(
        sa.update(CampaignFeed)
        .where(CampaignFeed.campaign_id == campaign_id, CampaignFeed.url == url)
        .values(data=data, fetched_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


def copy(from_id: int, to_id: int) -> None:
    """Give a campaign the feed of another one, to be fetched again."""
    known = of_campaign(from_id)
    if known is not None:
        db.session.add(CampaignFeed(campaign_id=to_id, url=known.url))
        db.session.flush()
