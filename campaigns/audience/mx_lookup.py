"""Find the mailbox group of each recipient domain, from a table or by DNS.

Domains are looked up in the background, a few at a time, and kept for a week; never during an
import or a campaign.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import dns.exception
import dns.resolver
import sqlalchemy as sa

from campaigns.audience.mailbox_providers import KNOWN_DOMAINS, OTHER, group_of_servers
from campaigns.audience.models import MailDomain, Subscriber
from campaigns.db import db, insert_ignoring, upsert

KEPT = timedelta(days=7)
AGAIN_AFTER_FAILURE = timedelta(hours=1)
LOOK_UP_SECONDS = 3.0

MailServers = Callable[[str], Sequence[str] | None]
"""Looks up the mail servers of a domain, preferred first. None: no answer."""


def ask_dns(domain: str) -> Sequence[str] | None:
    """Return the mail servers of a domain; empty if it has none, None if DNS failed."""
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=LOOK_UP_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError, UnicodeError):
        return None
    return [str(record.exchange) for record in sorted(answer, key=lambda found: found.preference)]


def add_known() -> None:
    """Store the large mailbox providers, whose domains need no lookup."""
    rows = [
        {"domain": domain, "mailbox_group": group, "looked_up_at": None}
        for domain, group in KNOWN_DOMAINS.items()
    ]
    db.session.execute(insert_ignoring(MailDomain), rows)


def is_any_known_missing() -> bool:
    """Return whether a well-known domain is missing from the table."""
    there = sa.select(sa.func.count()).where(MailDomain.domain.in_(KNOWN_DOMAINS))
    return (db.session.scalar(there) or 0) < len(KNOWN_DOMAINS)


def to_look_up(limit: int, *, now: datetime) -> list[str]:
    """Return domains never looked up, then those looked up more than a week ago."""
    # Skips from domain to domain by the index: as many steps as domains, not people.
    first = sa.select(sa.func.min(Subscriber.domain).label("domain")).cte("step", recursive=True)
    following = (
        sa.select(sa.func.min(Subscriber.domain))
        .where(Subscriber.domain > first.c.domain)
        .scalar_subquery()
    )
    step = first.union_all(sa.select(following).where(first.c.domain.is_not(None)))
    is_there = sa.exists().where(MailDomain.domain == step.c.domain)
    new = db.session.scalars(
        sa.select(step.c.domain).where(step.c.domain.is_not(None), ~is_there).limit(limit)
    ).all()
    if len(new) == limit:
        return list(new)
    old = db.session.scalars(
        sa.select(MailDomain.domain)
        .where(MailDomain.looked_up_at < now - KEPT)
        .order_by(MailDomain.looked_up_at)
        .limit(limit - len(new))
    )
    return [*new, *old]


def note(found: Sequence[tuple[str, Sequence[str] | None]], *, now: datetime) -> None:
    """Store the results. Domains without an answer are looked up again in an hour."""
    rows = [
        {
            "domain": domain,
            "mailbox_group": group_of_servers(hosts or ()),
            "looked_up_at": now if hosts is not None else now - KEPT + AGAIN_AFTER_FAILURE,
        }
        for domain, hosts in found
    ]
    if not rows:
        return
    statement = upsert(MailDomain)
    answered = sa.or_(MailDomain.mailbox_group == OTHER, statement.excluded.looked_up_at == now)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["domain"],
            set_={
                # Without an answer, a known domain keeps its group.
                "mailbox_group": sa.case(
                    (answered, statement.excluded.mailbox_group), else_=MailDomain.mailbox_group
                ),
                "looked_up_at": statement.excluded.looked_up_at,
            },
        ),
        rows,
    )
