"""Bounce tests: their tokens, and the bounces that came back from them."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.events.feedback import Feedback
from campaigns.events.models import BounceTest, Incoming
from campaigns.providers import return_domains
from campaigns.tokens import (
    FIRST_TEST_ID,
    BadTokenError,
    Signer,
    delivery_token,
    read_delivery_token,
)


def begin(account_id: int, sender: str, *, now: datetime) -> BounceTest:
    """Store a new test from this sender address."""
    test = BounceTest(account_id=account_id, domain=return_domains.domain_of(sender), sent_at=now)
    db.session.add(test)
    db.session.flush()
    return test


def token_of(test: BounceTest, signer: Signer) -> str:
    """Return the token in its email."""
    return delivery_token(signer, FIRST_TEST_ID + test.id)


def find(token: str, account_id: int, signer: Signer) -> BounceTest | None:
    """Return the test of an account with this token; None if there is none."""
    try:
        number = read_delivery_token(signer, token) - FIRST_TEST_ID
    except BadTokenError:
        return None
    test = db.session.get(BounceTest, number) if number > 0 else None
    return test if test is not None and test.account_id == account_id else None


def note(number: int, feedback: Feedback, incoming: Incoming, *, now: datetime) -> int | None:
    """Note what came back from a test; returns the account. `number`: the id in its token.

    A bounce that came by email to the return path proves that its domain leads to us.
    """
    test = db.session.get(BounceTest, number - FIRST_TEST_ID, populate_existing=True)
    if test is None:
        return None
    if feedback.kind == "bounced" and _is_first(test, incoming):
        is_at_return_path = incoming.channel == "email" and feedback.return_domain == test.domain
        if is_at_return_path and test.domain:
            return_domains.prove(
                test.account_id,
                test.domain,
                source=incoming.source,
                mailbox_id=incoming.endpoint_id,
                now=now,
            )
    return test.account_id


def _is_first(test: BounceTest, incoming: Incoming) -> bool:
    """Note the bounce of a test, unless another one came before. Replays prove nothing."""
    noted = db.session.execute(
        sa.update(BounceTest)
        .where(BounceTest.id == test.id, BounceTest.returned_at.is_(None))
        .values(returned_at=incoming.received_at, incoming_id=incoming.id)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(noted) == 1
