"""The answer to a save that came second: who was first, and which version is theirs."""

from datetime import datetime
from typing import Any

from flask_login import current_user

from campaigns.accounts.models import User
from campaigns.db import db
from campaigns.web.template_helpers import ago
from campaigns.web.words import gettext as _


def conflict_answer(version: int, editor_id: int | None, at: datetime) -> dict[str, Any]:
    """Return the newer version, and a sentence that names its author."""
    editor = db.session.get(User, editor_id) if editor_id else None
    saved = ago(at)
    if editor is None:
        message = _("Someone else saved a newer version %(ago)s.", ago=saved)
    elif editor.id == current_user.user_id:
        message = _("You saved a newer version in another window %(ago)s.", ago=saved)
    else:
        name = editor.name or editor.address
        message = _("%(name)s saved a newer version %(ago)s.", name=name, ago=saved)
    return {"version": version, "message": message}
