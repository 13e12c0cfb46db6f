"""One's own account."""

from flask import render_template

from campaigns.access import access
from campaigns.web.settings.blueprint import bp


@bp.get("/settings/account")
@access("user")
def account() -> str:
    return render_template("web/settings/account.html")
