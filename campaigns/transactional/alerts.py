"""Alerts to the owners by email, once per incident."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import User
from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign.models import Campaign
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.providers import health
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from campaigns.transactional import queue
from campaigns.wording import Words

MAX_NAMED = 20
"""Largest number of campaigns named in an alert about a restore."""
AT_MOST_EVERY = timedelta(hours=1)
"""Shortest time between two alerts about the same account."""

_LINK_START = re.compile(r"(:|\bwww)(//|\.(?=\w))", re.IGNORECASE)


def alert_owners(provider_id: int, *, now: datetime, is_permanent: bool = False) -> list[int]:
    """Alert every owner if the account does not work. Returns ids to ring "transactional" for.

    Only another account can send this email. Without one, there is only the banner on pages.
    """
    account = db.session.get_one(ProviderAccount, provider_id, with_for_update=True)
    is_down = health.is_open(account) or is_permanent
    sender = _other_sender(provider_id)
    if not is_down or sender is None or _is_alerted(account, now):
        return []
    account.alerted_at = now
    params = {"account": account.name, "trouble": _quoted(_said(account.trouble))}
    code = "alert.account_paused" if is_permanent else "alert.account_down"
    subject = Reason("alert.account_down_subject", {"account": account.name})
    return _write(subject, Reason(code, params), sender, now)


def alert_about_canary(campaign: Campaign, *, report_url: str, now: datetime) -> list[int]:
    """Alert every owner that a campaign stopped because of its test group.

    Call it in the transaction that stops the campaign, so that owners are alerted once. Returns ids
    to ring "transactional" for. Prefers a working account other than the campaign's, which may be
    the refused one.
    """
    title = _title(campaign)
    sender = _other_sender(campaign.provider_id) or db.session.get(
        SenderAddress, campaign.sender_id or 0
    )
    result = _quoted(_said(campaign.canary_words))
    params = {"title": title, "result": result, "link": report_url}
    subject = Reason("alert.test_group_subject", {"title": title})
    return _write(subject, Reason("alert.test_group", params), sender, now)


def alert_about_rates(account_id: int, rates: Sequence[Reason], *, now: datetime) -> list[int]:
    """Alert every owner that too many emails of an account bounced or were reported as spam.

    Returns ids to ring "transactional" for.
    """
    account = db.session.get(ProviderAccount, account_id)
    if account is None:
        return []
    words = _words()
    subject = Reason("alert.rate_subject", {"account": account.name})
    text = Reason("alert.rate", {"rates": "\n\n".join(words.of(one) for one in rates)})
    return _write(subject, text, _other_sender(account_id), now)


def _title(campaign: Campaign) -> str:
    return title_of(campaign.name, campaign.subject) or _words().sentence("alert.untitled")


def _words() -> Words:
    return Words(zone=workspace_zone())


def _said(stored: str) -> str:
    reason = Reason.unpack(stored)
    return _words().of(reason) if reason else ""


def _quoted(words: str) -> str:
    """Return a server's reply in a form that email clients do not turn into links."""
    return _LINK_START.sub(lambda found: found[1] + " " + found[2], words)


def alert_about_restore(
    campaigns: Sequence[int], emails: int, *, base_url: str, now: datetime
) -> list[int]:
    """Alert every owner to what is on hold after a restore of the database.

    `campaigns`: their ids. `emails`: number of emails to single people.

    Call it in the transaction that puts them on hold. Returns ids to ring "transactional" for.
    """
    params = {"held": _held(campaigns, emails), "link": f"{base_url}/"}
    subject = Reason("alert.restored_subject")
    return _write(subject, Reason("alert.restored", params), None, now)


def _held(campaigns: Sequence[int], emails: int) -> str:
    named = campaigns[:MAX_NAMED]
    found = db.session.scalars(
        sa.select(Campaign).where(Campaign.id.in_(named)).order_by(Campaign.id)
    )
    lines = [f"- “{_title(campaign)}”" for campaign in found]
    if more := len(campaigns) - len(named):
        lines.append(f"- {_words().sentence('alert.more_campaigns', {'count': more})}")
    if emails:
        lines.append(f"- {_words().sentence('alert.single_emails', {'count': emails})}")
    return "\n".join(lines)


def _write(subject: Reason, text: Reason, sender: SenderAddress | None, now: datetime) -> list[int]:
    """Queue an email to every owner. `sender`: None means the default one."""
    words = _words()
    payload: dict[str, Any] = {"subject": words.of(subject), "text": words.of(text)}
    if sender is not None:
        payload["sender_id"] = sender.id
    addresses = db.session.scalars(sa.select(User.address).order_by(User.id)).all()
    return [queue.enqueue("alert", address, payload, now=now).id for address in addresses]


def _is_alerted(account: ProviderAccount, now: datetime) -> bool:
    told = account.alerted_at
    if told is None:
        return False
    return told >= (account.trouble_at or now) or told > now - AT_MOST_EVERY


def _other_sender(provider_id: int | None) -> SenderAddress | None:
    """Return a sender address with another account that works."""
    return db.session.scalar(
        sa.select(SenderAddress)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(SenderAddress.provider_id != provider_id, ProviderAccount.trouble_count == 0)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )
