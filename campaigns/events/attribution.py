"""Attribute what comes back to provider accounts, whichever way it came.

A mail server hands over the emails of all accounts together. The token identifies the delivery,
and so the account; without one, the domain of the return address may.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import db, upsert
from campaigns.events import bounce_tests
from campaigns.events.feedback import Feedback
from campaigns.events.models import AccountFeedback, Incoming
from campaigns.events.sending_accounts import SendingAccounts
from campaigns.providers import return_domains
from campaigns.providers.models import ProviderAccount
from campaigns.tokens import FIRST_TEST_ID

NOTE_INTERVAL = timedelta(seconds=10)


def attribute(
    incoming: Incoming,
    signed: Collection[tuple[int, Feedback]],
    sent: Iterable[tuple[int, datetime]],
    *,
    now: datetime,
) -> None:
    """Note for the accounts concerned that something came back.

    `signed`: events with the id that their token contains, 0 without one of ours. `sent`: campaigns
    of the deliveries found, and when they were sent.
    """
    owners = _senders(sent)
    for number, feedback in signed:
        if number >= FIRST_TEST_ID and (
            account_id := bounce_tests.note(number, feedback, incoming, now=now)
        ):
            owners.add(account_id)
    if incoming.channel == "email":
        _attribute_email(incoming, signed, owners, now)
    _note(owners, now)


def _attribute_email(
    incoming: Incoming,
    signed: Collection[tuple[int, Feedback]],
    owners: set[int],
    now: datetime,
) -> None:
    """Find the account of an email, which may be about a delivery that was deleted since."""
    domains = {one.return_domain for number, one in signed if number and one.return_domain}
    return_domains.note_came(domains, now=now)
    if not owners:
        owners |= _by_domain(domains)
    if incoming.account_id is None:
        named = owners or _by_domain({one.return_domain for _, one in signed if one.return_domain})
        incoming.account_id = min(named, default=None)


def _senders(sent: Iterable[tuple[int, datetime]]) -> set[int]:
    """Return the accounts that these emails were sent through, without deleted ones."""
    found = set(sent)
    if not found:
        return set()
    accounts = SendingAccounts({campaign_id for campaign_id, _ in found})
    ids = {accounts.at(campaign_id, at) for campaign_id, at in found}
    return set(
        db.session.scalars(sa.select(ProviderAccount.id).where(ProviderAccount.id.in_(sorted(ids))))
    )


def _by_domain(domains: Collection[str]) -> set[int]:
    """Return the account that alone sends from these domains, if there is one."""
    if not domains:
        return set()
    found = return_domains.accounts_at(domains)
    return found if len(found) == 1 else set()


def _note(account_ids: Collection[int], now: datetime) -> None:
    """Note the time, unless this was just done: otherwise many jobs would wait for one row."""
    if not account_ids:
        return
    recent = set(
        db.session.scalars(
            sa.select(AccountFeedback.account_id).where(
                AccountFeedback.account_id.in_(sorted(account_ids)),
                AccountFeedback.last_at > now - NOTE_INTERVAL,
            )
        )
    )
    rows = [{"account_id": one, "last_at": now} for one in sorted(set(account_ids) - recent)]
    if rows:
        insert = upsert(AccountFeedback)
        db.session.connection().execute(
            insert.on_conflict_do_update(
                index_elements=["account_id"], set_={"last_at": insert.excluded.last_at}
            ),
            rows,
        )
