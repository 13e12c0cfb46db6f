"""Reply rules as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from campaigns.audience.mailbox_providers import OTHER, name_of
from campaigns.reason import Reason

Act = Literal["slow", "halve", "at_once", "suspend", "pause_campaign", "pause_provider"]
"""What a rule does.

slow            at most `amount` emails per minute, for `minutes`
halve           half the current rate, then slowly more
at_once         `amount` emails at the same time, one more every ten minutes
suspend         nothing for `minutes`; then `amount` at a time, if set
pause_campaign  until someone resumes it
pause_provider  every campaign of this account, until someone resumes it
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `per_hour`: replies within an hour that trigger it (0 and 1: the first one)."""

    key: str
    note: Reason
    """What it means."""
    pattern: str
    act: Act
    amount: int = 0
    minutes: int = 0
    per_hour: int = 0
    preset: str = ""
    """Only for accounts at this provider."""
    mailbox_group: str = ""
    """Only for this mailbox group."""
    whole_account: bool = False
    """The rule applies to the whole account, not to the mailbox group."""
    is_on: bool = True
    refused: Reason | None = None
    """Why its expression cannot be used; such a rule is off."""
    is_quota: bool = False
    """The reply only means that a quota of the account is used up."""

    def fits(self, *, preset: str, group: str) -> bool:
        """Whether the rule applies to accounts of this preset and this mailbox group."""
        return (
            self.is_on
            and self.preset in {"", preset}
            and self.mailbox_group in {"", group}
        )  # fmt: skip


def describe(rule: Rule) -> Reason:
    """Return what a rule does, as a reason."""
    code = _DESCRIPTIONS[rule.act]
    if rule.act == "suspend" and rule.amount:
        code = "throttle.rule_suspend_slowly"
    params = {"whom": _whom(rule), "count": rule.amount, "time_seconds": 60 * rule.minutes}
    return Reason(code, params)


_DESCRIPTIONS: Mapping[Act, str] = {
    "slow": "throttle.rule_slow",
    "halve": "throttle.rule_halve",
    "at_once": "throttle.rule_at_once",
    "suspend": "throttle.rule_suspend",
    "pause_campaign": "throttle.rule_pause_campaign",
    "pause_provider": "throttle.rule_pause_provider",
}


def _whom(rule: Rule) -> Reason | str:
    if rule.whole_account:
        return Reason("throttle.rule_account")
    if rule.mailbox_group == OTHER:
        return Reason("canary.other_providers")
    return name_of(rule.mailbox_group) if rule.mailbox_group else Reason("throttle.rule_group")
