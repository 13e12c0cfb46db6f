"""Adapt campaigns, accounts and send rates to recorded outcomes."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import OTHER
from campaigns.campaign import lifecycle
from campaigns.campaign.models import UNDER_WAY, Campaign
from campaigns.db import db
from campaigns.delivery import refusal_spike, rule_pauses
from campaigns.delivery.outcomes import Recorded
from campaigns.delivery.retry import Limits, RecentResults, pause_for
from campaigns.engine.limiter import limiter
from campaigns.events import refusals
from campaigns.messages import SendResult
from campaigns.providers import health
from campaigns.providers.classify import ReplyClass
from campaigns.throttling import recording, slowed_domains
from campaigns.throttling.rules import ACCOUNT, Action, RuleBook, open_book

REMEMBERED = 500
"""Number of recent results of a campaign that are examined."""
MANY_DOMAINS = 5
"""Smallest number of domains throttling at the same time that slows the whole account."""
CLEANUP_INTERVAL_SECONDS = 600.0
"""Interval between checks for finished campaigns, in seconds."""


@dataclass(slots=True)
class LimiterUpdate:
    """What to tell the limiter after the commit, by mailbox group."""

    sent: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    actions: dict[str, list[Action]] = field(default_factory=dict)
    is_held: bool = False
    """A mailbox group is on hold: return the batch's waiting messages to the queue."""


class Judge:
    """Remembers and examines the last results of each campaign of this process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._last: dict[tuple[int, int], deque[ReplyClass | None]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )
        self._count: Counter[tuple[int, int]] = Counter()
        """By campaign and account: replies to one account say nothing about another."""
        self._recent: dict[tuple[int, str], refusal_spike.Recent] = defaultdict(
            lambda: refusal_spike.Recent(self._limits)
        )
        self._cleaned_at = time.monotonic()

    def apply(
        self,
        provider_id: int,
        campaign_id: int,
        recorded: Recorded,
        *,
        now: datetime,
        book: RuleBook | None = None,
    ) -> LimiterUpdate:
        """Act on recorded outcomes, in the transaction that records them.

        `book`: the reply rules, already matched against these replies (`rule_book`).
        """
        self._forget_finished()
        feedback = LimiterUpdate(sent=Counter(recorded.sent))
        refusals.bounce(campaign_id, recorded.bounced, now=now)
        for (group, reply_class), count in recorded.refused.items():
            if reply_class == "throttle" and group != OTHER:
                feedback.throttled[group] += count
        feedback.throttled[ACCOUNT] += self._slow_domains(provider_id, recorded, now)
        for group in sorted(recorded.sent.keys() | recorded.replies.keys()):
            replies = recorded.replies.get(group, Counter())
            feedback.actions[group] = recording.recorded(
                provider_id,
                group,
                sent=recorded.sent[group],
                replies=[(code, text, count) for (code, text), count in replies.items()],
                now=now,
                domains=recorded.domains,
                book=book,
            )
            rule_pauses.pause(feedback.actions[group], provider_id, campaign_id, now=now)
            if self._is_held(campaign_id, group, recorded, now):
                feedback.is_held = True
        self._stop_if_needed(provider_id, campaign_id, recorded, now)
        return feedback

    def _slow_domains(self, provider_id: int, recorded: Recorded, now: datetime) -> int:
        """Pause small domains that throttle; return how many replies concern the whole account.

        If many domains throttle at once, more than there are accepted messages, the cause is the
        account or its relay, not the domains.
        """
        throttled = len(recorded.throttled)
        taken = recorded.sent[OTHER]
        if throttled >= MANY_DOMAINS and throttled > taken:
            return recorded.throttled_account + throttled
        slowed_domains.slow(provider_id, recorded.throttled, now=now)
        return recorded.throttled_account

    def forget(self, campaign_id: int) -> None:
        """Forget the results of a campaign that was stopped or finished."""
        for key in [key for key in self._last if key[0] == campaign_id]:
            del self._last[key]
            self._count.pop(key, None)

    def _forget_finished(self) -> None:
        """Forget finished campaigns, so that memory does not grow."""
        if time.monotonic() - self._cleaned_at < CLEANUP_INTERVAL_SECONDS:
            return
        self._cleaned_at = time.monotonic()
        known = {campaign_id for campaign_id, _ in (*self._last, *self._recent)}
        going = sa.select(Campaign.id).where(
            Campaign.id.in_(sorted(known)), Campaign.status.in_(UNDER_WAY)
        )
        over = known - set(db.session.scalars(going))
        for campaign_id in over:
            self.forget(campaign_id)
        for key in [key for key in self._recent if key[0] in over]:
            del self._recent[key]

    def _is_held(self, campaign_id: int, group: str, recorded: Recorded, now: datetime) -> bool:
        """Hold a mailbox group that suddenly refuses too many addresses to be credible."""
        refused = sum(count for (name, _), count in recorded.refused.items() if name == group)
        gone = recorded.refused[group, "hard"]
        recent = self._recent[campaign_id, group]
        if not recent.add(gone, recorded.sent[group] + refused, now=now):
            return False
        since, words = recent.since() or now, recorded.words.get("hard", "")
        count = refusals.hold(campaign_id, group, since=since, words=words, now=now)
        recent.forget()  # not before: if this fails, it is tried again
        return count > 0

    def _stop_if_needed(
        self, provider_id: int, campaign_id: int, recorded: Recorded, now: datetime
    ) -> None:
        key = (campaign_id, provider_id)
        last = self._last[key]
        last.extend([None] * recorded.sent.total())
        for (_, reply_class), count in recorded.refused.items():
            last.extend([reply_class] * count)
        self._count[key] += recorded.sent.total() + recorded.refused.total()
        if not recorded.refused:
            return
        classes = Counter(reply_class for reply_class in last if reply_class is not None)
        tally = RecentResults(len(last), classes, self._count[key])
        pause = pause_for(tally, recorded.words, self._limits)
        if pause is None:
            return
        if pause.what == "provider":
            health.note_trouble(provider_id, pause.reason, now=now)
        lifecycle.pause(campaign_id, now=now, reason=pause.reason, through=provider_id)
        self.forget(campaign_id)


def rule_book(
    provider_id: int, told: Iterable[tuple[Mapping[int, str], Sequence[SendResult]]]
) -> RuleBook | None:
    """Return the reply rules, matched against all refusals and delays; None if there are none.

    Owners write these expressions, so they are matched before a transaction opens. `told`: the
    mailbox groups of a batch and its results.
    """
    replies = {
        (groups.get(result.delivery_id, ""), result.code, result.reply)
        for groups, results in told
        for result in results
        if result.outcome not in {"sent", "unknown"}
    }
    if not replies:
        return None
    book = open_book(provider_id)
    for group, code, text in replies:
        book.read(group, code, text)
    return book


def tell_limiter(provider_id: int, feedback: LimiterUpdate) -> None:
    """Tell the limiter to slow down for a server that throttles, and then to recover slowly."""
    if feedback.throttled[ACCOUNT]:
        limiter().feedback(provider_id, ACCOUNT, 0, feedback.throttled[ACCOUNT])
    for group, actions in feedback.actions.items():
        recording.tell(
            limiter(),
            provider_id,
            group,
            sent=feedback.sent[group],
            throttled=feedback.throttled[group],
            actions=actions,
        )
