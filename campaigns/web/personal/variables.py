"""The variables of a campaign, on its content page."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.access import access
from campaigns.campaign import drafts, variables
from campaigns.campaign.drafts import EditConflictError, NotEditableError
from campaigns.campaign.variables import VariableError
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.web.campaigns.blueprint import campaign_or_404, editor_id
from campaigns.web.personal.blueprint import bp
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

SAVED = {"HX-Trigger": "content-saved"}
"""Tells the page to show its preview and its problems again."""


@bp.get("/campaigns/<public_id>/content/variables")
@access("user")
def show_variables(public_id: str) -> str:
    """Return the form with the variables."""
    campaign = campaign_or_404(public_id)
    return _form(public_id, list(campaign.variables.items()))


@bp.post("/campaigns/<public_id>/content/variables")
@access("user")
def save_variables(public_id: str) -> ResponseReturnValue:
    """Replace all variables by pairs of `variable` and `text`. `drop`: position of one to drop."""
    campaign = campaign_or_404(public_id)
    pairs = list(zip(request.form.getlist("variable"), request.form.getlist("text"), strict=False))
    removed = request.form.get("drop", "")
    pairs = [pair for position, pair in enumerate(pairs) if str(position) != removed]
    try:
        version = int(request.form["version"])
        found = variables.checked(pairs)
        with transaction():
            drafts.save(
                campaign.id,
                version,
                {"variables": found},
                seen=request.form.get("seen", ""),
                editor_id=editor_id(),
                now=utcnow(),
            )
    except (VariableError, NotEditableError) as error:
        return _form(public_id, pairs, error=sentence(error.reason))
    except EditConflictError:
        said = _("Someone else changed the variables. Reload the page to see them.")
        return _form(public_id, pairs, error=said)
    except (KeyError, ValueError):
        abort(400)
    return _form(public_id, list(found.items())), SAVED


def _form(public_id: str, pairs: list[tuple[str, str]], *, error: str = "") -> str:
    campaign = campaign_or_404(public_id)
    return render_template(
        "web/personal/_variables_form.html",
        campaign=campaign,
        seen=request.form.get("seen", "") if error else drafts.fingerprint(campaign, "variables"),
        pairs=pairs,
        error=error,
        max_value=variables.MAX_VALUE,
    )
