"""The workspace's rules for bounces and complaints."""

from pydantic import ValidationError

from campaigns.accounts.workspace import load_workspace
from campaigns.events.policy import FeedbackRules


def load() -> FeedbackRules:
    """Return the rules of the workspace; the defaults if it has none, or invalid ones."""
    try:
        return FeedbackRules.model_validate(load_workspace().feedback_rules or {})
    except ValidationError:
        return FeedbackRules()
