"""The workspace: the organization that emails come from, and its defaults."""

from flask import render_template, request

from campaigns.access import access
from campaigns.accounts.workspace import (
    MAX_OVERDUE_MINUTES,
    MAX_UNDO_SECONDS,
    WorkspaceInput,
    change_workspace,
    load_workspace,
    lock_workspace,
    time_zones,
)
from campaigns.web.saving import Answer, check_seen, done, refused, saving, seen_again
from campaigns.web.settings.blueprint import bp, next_step
from campaigns.web.words import gettext as _


@bp.route("/settings/workspace", methods=["GET", "POST"])
@access("user")
def workspace() -> Answer:
    if request.method != "POST":
        return _form(WorkspaceInput.of(load_workspace()))
    typed = WorkspaceInput.read(request.form)
    with saving() as problems:
        lock_workspace()
        check_seen(_stored())
        change_workspace(typed)
    if problems:
        return refused(_form(typed, problems), problems)
    return done(_("Changes saved"), next_step("settings.workspace"))


def _stored() -> dict[str, str]:
    return WorkspaceInput.of(load_workspace()).model_dump()


def _form(typed: WorkspaceInput, problems: dict[str, str] | None = None) -> str:
    return render_template(
        "web/settings/workspace.html",
        tab="workspace",
        form=typed,
        problems=problems or {},
        seen=seen_again(_stored(), problems),
        is_set_up=bool(load_workspace().postal_address.strip()),
        zones=time_zones(),
        most_undo_seconds=MAX_UNDO_SECONDS,
        most_overdue_minutes=MAX_OVERDUE_MINUTES,
    )
