"""Change consent, and write a ConsentEvent in the same transaction.

States: `request` makes a subscription pending, `confirm` turns pending into subscribed,
`subscribe` subscribes at once, `unsubscribe` ends it. Each changes only rows in the expected state,
so that concurrent or repeated calls count once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.db import db, rows_given, upsert
from campaigns.reason import ReasonError


class ConsentError(ReasonError):
    """This subscription is not allowed."""


class LeftThemselvesError(ConsentError):
    """The person unsubscribed, and must ask to come back."""

    def __init__(self) -> None:
        super().__init__("audience.left_themselves")


class SuppressedError(ConsentError):
    """The address is suppressed: it gets nothing, whatever list it is on."""

    def __init__(self) -> None:
        super().__init__("audience.suppressed")


class ListArchivedError(ConsentError):
    """The list is archived: only people who are or were on it can still come back themselves."""

    def __init__(self) -> None:
        super().__init__("audience.list_archived")


def state(list_id: int, subscriber_id: int) -> str | None:
    """Return pending, subscribed or unsubscribed; None if never on the list."""
    return db.session.scalar(
        sa.select(Subscription.state).where(
            Subscription.list_id == list_id, Subscription.subscriber_id == subscriber_id
        )
    )


def request(list_id: int, subscriber_id: int, evidence: ConsentEvidence) -> bool:
    """Record a request to join a list, which must still be confirmed by email.

    Makes the subscription pending and records when the confirmation was requested. Returns False,
    changing nothing, if the person is already subscribed.
    """
    insert = upsert(Subscription).values(
        list_id=list_id,
        subscriber_id=subscriber_id,
        state="pending",
        state_at=evidence.at,
        source=evidence.channel,
        confirm_sent_at=evidence.at,
    )
    was_pending = Subscription.state == "pending"
    statement = insert.on_conflict_do_update(
        index_elements=["list_id", "subscriber_id"],
        set_={
            "state": "pending",
            # A repeated request does not reset the age of the first.
            "state_at": sa.case((was_pending, Subscription.state_at), else_=evidence.at),
            "confirm_sent_at": evidence.at,
        },
        where=Subscription.state != "subscribed",
    ).returning(Subscription.list_id)
    if not _changed(statement):
        return False
    _record("requested", [(list_id, subscriber_id)], evidence)
    return True


def confirm(list_id: int, subscriber_id: int, evidence: ConsentEvidence) -> bool:
    """Turn pending into subscribed, after a click on the confirmation button.

    Returns whether this call did it; if not, see `state`.
    """
    statement = (
        sa.update(Subscription)
        .where(
            Subscription.list_id == list_id,
            Subscription.subscriber_id == subscriber_id,
            Subscription.state == "pending",
        )
        .values(state="subscribed", state_at=evidence.at)
        .returning(Subscription.list_id)
    )
    if not _changed(statement):
        return False
    _record("confirmed", [(list_id, subscriber_id)], evidence)
    return True


def subscribe(
    list_id: int,
    subscriber_id: int,
    evidence: ConsentEvidence,
    *,
    asked_to_come_back: bool = False,
) -> bool:
    """Subscribe at once, without a confirmation email. Returns whether this call did it.

    When it is not the person who acts (channel manual or import), an archived list is refused
    (ListArchivedError), a suppressed address (SuppressedError), and one that unsubscribed itself
    (LeftThemselvesError) unless `asked_to_come_back` vouches for their wish.
    """
    if not evidence.is_by_the_person:
        _refuse_archived(list_id)
        if suppressed_of([subscriber_id]):
            raise SuppressedError
        if not asked_to_come_back and unsubscribed_themselves([list_id], [subscriber_id]):
            raise LeftThemselvesError
    return bool(_subscribe(list_id, [subscriber_id], evidence))


@dataclass(frozen=True, slots=True)
class BulkSubscribed:
    """The outcome for many subscribers. The four numbers add up to the total."""

    subscribed: int
    already: int
    left_themselves: int
    suppressed: int
    people: tuple[int, ...] = field(default=(), compare=False)
    """The ids of those whom this call subscribed."""


def subscribe_many(
    list_id: int, subscriber_ids: Collection[int], evidence: ConsentEvidence
) -> BulkSubscribed:
    """Subscribe many manually, except those who are suppressed or unsubscribed on their own.

    At most a few thousand ids, as they are part of one statement. Raises ListArchivedError.
    """
    _refuse_archived(list_id)
    wanted = set(subscriber_ids)
    suppressed = suppressed_of(wanted)
    left = {subscriber for _, subscriber in unsubscribed_themselves([list_id], wanted)} - suppressed
    eligible = wanted - suppressed - left
    done = _subscribe(list_id, sorted(eligible), evidence)
    already = len(eligible) - len(done)
    return BulkSubscribed(len(done), already, len(left), len(suppressed), tuple(done))


def unsubscribe(
    list_ids: Collection[int] | None,
    subscriber_id: int,
    evidence: ConsentEvidence,
    *,
    campaign_id: int | None = None,
) -> list[int]:
    """End a subscriber's subscriptions to these lists, or (None) to all lists.

    Returns the ids of these lists. A second call changes and writes nothing.
    `campaign_id` names the campaign whose link was used.
    """
    if list_ids is None:
        left = _unsubscribe(_LEAVE_ALL, {"subscriber": subscriber_id, "at": evidence.at})
    else:
        list_ids = sorted(set(list_ids))
        left = _unsubscribe(
            _LEAVE, {"lists": list_ids, "subscriber": subscriber_id, "at": evidence.at}
        )
    if evidence.is_by_the_person:
        # A user had removed them already: from now on it is their own choice.
        also = _removed_by_users(subscriber_id, list_ids)
        _record("unsubscribed", also, evidence, campaign_id=campaign_id)
    _record("unsubscribed", left, evidence, campaign_id=campaign_id)
    return [list_id for list_id, _ in left]


def begun_before(list_ids: Collection[int], subscriber_id: int, at: datetime) -> list[int]:
    """Return those of these lists that the person is on, and was at that time."""
    return list(
        db.session.scalars(
            sa.select(Subscription.list_id).where(
                Subscription.list_id.in_(sorted(list_ids)),
                Subscription.subscriber_id == subscriber_id,
                Subscription.state != "unsubscribed",
                Subscription.state_at < at,
            )
        )
    )


def _removed_by_users(subscriber_id: int, list_ids: Sequence[int] | None) -> list[tuple[int, int]]:
    """Return the ended subscriptions whose newest end was the choice of a user."""
    statement = sa.select(Subscription.list_id).where(
        Subscription.subscriber_id == subscriber_id,
        Subscription.state == "unsubscribed",
        _newest_end() == "manual",
    )
    if list_ids is not None:
        statement = statement.where(Subscription.list_id.in_(list_ids))
    return [(list_id, subscriber_id) for list_id in db.session.scalars(statement)]


def unsubscribe_many(
    list_id: int, subscriber_ids: Collection[int], evidence: ConsentEvidence
) -> list[int]:
    """Unsubscribe many from one list; returns who was on it. At most a few thousand ids."""
    people = sorted(set(subscriber_ids))
    left = _unsubscribe(_LEAVE_MANY, {"list": list_id, "subscribers": people, "at": evidence.at})
    _record("unsubscribed", left, evidence)
    return [subscriber_id for _, subscriber_id in left]


def end_many(list_id: int, subscriber_ids: Collection[int], now: datetime) -> list[int]:
    """Unsubscribe thousands from a list; returns the ids of those this call unsubscribed.

    Writes no ConsentEvent: the calling import does.
    """
    if not subscriber_ids:
        return []
    given = rows_given([{"id": one} for one in sorted(subscriber_ids)], {"id": sa.BigInteger()})
    statement = (
        sa.update(Subscription)
        .where(
            Subscription.list_id == list_id,
            Subscription.subscriber_id.in_(sa.select(given.c.id)),
            Subscription.state != "unsubscribed",
        )
        .values(state="unsubscribed", state_at=now)
        .returning(Subscription.subscriber_id)
    )
    return sorted(_changed(statement))


def record_many(
    kind: str, list_id: int, subscriber_ids: Collection[int], evidence: ConsentEvidence
) -> None:
    """Write a ConsentEvent for each of these, whose subscriptions the caller has changed."""
    _record(kind, [(list_id, one) for one in sorted(subscriber_ids)], evidence)


def unsubscribed_themselves(
    list_ids: Collection[int], subscriber_ids: Collection[int]
) -> set[tuple[int, int]]:
    """Return (list id, subscriber id) of those who unsubscribed on their own.

    An ended subscription without a record of its end counts as their own choice.
    """
    rows = db.session.execute(
        sa.select(Subscription.list_id, Subscription.subscriber_id).where(
            Subscription.list_id.in_(sorted(list_ids)),
            Subscription.subscriber_id.in_(sorted(subscriber_ids)),
            Subscription.state == "unsubscribed",
            sa.func.coalesce(_newest_end(), "page") != "manual",
        )
    )
    return {(list_id, subscriber_id) for list_id, subscriber_id in rows}


def _newest_end() -> sa.ScalarSelect[str]:
    """Return the channel of the newest end of a `Subscription`."""
    return (
        sa.select(ConsentEvent.channel)
        .where(
            ConsentEvent.subscriber_id == Subscription.subscriber_id,
            ConsentEvent.list_id == Subscription.list_id,
            ConsentEvent.kind == "unsubscribed",
        )
        .order_by(ConsentEvent.id.desc())
        .limit(1)
        .correlate(Subscription)
        .scalar_subquery()
    )


def suppressed_of(subscriber_ids: Collection[int]) -> set[int]:
    """Return those of these subscribers whose address is suppressed."""
    return set(
        db.session.scalars(
            sa.select(Subscriber.id)
            .join(Suppression, Suppression.address_normal == Subscriber.address_normal)
            .where(Subscriber.id.in_(sorted(subscriber_ids)))
        )
    )


def _refuse_archived(list_id: int) -> None:
    archived_at = sa.select(AudienceList.archived_at).where(AudienceList.id == list_id)
    if db.session.scalar(archived_at) is not None:
        raise ListArchivedError


def _subscribe(list_id: int, subscriber_ids: Sequence[int], evidence: ConsentEvidence) -> list[int]:
    """Subscribe these to the list and record it; returns who was not on it before."""
    if not subscriber_ids:
        return []
    columns = {
        "list_id": sa.literal(list_id),
        "subscriber_id": Subscriber.id,
        "state": sa.literal("subscribed"),
        "state_at": sa.literal(evidence.at, Subscription.state_at.type),
        "source": sa.literal(evidence.channel),
    }
    given = rows_given([{"id": one} for one in subscriber_ids], {"id": sa.BigInteger()})
    insert = upsert(Subscription).from_select(
        list(columns),
        sa.select(*columns.values()).where(Subscriber.id.in_(sa.select(given.c.id))),
    )
    statement = insert.on_conflict_do_update(
        index_elements=["list_id", "subscriber_id"],
        set_={"state": "subscribed", "state_at": evidence.at, "source": evidence.channel},
        where=Subscription.state != "subscribed",
    ).returning(Subscription.subscriber_id)
    done = sorted(_changed(statement))
    _record("subscribed", [(list_id, one) for one in done], evidence)
    return done


_END = (
    sa.update(Subscription)
    .where(Subscription.state != "unsubscribed")
    .values(state="unsubscribed", state_at=sa.bindparam("at"))
    .returning(Subscription.list_id, Subscription.subscriber_id)
)
# Built once: one-click responses must be fast, and building these costs more than running them.
_LEAVE_ALL = _END.where(Subscription.subscriber_id == sa.bindparam("subscriber"))
_LEAVE = _LEAVE_ALL.where(Subscription.list_id.in_(sa.bindparam("lists", expanding=True)))
_LEAVE_MANY = _END.where(
    Subscription.list_id == sa.bindparam("list"),
    Subscription.subscriber_id.in_(sa.bindparam("subscribers", expanding=True)),
)


def _unsubscribe(statement: sa.Executable, values: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Run the statement; returns (list id, subscriber id) of the ended subscriptions."""
    rows = db.session.connection().execute(statement, values)
    left = sorted((list_id, subscriber_id) for list_id, subscriber_id in rows)
    _forget_loaded()
    return left


def _changed(statement: Any) -> list[int]:
    """Run a guarded statement; returns the column that it returns of each changed row."""
    found = list(db.session.scalars(statement, execution_options={"synchronize_session": False}))
    _forget_loaded()
    return found


def _forget_loaded() -> None:
    """Expire loaded subscriptions, as statements have changed their rows."""
    for thing in list(db.session.identity_map.values()):
        if isinstance(thing, Subscription):
            db.session.expire(thing)


def _record(
    kind: str,
    places: Sequence[tuple[int, int]],
    evidence: ConsentEvidence,
    *,
    campaign_id: int | None = None,
) -> None:
    """Write a ConsentEvent for each (list id, subscriber id)."""
    if not places:
        return
    shared = {"kind": kind, "campaign_id": campaign_id, **evidence.columns()}
    db.session.execute(
        sa.insert(ConsentEvent),
        [
            {"list_id": list_id, "subscriber_id": subscriber_id, **shared}
            for list_id, subscriber_id in places
        ],
    )
