"""Tell the owners by mail what cannot wait until they look: each thing once."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import User
from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign import drafts
from campaigns.campaign.models import Campaign
from campaigns.db import db
from campaigns.providers import health
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from campaigns.transactional import queue
from campaigns.wording import Words

MOST_NAMED = 20
"""How many campaigns an alert about a restore names."""
AT_MOST_EVERY = timedelta(hours=1)
"""An account that comes and goes is told of once in this time."""

_LINK_START = re.compile(r"(:|\bwww)(//|\.(?=\w))", re.IGNORECASE)


def alert_owners(provider_id: int, *, now: datetime, is_permanent: bool = False) -> list[int]:
    """Write to every owner if the account is given up for now; ids to ring "transactional" for.

    Only another account can carry the mail. Where there is none, the banner on every page that
    has to do with it must do.
    """
    account = db.session.get_one(ProviderAccount, provider_id, with_for_update=True)
    is_down = health.is_open(account) or is_permanent
    sender = _another_way_out(provider_id)
    if not is_down or sender is None or _is_told(account, now):
        return []
    account.alerted_at = now
    subject = f"{account.name} does not take mail"
    return _write(subject, _text(account, is_permanent=is_permanent), sender, now)


def tell_of_canary(campaign: Campaign, *, report_url: str, now: datetime) -> list[int]:
    """Write to every owner that a campaign stands because its first mails went badly.

    For whoever has just stopped it, in the same transaction: so they are told once. Ids to ring
    "transactional" for. By another account than the campaign's where there is one that works: it
    may be this one that is refused.
    """
    title = drafts.title_of(campaign)
    sender = _another_way_out(campaign.provider_id) or db.session.get(
        SenderAddress, campaign.sender_id or 0
    )
    text = (
        f"The first mails of “{title}” did not go so well that the others could follow.\n\n"
        f"{_quoted(_said(campaign.canary_words))}\n\n"
        f"Look at its report, then let it go on anyway or cancel the rest:\n{report_url}"
    )
    return _write(f"“{title}” waits for your decision", text, sender, now)


def _said(stored: str) -> str:
    reason = Reason.unpack(stored)
    return Words(zone=workspace_zone()).of(reason) if reason else ""


def _quoted(words: str) -> str:
    """Words of a mail server: mail programs must not make links of them."""
    return _LINK_START.sub(lambda found: found[1] + " " + found[2], words)


def tell_of_restore(
    campaigns: Sequence[int], emails: int, *, base_url: str, now: datetime
) -> list[int]:
    """Write to every owner what is on hold because the database was restored.

    `campaigns`: their ids. `emails`: how many emails to single people.

    For whoever has just held it, in the same transaction. Ids to ring "transactional" for.
    """
    text = (
        "Campaigns uses a database that was restored from a backup. Emails sent after that backup"
        " are not recorded in it, so some people may have an email already that is still listed"
        f" as waiting.\n\nOn hold, until you decide:\n\n{_held(campaigns, emails)}\n\n"
        "Campaigns scheduled for later keep their time. If you sent or moved one of them after the"
        f" backup, change it in the calendar.\n\nDecide on the home page:\n{base_url}/"
    )
    return _write("Your emails need a decision after a restore", text, None, now)


def _held(campaigns: Sequence[int], emails: int) -> str:
    named = campaigns[:MOST_NAMED]
    found = db.session.scalars(
        sa.select(Campaign).where(Campaign.id.in_(named)).order_by(Campaign.id)
    )
    lines = [f"- “{drafts.title_of(campaign)}”" for campaign in found]
    if more := len(campaigns) - len(named):
        lines.append(f"- {more:,} more campaign{'s' if more > 1 else ''}")
    if emails:
        lines.append(f"- {emails:,} single email{'s' if emails > 1 else ''}, such as confirmations")
    return "\n".join(lines)


def _write(subject: str, text: str, sender: SenderAddress | None, now: datetime) -> list[int]:
    """`sender`: None is the usual one."""
    payload: dict[str, Any] = {"subject": subject, "text": text}
    if sender is not None:
        payload["sender_id"] = sender.id
    addresses = db.session.scalars(sa.select(User.address).order_by(User.id)).all()
    return [queue.enqueue("alert", address, payload, now=now).id for address in addresses]


def _is_told(account: ProviderAccount, now: datetime) -> bool:
    told = account.alerted_at
    if told is None:
        return False
    return told >= (account.trouble_at or now) or told > now - AT_MOST_EVERY


def _another_way_out(provider_id: int | None) -> SenderAddress | None:
    """A sender address whose account works."""
    return db.session.scalar(
        sa.select(SenderAddress)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(SenderAddress.provider_id != provider_id, ProviderAccount.trouble_count == 0)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )


def _text(account: ProviderAccount, *, is_permanent: bool) -> str:
    what_next = (
        "Its campaigns are paused. Mend the settings of the account, then resume them."
        if is_permanent
        else "It is tried again by single messages, every quarter of an hour at the latest. As"
        " soon as one is taken, everything goes on by itself; nobody is left out."
    )
    trouble = _quoted(_said(account.trouble))
    return f"The account “{account.name}” does not work:\n\n{trouble}\n\n{what_next}"
