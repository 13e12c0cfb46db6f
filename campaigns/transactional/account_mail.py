"""Emails to users: a link to reset a password, a notice of a changed one."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.db import db
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail


def request_reset(address: str, *, now: datetime) -> TransactionalEmail:
    """Queue the email with the link, for an address that may have no account.

    The account is looked up when the email is sent. So the request takes the same time for every
    address, and the token is created as late as possible.
    """
    return queue.enqueue("password_reset", address, {}, now=now)


def password_changed(address: str, *, now: datetime) -> TransactionalEmail:
    """Queue the notice that the password of this account was changed."""
    return queue.enqueue("password_changed", address, {}, now=now)


def working_sender() -> SenderAddress | None:
    """Return the sender address for such emails: the default one, else any whose account works.

    None if no account works now.
    """
    return db.session.scalar(
        sa.select(SenderAddress)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .where(ProviderAccount.trouble_count == 0)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )
