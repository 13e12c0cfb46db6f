"""The rules for bounces and complaints in the settings."""

import pytest
from flask.testing import FlaskClient

from campaigns.events import feedback_rules
from campaigns.events.policy import FeedbackRules

VALID = {name: str(value) for name, value in FeedbackRules().model_dump().items()}


def test_the_rules_are_shown_and_changed(owner_client: FlaskClient) -> None:
    assert 'value="0.3"' in owner_client.get("/settings/bounces").text
    form = {**VALID, "soft_times": " 7 ", "complaint_pause": "0.25"}
    assert owner_client.post("/settings/bounces", data=form).status_code == 302
    assert feedback_rules.load() == FeedbackRules(soft_times=7, complaint_pause=0.25)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"soft_times": "0"}, "Enter a whole number from 1 to 50."),
        ({"soft_days": "many"}, "Enter a whole number from 0 to 365."),
        ({"soft_days": "1.5"}, "Enter a whole number from 0 to 365."),
        ({"complaint_alarm": "nan"}, "Enter a percentage above 0, such as 0.1."),
        ({"bounce_pause": "½"}, "Enter a percentage above 0, such as 0.1."),
        (
            {"bounce_pause": "4"},
            "The percentage for pausing cannot be lower than the one for the alert.",
        ),
    ],
)
def test_bad_rules_are_refused_with_a_reason(
    owner_client: FlaskClient, changed: dict[str, str], problem: str
) -> None:
    answer = owner_client.post("/settings/bounces", data={**VALID, **changed})
    assert answer.status_code == 422
    assert problem in answer.text
    assert feedback_rules.load() == FeedbackRules()
