"""What a reply rule is."""

from dataclasses import dataclass
from typing import Literal

from campaigns import formatting
from campaigns.audience.mailbox_providers import name_of

Act = Literal["slow", "halve", "at_once", "suspend", "pause_campaign", "pause_provider"]
"""What a rule does.

slow            at most `amount` mails a minute, for so many minutes
halve           half as much as now, then slowly more
at_once         `amount` mails at the same moment, one more every ten minutes
suspend         nothing for so many minutes; then `amount` at a time, if that is set
pause_campaign  until somebody resumes it
pause_provider  every campaign of this account, until somebody resumes it
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `per_hour`: it takes so many replies within an hour (0 and 1: the first does)."""

    key: str
    note: str
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
    """It is the account that is slowed down, not the one mailbox group."""
    is_on: bool = True
    refused: str = ""
    """Why its expression cannot be searched for; such a rule is off."""
    is_quota: bool = False
    """It says that a quota of the account is used up, and nothing worse."""

    def fits(self, *, preset: str, group: str) -> bool:
        return (
            self.is_on
            and self.preset in {"", preset}
            and self.mailbox_group in {"", group}
        )  # fmt: skip


def describe(rule: Rule) -> str:
    """What a rule does, in words."""
    whom = "the account" if rule.whole_account else "this mailbox provider"
    if rule.mailbox_group and not rule.whole_account:
        whom = name_of(rule.mailbox_group)
    minutes = formatting.duration(60 * rule.minutes, formatting.DEFAULT_LOCALE)
    after = f", then {rule.amount} at a time and slowly more" if rule.amount else ""
    return {
        "slow": f"at most {rule.amount} a minute to {whom} for {minutes}",
        "halve": f"half as much to {whom}, then slowly more",
        "at_once": f"{rule.amount} at a time to {whom}, slowly more",
        "suspend": f"nothing to {whom} for {minutes}{after}",
        "pause_campaign": "the campaign is paused",
        "pause_provider": "all campaigns of the account are paused",
    }[rule.act]
