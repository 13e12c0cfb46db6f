"""A page for developers with every component, in both themes."""

from flask import Blueprint, abort, current_app, render_template

from campaigns.access import access
from campaigns.clock import utcnow

bp = Blueprint("dev", __name__)


@bp.get("/dev/components")
@access("user")
def components() -> str:
    """Show the components. Exists in Flask's debug mode only (FLASK_DEBUG=1)."""
    if not current_app.debug:
        abort(404)
    return render_template("web/dev/components.html", now=utcnow())
