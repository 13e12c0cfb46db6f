"""The variables of a campaign or a template, on its content page."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.campaign import variables
from campaigns.campaign.variables import VariableError
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.content.blueprint import content_route, owner_or_404
from campaigns.web.content.owner import (
    ContentConflictError,
    ContentLockedError,
    ContentOwner,
    OwnerKind,
)
from campaigns.web.personal.blueprint import SAVED
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

HAVE_VARIABLES: tuple[OwnerKind, ...] = ("campaigns", "templates")


@content_route("/variables", owners=HAVE_VARIABLES)
@access("user")
def show_variables(owner: OwnerKind, public_id: str) -> str:
    """Return the form with the variables."""
    found = _owner_or_404(owner, public_id)
    return _form(found, list((found.variables or {}).items()))


@content_route("/variables", "POST", owners=HAVE_VARIABLES)
@access("user")
def save_variables(owner: OwnerKind, public_id: str) -> ResponseReturnValue:
    """Replace all variables by pairs of `variable` and `text`. `drop`: position of one to drop."""
    found = _owner_or_404(owner, public_id)
    pairs = list(zip(request.form.getlist("variable"), request.form.getlist("text"), strict=False))
    removed = request.form.get("drop", "")
    pairs = [pair for position, pair in enumerate(pairs) if str(position) != removed]
    seen, now = request.form.get("seen", ""), utcnow()
    try:
        version = int(request.form["version"])
        changes = {"variables": variables.checked(pairs)}
        with transaction():
            found.save(changes, version, seen=seen, editor_id=editor_id(), now=now)
    except (VariableError, ContentLockedError) as error:
        return _form(found, pairs, error=sentence(error.reason))
    except ContentConflictError:
        said = _("Someone else changed the variables. Reload the page to see them.")
        return _form(found, pairs, error=said)
    except (KeyError, ValueError):
        abort(400)
    return _form(owner_or_404(owner, public_id), list(changes["variables"].items())), SAVED


def _owner_or_404(owner: OwnerKind, public_id: str) -> ContentOwner:
    found = owner_or_404(owner, public_id)
    if found.variables is None:
        abort(404)
    return found


def _form(owner: ContentOwner, pairs: list[tuple[str, str]], *, error: str = "") -> str:
    return render_template(
        "web/personal/_variables_form.html",
        owner=owner,
        seen=request.form.get("seen", "") if error else owner.variables_seen,
        pairs=pairs,
        error=error,
        max_value=variables.MAX_VALUE,
    )
