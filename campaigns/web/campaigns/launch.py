"""Review and launch: everything is looked at once more, then it goes, as it was planned."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

from flask import flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import drafts, fallback_sender, forecast, listing, schedule, series
from campaigns.campaign.drafts import Arithmetic
from campaigns.campaign.fallback_sender import Way
from campaigns.campaign.forecast import Bound
from campaigns.campaign.models import Campaign
from campaigns.campaign.preflight import Check, preflight
from campaigns.campaign.recurrence import NTH, RepeatError
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import canary
from campaigns.providers.models import SenderAddress
from campaigns.web.campaigns import canary_form, overflow_form, plan_words
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, url_of
from campaigns.web.campaigns.plan_form import DAYTIME, Wish, WishError, read_wish
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
    campaign = campaign_or_404(public_id)
    if campaign.status != "draft":
        return redirect(url_of(campaign))
    return _page(campaign, _look(campaign))


def _look(campaign: Campaign) -> Review:
    arithmetic = drafts.audience_arithmetic(campaign.id)
    tools = services()
    checks = preflight(campaign, arithmetic, base_url=tools.settings.base_url, signer=tools.signer)
    return Review(arithmetic, checks)


def _page(campaign: Campaign, found: Review, *, error: str = "", field: str = "") -> str:
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    return render_template(
        "web/campaigns/review.html",
        campaign=campaign,
        title=drafts.title_of(campaign),
        review=found,
        sender=sender,
        lists=listing.list_names([campaign.id]).get(campaign.id, []),
        form=request.form,
        soon=_soon(campaign),
        zones=zones(),
        nth_words=NTH,
        daytime=DAYTIME,
        canary=canary_form.shown(campaign, request.form),
        overflow=overflow_form.shown(campaign, request.form),
        series=series.of_template(campaign.id),
        undo_seconds=current_workspace().undo_seconds,
        error=error,
        field=field,
    )


def _soon(campaign: Campaign) -> datetime:
    """The time offered first: that of its occurrence, else the next full hour."""
    planned = series.of_campaign(campaign.id)
    if planned is not None and planned.at > utcnow():
        return planned.at.astimezone(zone())
    return (utcnow().astimezone(zone()) + timedelta(hours=1)).replace(minute=0)


@cache
def zones() -> list[str]:
    """Time zones to choose from. Read from many small files: once is enough."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


@bp.post("/campaigns/<public_id>/review")
@access("user")
def launch(public_id: str) -> str | Response | tuple[str, int]:
    campaign = campaign_or_404(public_id)
    if campaign.status != "draft":
        flash(f"Nothing was done a second time. {IN_WORDS[campaign.status]}", "info")
        return redirect(url_of(campaign))
    found = _look(campaign)
    now = utcnow()
    try:
        _check_version(campaign, request.form)
        _check_preflight(found)
        _check_number(found, request.form)
        _check_no_template(campaign)
        wish = read_wish(campaign, request.form, now=now)
        first = canary_form.read(campaign, request.form)
        then = overflow_form.read(campaign, request.form)
    except (RefusedError, WishError) as error:
        current = campaign_or_404(public_id)
        if current.status != "draft":  # the other click of a double click was first
            return _changed_meanwhile(current)
        return _page(campaign, found, error=str(error), field=error.field), 422
    if wish.repeat is not None:
        return _begin_series(campaign, found, wish, Choices(first, then), now)
    undo_seconds = current_workspace().undo_seconds
    with transaction():
        changed = _launch(campaign, wish, Choices(first, then), undo_seconds=undo_seconds, now=now)
    return _after(campaign_or_404(public_id), changed, wish, undo_seconds)


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen beside the plan: how few get it first, and by which way it goes on."""

    first: canary.Settings
    then: Way | None

    def write(self, campaign: Campaign, now: datetime) -> bool:
        """Write them onto the draft."""
        sender_id = self.then.sender.id if self.then else None
        return canary.configure(campaign.id, self.first) and fallback_sender.choose(
            campaign.id, sender_id, now=now
        )


def _launch(
    campaign: Campaign, wish: Wish, choices: Choices, *, undo_seconds: int, now: datetime
) -> bool:
    """Launch the version that was reviewed, and no other."""
    return (
        _is_as_reviewed(campaign)
        and choices.write(campaign, now)
        and schedule.launch(campaign.id, wish.plan, undo_seconds=undo_seconds, now=now)
    )


def _is_as_reviewed(campaign: Campaign) -> bool:
    current = db.session.get(Campaign, campaign.id, with_for_update=True)
    return (
        current is not None
        and current.status == "draft"
        and str(current.version) == request.form.get("version")
    )


def _begin_series(
    campaign: Campaign, found: Review, wish: Wish, choices: Choices, now: datetime
) -> str | Response | tuple[str, int]:
    """Repeat the draft from now on; the clock makes the first one when it is time."""
    if wish.repeat is None or wish.first is None:
        raise ValueError("a series needs a rule and a first day")
    begun = None
    try:
        with transaction():
            if _is_as_reviewed(campaign) and choices.write(campaign, now):
                begun = series.create(campaign.id, wish.repeat, wish.first, wish.plan, now=now)
    except RepeatError as error:
        return _page(campaign, found, error=str(error), field="repeat"), 422
    if begun is None:
        return _changed_meanwhile(campaign_or_404(campaign.public_id))
    flash("It repeats from now on. Each time can be changed, moved or skipped here.", "success")
    return redirect(url_for("calendar.series", public_id=begun.public_id))


@bp.get("/campaigns/<public_id>/review/plan")
@access("user")
def plan(public_id: str) -> str:
    """What will happen, in sentences, for what is chosen at this moment in the form."""
    campaign = campaign_or_404(public_id)
    now = utcnow()
    try:
        wish = read_wish(campaign, request.args, now=now)
        first = canary_form.read(campaign, request.args)
        then = overflow_form.read(campaign, request.args)
    except WishError as error:
        return render_template("web/campaigns/_plan.html", error=str(error))
    arithmetic = drafts.audience_arithmetic(campaign.id)
    said = plan_words.sentences(
        wish,
        recipients=arithmetic.recipients,
        undo_seconds=current_workspace().undo_seconds,
        now=now,
        bound=_bound(campaign, arithmetic.recipients, now),
        goes_on=then is not None,
    )
    said += overflow_form.sentences(campaign, then, recipients=arithmetic.recipients)
    said += canary_form.sentences(first, recipients=arithmetic.recipients)
    return render_template("web/campaigns/_plan.html", sentences=said)


def _bound(campaign: Campaign, recipients: int, now: datetime) -> Bound | None:
    """The limit of its account that makes it take longest."""
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    if sender is None:
        return None
    return forecast.slowest(sender.provider_id, campaign.id, recipients, now=now)


def _after(campaign: Campaign, changed: bool, wish: Wish, undo_seconds: int) -> Response:
    if not changed:
        return _changed_meanwhile(campaign)
    if wish.plan.at is not None:
        said = "Scheduled. You can take it back until it starts."
        flash(f"{said} {wish.note}".strip(), "success")
    elif not undo_seconds:
        services().doorbell.ring("expand", campaign.id)
        flash("On its way.", "success")
    return redirect(url_for("reports.campaign", public_id=campaign.public_id))


def _changed_meanwhile(campaign: Campaign) -> Response:
    if campaign.status == "draft":
        flash("It was changed at this very moment. Please look through it again.", "warning")
        return redirect(url_for("campaigns.review", public_id=campaign.public_id))
    flash(f"Somebody was quicker. {IN_WORDS[campaign.status]}", "info")
    return redirect(url_of(campaign))


def _check_no_template(campaign: Campaign) -> None:
    if series.of_template(campaign.id) is not None:
        raise RefusedError(
            "This draft repeats: a copy of it goes out each time. Duplicate it to send it once."
        )


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
