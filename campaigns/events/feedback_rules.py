"""The workspace's rules for bounces and complaints: read, check and save."""

from pydantic import ValidationError

from campaigns.accounts.workspace import load_workspace, save_workspace
from campaigns.events.policy import FeedbackRules
from campaigns.inputs import FormInput, InvalidInputError
from campaigns.reason import Reason

_PAIRS = (("complaint_alarm", "complaint_pause"), ("bounce_alarm", "bounce_pause"))


def load() -> FeedbackRules:
    """Return the rules of the workspace; the defaults if it has none, or invalid ones."""
    try:
        return FeedbackRules.model_validate(load_workspace().feedback_rules or {})
    except ValidationError:
        return FeedbackRules()


class FeedbackRulesInput(FormInput):
    """The rules as typed into the form."""

    disabled_times: str
    full_times: str
    soft_times: str
    soft_days: str
    complaint_alarm: str
    complaint_pause: str
    bounce_alarm: str
    bounce_pause: str


def change(typed: FeedbackRulesInput) -> FeedbackRules:
    """Check the input and save it. Raises InvalidInputError that names every problem."""
    values = {
        name: text.strip().removesuffix("%").replace(",", ".")
        for name, text in typed.model_dump().items()
    }
    try:
        rules = FeedbackRules.model_validate(values)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        raise InvalidInputError({name: _range_of(name) for name in sorted(wrong)}) from None
    problems = {
        pause: Reason("feedback_rules.pause_below_alarm")
        for alarm, pause in _PAIRS
        if getattr(rules, pause) < getattr(rules, alarm)
    }
    if problems:
        raise InvalidInputError(problems)
    save_workspace(feedback_rules=rules.model_dump())
    return rules


def _range_of(name: str) -> Reason:
    """Return the reason that names what can be entered."""
    field = FeedbackRules.model_fields[name]
    if field.annotation is float:
        return Reason("feedback_rules.bad_percentage")
    least, most = bounds(name)
    return Reason("feedback_rules.bad_number", {"least": least, "most": most})


def bounds(name: str) -> tuple[int, int]:
    """Return the smallest and largest value of a number."""
    found: dict[str, int] = {}
    for limit in FeedbackRules.model_fields[name].metadata:
        for kind in ("ge", "le"):
            if (value := getattr(limit, kind, None)) is not None:
                found[kind] = int(value)
    return found["ge"], found["le"]
