"""Reply rules: adapt send rates to a server's replies.

A `RuleBook` finds the rule for each reply, before any transaction is open; `decide` is pure;
`apply` writes the effects to the database. "halve" is left to the limiter: see engine.limiter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import OTHER
from campaigns.db import db, insert_ignoring
from campaigns.providers.classify import is_about_mailbox
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import preset_of
from campaigns.providers.retry_after import requested_wait
from campaigns.providers.session_limits import is_about_session
from campaigns.reason import Reason
from campaigns.throttling import expressions, slowed_domains
from campaigns.throttling.builtin import RULES
from campaigns.throttling.models import GroupState, ReplyRule, RuleHits
from campaigns.throttling.rule import Rule

ACCOUNT = ""
LONGEST_QUOTE = 160
WINDOW = timedelta(hours=1)
_QUOTAS = frozenset(rule.key for rule in RULES if rule.is_quota)
_NOTES = {rule.key: rule.note for rule in RULES}


Reply = tuple[int, str, int]
"""A reply's code and text, and how many messages got it."""


@dataclass(frozen=True, slots=True)
class Action:
    """A rule that was triggered. `group` is '' for the whole account."""

    rule: Rule
    group: str
    quote: str
    count: int

    @property
    def why(self) -> Reason:
        """Return the rule's meaning and the server's reply."""
        return Reason("throttle.said", {"note": self.rule.note, "quote": self.quote})


@dataclass(frozen=True, slots=True)
class RuleDecision:
    """The result of reply rules for a batch of replies."""

    actions: list[Action]
    hits: dict[str, int]
    """Matches in this hour of each rule that needs several replies."""


class RuleBook:
    """The reply rules of one account, and the rule that each reply matches.

    `read` matches a reply and is called before a transaction opens, which then only uses the
    results.
    """

    def __init__(self, rules: Sequence[Rule], *, preset: str) -> None:
        self._rules = rules
        self._preset = preset
        self._fitting: dict[str, list[Rule]] = {}
        self._met: dict[tuple[str, str], Rule | None] = {}

    def read(self, group: str, code: int, text: str) -> None:
        """Match a reply of a mailbox group against the rules."""
        self.met_by(group, _whole(code, text))

    def met_by(self, group: str, reply: str) -> Rule | None:
        """Return the first rule that matches this reply, code included."""
        key = (group, reply)
        if key not in self._met:
            fitting = self._fitting_for(group)
            number = _first(tuple(rule.pattern for rule in fitting), reply)
            self._met[key] = None if number is None else fitting[number]
        return self._met[key]

    def _fitting_for(self, group: str) -> list[Rule]:
        if group not in self._fitting:
            self._fitting[group] = [
                rule for rule in self._rules if rule.fits(preset=self._preset, group=group)
            ]
        return self._fitting[group]


def open_book(provider_id: int) -> RuleBook:
    """Return the current rules of this account."""
    account = db.session.get_one(ProviderAccount, provider_id)
    return RuleBook(all_rules(), preset=preset_of(account))


def decide(
    book: RuleBook, replies: Iterable[Reply], *, group: str, hits: Mapping[str, int]
) -> RuleDecision:
    """Decide about these replies of one mailbox group. Each rule acts once.

    Skips replies about the session, which a new connection has already solved, and those about the
    recipient's own mailbox, which say nothing about other recipients.
    """
    met: dict[str, Action] = {}
    for code, text, count in replies:
        if is_about_session(text) or is_about_mailbox(code, text):
            continue
        reply = _whole(code, text)
        rule = book.met_by(group, reply)
        if rule is None:
            continue
        before = met[rule.key].count if rule.key in met else 0
        where = ACCOUNT if rule.whole_account else group
        met[rule.key] = Action(rule, where, _quote(reply), before + count)
    actions, waiting = [], {}
    for key, action in met.items():
        total = hits.get(key, 0) + action.count
        if total >= action.rule.per_hour:
            actions.append(action)
            if action.rule.per_hour > 1:
                waiting[key] = 0
        else:
            waiting[key] = total
    return RuleDecision(actions, waiting)


def apply(
    provider_id: int,
    group: str,
    replies: Sequence[Reply],
    *,
    now: datetime,
    domains: Mapping[tuple[int, str], Collection[str]] | None = None,
    book: RuleBook | None = None,
) -> list[Action]:
    """Apply the reply rules to the replies of one mailbox group. Returns the actions.

    `domains`: for the group "other", the domains that gave each (code, words). There a rule slows
    only these domains, never the group. `book` has read the replies already. The caller passes
    "halve" actions to the limiter, and pauses campaigns (`delivery.rule_pauses`).
    """
    if not replies:
        return []
    book = book or open_book(provider_id)
    decision = decide(book, replies, group=group, hits=_hits(provider_id, group, now))
    _remember_hits(provider_id, group, decision.hits, now)
    for action in decision.actions:
        if action.group == OTHER and action.rule.act in _SLOWING:
            _slow_domains(book, action, provider_id, domains or {}, now)
            continue
        if action.rule.act not in _CARRIED_OUT_BY_CALLERS:
            _change_state(_state(provider_id, action.group, now), action, now)
    return decision.actions


def all_rules() -> list[Rule]:
    """Return all rules: custom ones first, then built-in ones with their changes."""
    rows = db.session.scalars(sa.select(ReplyRule).order_by(ReplyRule.id)).all()
    changed = {row.key: rule_of(row) for row in rows if row.key}
    own = [rule_of(row) for row in rows if not row.key]
    return own + [changed.get(rule.key, rule) for rule in RULES]


def rule_of(row: ReplyRule) -> Rule:
    """Return the rule of a row; off, with the reason, if its expression cannot be used."""
    refused = expressions.why_refused(row.pattern)
    return Rule(
        key=row.key or row.public_id,
        note=_note_of(row),
        pattern=row.pattern,
        act=row.action,  # type: ignore[arg-type]  # the database checks it
        amount=row.amount,
        minutes=row.minutes,
        per_hour=row.per_hour,
        preset=row.preset,
        mailbox_group=row.mailbox_group,
        whole_account=row.whole_account,
        is_on=row.is_on and refused is None,
        refused=refused,
        is_quota=row.key in _QUOTAS,
    )


def _note_of(row: ReplyRule) -> Reason:
    """Return the note that users wrote; for a built-in rule without one, the built-in note."""
    if not row.note and row.key in _NOTES:
        return _NOTES[row.key]
    return Reason("throttle.own_note", {"text": row.note})


_SLOWING = frozenset({"slow", "halve", "at_once", "suspend"})
_CARRIED_OUT_BY_CALLERS = frozenset({"halve", "pause_campaign", "pause_provider"})


def _slow_domains(
    book: RuleBook,
    action: Action,
    provider_id: int,
    heard: Mapping[tuple[int, str], Collection[str]],
    now: datetime,
) -> None:
    """Pause the domains whose replies match this rule."""
    reasons = {
        domain: action.why.pack()
        for (code, text), domains in heard.items()
        if (met := book.met_by(OTHER, _whole(code, text))) and met.key == action.rule.key
        for domain in domains
    }
    wait = timedelta(minutes=action.rule.minutes if action.rule.act == "suspend" else 0)
    wait = max(wait, requested_wait(action.quote, now))
    slowed_domains.slow(provider_id, reasons, now=now, at_least=wait)


def _change_state(state: GroupState, action: Action, now: datetime) -> None:
    rule = action.rule
    state.why, state.changed_at = action.why.pack(), now
    # As long as the rule says, or longer if the server asks for it (rule W4).
    until = now + max(timedelta(minutes=rule.minutes), requested_wait(action.quote, now))
    if rule.act == "suspend":
        # A block that has not ended remains a block, whatever further replies say.
        was = state.suspended_until is not None and state.suspended_until > now
        state.is_quota = rule.is_quota and (state.is_quota or not was)
        state.suspended_until = max(until, state.suspended_until or until)
        if rule.amount:
            state.at_once, state.at_once_from = rule.amount, state.suspended_until
    elif rule.act == "at_once":
        state.at_once, state.at_once_from = rule.amount, now
    else:
        is_slower_already = state.slow_until is not None and state.slow_until > now
        state.slow_per_minute = (
            min(state.slow_per_minute, rule.amount) if is_slower_already else rule.amount
        )
        state.slow_until = max(until, state.slow_until or until)
    db.session.flush()


def _state(provider_id: int, group: str, now: datetime) -> GroupState:
    """Return the row of this group, locked; creates it if needed."""
    key = {"provider_id": provider_id, "mailbox_group": group}
    empty = {
        "is_quota": False, "slow_per_minute": 0, "at_once": 0, "why": "", "changed_at": now,
    }  # fmt: skip
    db.session.execute(insert_ignoring(GroupState).values(**key, **empty))
    return db.session.get_one(
        GroupState, (provider_id, group), with_for_update=True, populate_existing=True
    )


def _hits(provider_id: int, group: str, now: datetime) -> dict[str, int]:
    rows = db.session.execute(
        sa.select(RuleHits.rule, RuleHits.count).where(
            RuleHits.provider_id == provider_id,
            RuleHits.mailbox_group == group,
            RuleHits.since > now - WINDOW,
        )
    )
    return dict(iter(rows))


def _remember_hits(provider_id: int, group: str, hits: Mapping[str, int], now: datetime) -> None:
    for rule, count in hits.items():
        key = (provider_id, group, rule)
        row = db.session.get(RuleHits, key, with_for_update=True)
        if row is None:
            row = RuleHits(provider_id=provider_id, mailbox_group=group, rule=rule, since=now)
            db.session.add(row)
        elif row.since <= now - WINDOW:
            row.since = now
        row.count = count
    db.session.flush()


def _quote(reply: str) -> str:
    text = " ".join(reply.split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def _whole(code: int, text: str) -> str:
    return f"{code} {text}" if code else text


@lru_cache(maxsize=4096)
def _first(patterns: tuple[str, ...], reply: str) -> int | None:
    """Return the first pattern that occurs. Cached, as servers repeat their replies."""
    return next((n for n, one in enumerate(patterns) if expressions.find(one, reply)), None)
