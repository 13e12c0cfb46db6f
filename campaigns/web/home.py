"""Home."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request, url_for

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.engine import restored
from campaigns.reports import overview, resend_options
from campaigns.reports.figures import Counts
from campaigns.reports.overview import CampaignFigures, SetUp
from campaigns.web.counting import counting
from campaigns.web.words import gettext as _

bp = Blueprint("home", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A setup step. `href` leads to its page."""

    title: str
    text: str
    action: str
    href: str
    is_done: bool


@bp.get("/")
@access("user")
def home() -> str:
    now = utcnow()
    set_up = overview.set_up()
    with counting() as counts:
        shown = {
            **_active_states(counts),
            "figures": overview.home_figures(counts, now=now),
            "last": overview.last_campaigns(counts),
            "alerts": overview.alerts(counts, now=now),
        }
    return render_template(
        "web/home/home.html",
        steps=[] if set_up.is_done else _steps(set_up),
        drafts=overview.last_drafts(),
        restored=restored.waiting_for_decision(),
        held_back=resend_options.campaigns_with_held_groups(),
        public_url=_odd_public_url(),
        as_of=counts.as_of,
        **shown,
    )


@bp.get("/home/under-way")
@access("user")
def under_way() -> str | Response:
    """Show what is being sent and what is next, for the poll."""
    with counting() as counts:
        shown = _active_states(counts)
    if shown["states"] != request.args.get("states", ""):
        return Response(headers={"HX-Refresh": "true"})
    return render_template("web/home/_under_way.html", **shown)


def _active_states(counts: Counts) -> dict[str, Any]:
    sending = overview.active_campaigns(counts)
    scheduled = overview.next_scheduled(counts)
    return {
        "moving_as_of": counts.as_of,
        "sending": sending,
        "scheduled": scheduled,
        "states": _states(sending),
        "poll_seconds": 2 if sending else 10 if scheduled else None,
    }


def _states(campaigns: list[CampaignFigures]) -> str:
    """Return the active campaigns and their states; a change of these reloads the whole page."""
    return ",".join(f"{campaign.public_id}.{campaign.status}" for campaign in campaigns)


def _odd_public_url() -> str:
    """Return the public URL if recipients may not reach it safely, else empty."""
    address = services().settings.base_url
    return "" if urlsplit(address).scheme == "https" else address


def _steps(done: SetUp) -> list[Step]:
    return [
        Step(
            _("Add a provider account"),
            _("The SMTP server that sends your emails."),
            _("Add account"),
            url_for("settings.new_provider"),
            done.has_account,
        ),
        Step(
            _("Add a sender address"),
            _("The name and address that recipients see in their inbox."),
            _("Add address"),
            url_for("settings.new_sender"),
            done.has_sender,
        ),
        Step(
            _("Enter your postal address"),
            _("The law requires it at the end of every newsletter."),
            _("Enter address"),
            url_for("settings.workspace"),
            done.has_postal_address,
        ),
        Step(
            _("Create your first list"),
            _("A named audience, such as “Newsletter”."),
            _("Create list"),
            url_for("lists.new"),
            done.has_list,
        ),
        Step(
            _("Add subscribers"),
            _("Import a CSV file, add them by hand or open a sign-up page."),
            _("Import"),
            url_for("imports.new"),
            done.has_subscribers,
        ),
        Step(
            _("Send your first campaign"),
            _("Write it, send yourself a test, then send it to everyone."),
            _("New campaign"),
            url_for("campaigns.new"),
            done.has_campaign,
        ),
    ]
