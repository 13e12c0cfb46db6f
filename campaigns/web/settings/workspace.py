"""The workspace: the organization that emails come from, and its defaults."""

from collections.abc import Mapping

from flask import flash, render_template, request

from campaigns.access import access
from campaigns.accounts.workspace import (
    MAX_UNDO_SECONDS,
    MOST_OVERDUE_MINUTES,
    change_workspace,
    load_workspace,
    time_zones,
)
from campaigns.db import transaction
from campaigns.inputs import InvalidInputError
from campaigns.web.settings.blueprint import Answer, after_saving, bp
from campaigns.web.words import gettext as _
from campaigns.web.words import in_words


@bp.route("/settings/workspace", methods=["GET", "POST"])
@access("user")
def workspace() -> Answer:
    if request.method != "POST":
        stored = load_workspace()
        return _form(
            {
                "name": stored.name,
                "postal_address": stored.postal_address,
                "time_zone": stored.time_zone,
                "undo_seconds": str(stored.undo_seconds),
                "overdue_minutes": str(stored.overdue_minutes),
            }
        )
    form = request.form
    try:
        if not form.get("name", "").strip():
            raise InvalidInputError({"name": _("Enter the name of your organization.")})
        with transaction():
            change_workspace(
                name=form.get("name", ""),
                postal_address=form.get("postal_address", ""),
                time_zone=form.get("time_zone", ""),
                undo_seconds=form.get("undo_seconds", ""),
                overdue_minutes=form.get("overdue_minutes", ""),
            )
    except InvalidInputError as error:
        return _form(form, in_words(error.problems)), 422
    flash(_("Changes saved"), "success")
    return after_saving("settings.workspace")


def _form(form: Mapping[str, str], problems: dict[str, str] | None = None) -> str:
    return render_template(
        "web/settings/workspace.html",
        tab="workspace",
        form=form,
        problems=problems or {},
        is_set_up=bool(load_workspace().postal_address.strip()),
        zones=time_zones(),
        most_undo_seconds=MAX_UNDO_SECONDS,
        most_overdue_minutes=MOST_OVERDUE_MINUTES,
    )
