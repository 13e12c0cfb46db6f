"""Review and launch: everything is looked at once more, then it goes, now or at a moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

from flask import flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.models import SenderAddress
from campaigns.sending import campaigns, catalogue, lifecycle
from campaigns.sending.campaigns import Arithmetic
from campaigns.sending.models import Campaign
from campaigns.sending.moments import MomentError, parse_moment
from campaigns.sending.preflight import Check, preflight
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, home_of, wanted
from campaigns.web.template_helpers import current_workspace, number, zone

TYPED_FROM = 1000
"""Above so many recipients the number is typed: friction on purpose."""
DRIFT = 0.02
"""The audience may grow or shrink by this share between the review and the launch."""


@dataclass(frozen=True, slots=True)
class Review:
    """What the review page shows."""

    arithmetic: Arithmetic
    checks: list[Check]

    @property
    def is_blocked(self) -> bool:
        return any(check.blocks for check in self.checks)

    @property
    def warnings(self) -> int:
        return sum(check.level == "warning" for check in self.checks)

    @property
    def problems(self) -> int:
        return sum(check.blocks for check in self.checks)

    @property
    def must_type(self) -> bool:
        return self.arithmetic.recipients > TYPED_FROM


class RefusedError(ValueError):
    """The launch does not go through; the message says why, `field` which field is to blame."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@bp.get("/campaigns/<public_id>/review")
@access("user")
def review(public_id: str) -> str | Response:
    campaign = wanted(public_id)
    if campaign.status != "draft":
        return redirect(home_of(campaign))
    return _page(campaign, _look(campaign))


def _look(campaign: Campaign) -> Review:
    arithmetic = campaigns.audience_arithmetic(campaign.id)
    tools = services()
    checks = preflight(campaign, arithmetic, base_url=tools.settings.base_url, signer=tools.signer)
    return Review(arithmetic, checks)


def _page(campaign: Campaign, found: Review, *, error: str = "", field: str = "") -> str:
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    soon = utcnow().astimezone(zone()) + timedelta(hours=1)
    return render_template(
        "web/campaigns/review.html",
        campaign=campaign,
        title=campaigns.title_of(campaign),
        review=found,
        sender=sender,
        lists=catalogue.list_names([campaign.id]).get(campaign.id, []),
        form=request.form,
        soon=soon,
        zones=_zones(),
        undo_seconds=current_workspace().undo_seconds,
        error=error,
        field=field,
    )


@cache
def _zones() -> list[str]:
    """Time zones to choose from. Read from many small files: once is enough."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


@bp.post("/campaigns/<public_id>/review")
@access("user")
def launch(public_id: str) -> str | Response | tuple[str, int]:
    campaign = wanted(public_id)
    if campaign.status != "draft":
        flash(f"Nothing was done a second time. {IN_WORDS[campaign.status]}", "info")
        return redirect(home_of(campaign))
    found = _look(campaign)
    now = utcnow()
    try:
        _check_version(campaign, request.form)
        _check_preflight(found)
        _check_number(found, request.form)
        at = _moment(request.form, now)
    except RefusedError as error:
        return _page(campaign, found, error=str(error), field=error.field), 422
    undo_seconds = current_workspace().undo_seconds
    with transaction():
        did_it = _launch(campaign, at, undo_seconds=undo_seconds, now=now)
    return _after(wanted(public_id), did_it, at, undo_seconds)


def _launch(campaign: Campaign, at: datetime | None, *, undo_seconds: int, now: datetime) -> bool:
    """Launch the version that was reviewed, and no other."""
    current = db.session.get(Campaign, campaign.id, with_for_update=True)
    if current is None or str(current.version) != request.form.get("version"):
        return False
    return lifecycle.launch(campaign.id, at=at, undo_seconds=undo_seconds, now=now)


def _after(campaign: Campaign, did_it: bool, at: datetime | None, undo_seconds: int) -> Response:
    if not did_it:
        if campaign.status == "draft":
            flash("It was changed at this very moment. Please look through it again.", "warning")
            return redirect(url_for("campaigns.review", public_id=campaign.public_id))
        flash(f"Somebody was quicker. {IN_WORDS[campaign.status]}", "info")
        return redirect(home_of(campaign))
    if at is not None:
        flash("Scheduled. You can take it back until it starts.", "success")
    elif not undo_seconds:
        services().doorbell.ring("expand", campaign.id)
        flash("On its way.", "success")
    return redirect(url_for("reports.campaign", public_id=campaign.public_id))


def _check_version(campaign: Campaign, form: MultiDict[str, str]) -> None:
    if form.get("version") != str(campaign.version):
        raise RefusedError(
            "The campaign was changed after you opened this page. This is how it stands now: "
            "please look through it again."
        )


def _check_preflight(found: Review) -> None:
    if found.is_blocked:
        raise RefusedError("Something still has to be put right first: see the red rows.")


def _check_number(found: Review, form: MultiDict[str, str]) -> None:
    """The typed number is the one that was shown, and still about the true one."""
    if not found.must_type:
        return
    recipients = found.arithmetic.recipients
    typed = "".join(char for char in form.get("typed", "") if char.isdigit())
    shown = form.get("recipients", "")
    if not typed:
        raise RefusedError(f"Please type the number of recipients: {recipients}.", "typed")
    if typed not in {str(recipients), shown}:
        raise RefusedError(
            f"You typed {typed}, but {number(recipients)} people would get it. "
            f"Please type {recipients}.",
            "typed",
        )
    if abs(int(typed) - recipients) > DRIFT * recipients:
        raise RefusedError(
            f"The audience has changed: it is {number(recipients)} people now. "
            f"Please type {recipients}.",
            "typed",
        )


def _moment(form: MultiDict[str, str], now: datetime) -> datetime | None:
    if form.get("when", "now") == "now":
        return None
    try:
        return parse_moment(
            form.get("date", ""), form.get("time", ""), form.get("zone", "").strip(), now=now
        ).at
    except MomentError as error:
        raise RefusedError(str(error), "moment") from None
