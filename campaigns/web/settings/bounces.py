"""The rules for bounces and complaints."""

from flask import render_template, request

from campaigns.access import access
from campaigns.accounts.workspace import lock_workspace
from campaigns.events import feedback_rules
from campaigns.events.feedback_rules import FeedbackRulesInput
from campaigns.web.saving import Answer, check_seen, done, refused, saving, seen_again
from campaigns.web.settings.blueprint import bp, next_step
from campaigns.web.words import gettext as _


@bp.route("/settings/bounces", methods=["GET", "POST"])
@access("user")
def bounces() -> Answer:
    if request.method != "POST":
        return _form(FeedbackRulesInput.of(feedback_rules.load()))
    typed = FeedbackRulesInput.read(request.form)
    with saving() as problems:
        lock_workspace()
        check_seen(_stored())
        feedback_rules.change(typed)
    if problems:
        return refused(_form(typed, problems), problems)
    return done(_("Changes saved"), next_step("settings.bounces"))


def _stored() -> dict[str, str]:
    return FeedbackRulesInput.of(feedback_rules.load()).model_dump()


def _form(typed: FeedbackRulesInput, problems: dict[str, str] | None = None) -> str:
    return render_template(
        "web/settings/bounces.html",
        tab="bounces",
        form=typed,
        problems=problems or {},
        seen=seen_again(_stored(), problems),
        bounds=feedback_rules.bounds,
    )
