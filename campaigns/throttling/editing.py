"""Check and save limits, warm-ups and reply rules as typed by users."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa

from campaigns.audience.mailbox_providers import NAMES
from campaigns.db import db
from campaigns.inputs import FormInput, InvalidInputError, one_line
from campaigns.providers.presets import PRESETS
from campaigns.reason import Reason
from campaigns.throttling import expressions
from campaigns.throttling.builtin import RULES
from campaigns.throttling.models import GroupLimit, GroupState, ReplyRule, WarmUp
from campaigns.throttling.rule import Act, Rule
from campaigns.throttling.warm_up import DAYS, FIRST, LAST

MAX_PER_MINUTE = 6_000_000
MAX_AT_ONCE = 1_000
MAX_A_DAY = 100_000_000
MAX_DAYS = 365
MAX_MINUTES = 7 * 24 * 60
LONGEST_NOTE = 300
MAX_RULES = 100
"""Largest number of custom reply rules. Each is matched against every distinct reply."""


# --- mailbox groups ----------------------------------------------------------------------------


def save_group_limits(provider_id: int, typed: Mapping[str, tuple[str, str]]) -> None:
    """Save (emails per minute, at once) of each group; 0 is no limit. Raises InvalidInputError."""
    problems: dict[str, Reason] = {}
    for group, (per_minute, at_once) in typed.items():
        if group not in NAMES:
            continue
        minute = _number(per_minute, 0, MAX_PER_MINUTE, f"{group}.per_minute", problems)
        once = _number(at_once, 0, MAX_AT_ONCE, f"{group}.at_once", problems)
        row = db.session.get(GroupLimit, (provider_id, group))
        if not (minute or once):
            if row is not None:
                db.session.delete(row)
            continue
        if row is None:
            row = GroupLimit(provider_id=provider_id, mailbox_group=group)
            db.session.add(row)
        row.per_minute, row.at_once = minute, once
    if problems:
        raise InvalidInputError(problems)
    db.session.flush()


def group_limits(provider_id: int) -> dict[str, tuple[str, str]]:
    """Return the limits as `save_group_limits` takes them."""
    rows = db.session.scalars(sa.select(GroupLimit).where(GroupLimit.provider_id == provider_id))
    return {row.mailbox_group: (str(row.per_minute), str(row.at_once)) for row in rows}


def held_groups(provider_id: int) -> set[str]:
    """Return the groups that reply rules have slowed or paused, even if that has ended."""
    return set(
        db.session.scalars(
            sa.select(GroupState.mailbox_group).where(GroupState.provider_id == provider_id)
        )
    )


def forget_state(provider_id: int, group: str) -> None:
    """End the effects of reply rules on this group, because a user decided so."""
    db.session.execute(
        sa.delete(GroupState).where(
            GroupState.provider_id == provider_id, GroupState.mailbox_group == group
        )
    )


# --- warm-up ------------------------------------------------------------------------------------


class WarmUpInput(FormInput):
    """A warm-up as typed into the form."""

    first: str = str(FIRST)
    last: str = str(LAST)
    days: str = str(DAYS)
    steps: str = ""


def save_warm_up(provider_id: int, group: str, typed: WarmUpInput) -> None:
    """Begin a warm-up, or change its plan but not its day. Raises InvalidInputError."""
    problems: dict[str, Reason] = {}
    first = _number(typed.first, 1, MAX_A_DAY, "first", problems)
    last = _number(typed.last, 1, MAX_A_DAY, "last", problems)
    days = _number(typed.days, 2, MAX_DAYS, "days", problems)
    steps = _steps(typed.steps, problems)
    if group and group not in NAMES:
        problems["group"] = Reason("throttle.choose_group")
    if not problems and last < first:
        problems["last"] = Reason("throttle.last_day")
    if problems:
        raise InvalidInputError(problems)
    row = db.session.get(WarmUp, (provider_id, group))
    if row is None:
        row = WarmUp(provider_id=provider_id, mailbox_group=group, day=0)
        db.session.add(row)
    row.first, row.last, row.days, row.steps = first, last, days, steps
    db.session.flush()


def end_warm_up(provider_id: int, group: str) -> None:
    """End the warm-up of a mailbox group."""
    db.session.execute(
        sa.delete(WarmUp).where(WarmUp.provider_id == provider_id, WarmUp.mailbox_group == group)
    )


def _steps(text: str, problems: dict[str, Reason]) -> str:
    words = text.replace(",", " ").split()
    if all(_is_number(word) and 1 <= int(word) <= MAX_A_DAY for word in words):
        if len(words) <= MAX_DAYS:
            return " ".join(words)
        problems["steps"] = Reason("throttle.too_many_days", {"most": MAX_DAYS})
    else:
        problems["steps"] = Reason("throttle.steps")
    return ""


# --- reply rules ----------------------------------------------------------------------------------


class RuleInput(FormInput):
    """A reply rule as typed into the form."""

    note: str = ""
    pattern: str = ""
    act: str = "suspend"
    amount: str = "0"
    minutes: str = "60"
    per_hour: str = "0"
    preset: str = ""
    mailbox_group: str = ""
    whole_account: bool = False


def find_rule(key: str) -> tuple[Rule | None, ReplyRule | None]:
    """Return the rule with this key: a built-in one with the user's changes, or a custom one."""
    ours = next((rule for rule in RULES if rule.key == key), None)
    column = ReplyRule.key if ours else ReplyRule.public_id
    return ours, db.session.scalar(sa.select(ReplyRule).where(column == key))


def save_rule(key: str, typed: RuleInput, *, now: datetime) -> None:
    """Save the rule with this key; '' creates one. Raises InvalidInputError, LookupError.

    A built-in rule keeps its note, in the language of each user, if none is typed.
    """
    values = _checked_rule(typed, needs_note=all(rule.key != key for rule in RULES))
    row = _row_to_change(key, now)
    for name, value in values.items():
        setattr(row, name, value)
    db.session.add(row)
    db.session.flush()


def turn_rule(key: str, *, is_on: bool, now: datetime) -> None:
    """Turn a rule on or off. Raises LookupError, and InvalidInputError if it cannot be on."""
    row = _row_to_change(key, now)
    if is_on and (refused := expressions.why_refused(row.pattern)):
        raise InvalidInputError({"pattern": refused})
    row.is_on = is_on
    db.session.add(row)
    db.session.flush()


def delete_rule(key: str) -> None:
    """Delete a custom rule, or reset a built-in one. Raises LookupError."""
    ours, row = find_rule(key)
    if row is not None:
        db.session.delete(row)
        db.session.flush()
    elif ours is None:
        raise LookupError(key)


def _row_to_change(key: str, now: datetime) -> ReplyRule:
    if not key:
        _check_room()
        return ReplyRule(created_at=now)
    ours, row = find_rule(key)
    if row is not None:
        return row
    if ours is None:
        raise LookupError(key)
    return ReplyRule(
        key=key,
        note="",
        pattern=ours.pattern,
        preset=ours.preset,
        mailbox_group=ours.mailbox_group,
        action=ours.act,
        amount=ours.amount,
        minutes=ours.minutes,
        per_hour=ours.per_hour,
        whole_account=ours.whole_account,
        is_on=ours.is_on,
        created_at=now,
    )


def _check_room() -> None:
    own = db.session.scalar(
        sa.select(sa.func.count()).select_from(ReplyRule).where(ReplyRule.key.is_(None))
    )
    if (own or 0) >= MAX_RULES:
        problem = Reason("throttle.too_many_rules", {"most": MAX_RULES})
        raise InvalidInputError({"pattern": problem})


def _checked_rule(typed: RuleInput, *, needs_note: bool) -> dict[str, Any]:
    problems: dict[str, Reason] = {}
    values: dict[str, Any] = {
        "note": one_line(typed.note),
        "pattern": typed.pattern.strip(),
        "action": typed.act,
        "amount": _number(typed.amount, 0, MAX_PER_MINUTE, "amount", problems),
        "minutes": _number(typed.minutes, 0, MAX_MINUTES, "minutes", problems),
        "per_hour": _number(typed.per_hour, 0, 1_000_000, "per_hour", problems),
        "preset": typed.preset,
        "mailbox_group": typed.mailbox_group,
        "whole_account": typed.whole_account,
    }
    if len(values["note"]) > LONGEST_NOTE or (needs_note and not values["note"]):
        problems["note"] = Reason("throttle.note", {"most": LONGEST_NOTE})
    if reason := _why_not_pattern(values["pattern"]):
        problems["pattern"] = reason
    if typed.act not in get_args(Act):
        problems["act"] = Reason("throttle.choose_action")
    if typed.preset and typed.preset not in {preset.key for preset in PRESETS}:
        problems["preset"] = Reason("throttle.choose_preset")
    if typed.mailbox_group and typed.mailbox_group not in NAMES:
        problems["mailbox_group"] = Reason("throttle.choose_group")
    if typed.act in {"slow", "suspend"} and not values["minutes"]:
        problems.setdefault("minutes", Reason("throttle.no_minutes"))
    if typed.act in {"slow", "at_once"} and not values["amount"]:
        problems.setdefault("amount", Reason("throttle.no_amount"))
    if problems:
        raise InvalidInputError(problems)
    return values


def _why_not_pattern(pattern: str) -> Reason | None:
    """Return why this pattern cannot be used; None if it can."""
    if not pattern:
        return Reason("throttle.no_pattern")
    if refused := expressions.why_refused(pattern):
        return refused
    if expressions.find(pattern, ""):
        return Reason("throttle.fits_all")
    if all(expressions.find(pattern, code) for code in ("421", "550")):
        return Reason("throttle.fits_all_codes")
    return None


def _number(text: str, low: int, high: int, name: str, problems: dict[str, Reason]) -> int:
    text = text.strip() or "0"
    if _is_number(text) and low <= int(text) <= high:
        return int(text)
    problems[name] = Reason("throttle.number", {"low": low, "high": high})
    return low


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
