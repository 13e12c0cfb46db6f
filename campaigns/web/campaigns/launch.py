"""Review and launch: read the form as a LaunchRequest, and show the decision."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import (
    canary_plan,
    drafts,
    fallback_sender,
    feed,
    forecast,
    launch,
    schedule_request,
    series,
)
from campaigns.campaign.feed import FeedError
from campaigns.campaign.forecast import Bottleneck
from campaigns.campaign.launch import Launched, LaunchRequest, Refused, Review
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.models import SenderAddress
from campaigns.reason import Reason, ReasonError
from campaigns.reports.facts import campaign_facts
from campaigns.web.campaigns import canary_form, overflow_form, plan_words, segment_words
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, url_of
from campaigns.web.campaigns.plan_form import DAYTIME, NTH_WORDS, Form, number, read_schedule
from campaigns.web.campaigns.titles import title_of
from campaigns.web.content.campaign_owner import content_of_campaign
from campaigns.web.template_helpers import current_workspace, zone
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence


@bp.get("/campaigns/<public_id>/review")
@access("user")
def review(public_id: str) -> str | Response:
    campaign = campaign_or_404(public_id)
    if campaign.status != "draft":
        return redirect(url_of(campaign))
    return _page(_review(campaign, utcnow()))


def _review(campaign: Campaign, now: datetime) -> Review:
    tools = services()
    return launch.review(campaign, base_url=tools.settings.base_url, signer=tools.signer, now=now)


def _page(found: Review, refused: Refused | None = None) -> str:
    campaign = found.campaign
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    return render_template(
        "web/campaigns/review.html",
        campaign=campaign,
        content=content_of_campaign(campaign),
        title=title_of(campaign),
        review=found,
        sender=sender,
        parts=campaign_facts(campaign.id),
        said=segment_words.sentences(campaign.id),
        form=request.form,
        soon=_soon(campaign),
        zones=zones(),
        nth_words=NTH_WORDS,
        daytime=DAYTIME,
        canary=canary_form.shown(campaign, request.form),
        overflow=overflow_form.shown(campaign, request.form),
        series=series.of_template(campaign.id),
        undo_seconds=current_workspace().undo_seconds,
        error=sentence(refused.reason) if refused else "",
        field=refused.field if refused else "",
    )


def _soon(campaign: Campaign) -> datetime:
    """Return the default time: that of its occurrence, else the next full hour."""
    planned = series.of_campaign(campaign.id)
    if planned is not None and planned.at > utcnow():
        return planned.at.astimezone(zone())
    return (utcnow().astimezone(zone()) + timedelta(hours=1)).replace(minute=0)


@cache
def zones() -> list[str]:
    """Return the time zones to choose from. Cached: they are read from many small files."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


@bp.post("/campaigns/<public_id>/review", endpoint="launch")
@access("user")
def launch_campaign(public_id: str) -> str | Response | tuple[str, int]:
    campaign = campaign_or_404(public_id)
    if campaign.status != "draft":
        flash(str(IN_WORDS[campaign.status]), "info")
        return redirect(url_of(campaign))
    now = utcnow()
    problem = _fetch_feed(campaign)
    found = _review(campaign, now)
    if problem is not None:
        return _page(found, problem), 422
    decision = launch.decide(found, _request(request.form), now=now)
    if isinstance(decision, Refused):
        current = campaign_or_404(public_id)
        if current.status != "draft":  # a double click
            return _changed_meanwhile(current)
        return _page(found, decision), 422
    with transaction():
        outcome = launch.launch(decision, now=now)
    if isinstance(outcome, Refused):
        if outcome.field:
            return _page(found, outcome), 422
        return _changed_meanwhile(campaign_or_404(public_id))
    return _launched(campaign_or_404(public_id), outcome)


def _fetch_feed(campaign: Campaign) -> Refused | None:
    """Fetch the data feed, which is sent as it is now; return why it cannot be."""
    known = feed.of_campaign(campaign.id)
    if known is None:
        return None
    try:
        data = feed.fetch(known.url)
    except FeedError as error:
        return Refused("feed.not_fetched_because", {"problem": error.reason})
    with transaction():
        feed.keep(campaign.id, known.url, data, status="draft", now=utcnow())
    return None


def _request(form: Form) -> LaunchRequest:
    return LaunchRequest(
        version=number(form.get("version", "")),
        typed=_digits(form.get("typed", "")),
        shown=_digits(form.get("recipients", "")),
        schedule=read_schedule(form),
        canary=canary_form.read(form),
        fallback_sender=overflow_form.read(form),
    )


def _digits(text: str) -> int | None:
    """Return the number in "1,776" or "1 776 people"; None without one."""
    digits = "".join(char for char in text if char in "0123456789")[:15]
    return int(digits) if digits else None


@bp.get("/campaigns/<public_id>/review/plan")
@access("user")
def plan(public_id: str) -> str:
    """Describe what would happen with the current form."""
    campaign, now = campaign_or_404(public_id), utcnow()
    asked = _request(request.args)
    try:
        found = schedule_request.resolve(campaign, asked.schedule, now=now)
        canary = canary_plan.plan_for(campaign, asked.canary)
        fallback = fallback_sender.route_for(campaign, asked.fallback_sender)
        recipients = drafts.audience_arithmetic(campaign.id, now=now).recipients
        bottleneck = _bottleneck(campaign, recipients, now)
    except ReasonError as error:
        return render_template("web/campaigns/_plan.html", error=sentence(error.reason))
    said = plan_words.sentences(
        found,
        recipients=recipients,
        undo_seconds=current_workspace().undo_seconds,
        now=now,
        bottleneck=bottleneck,
        has_fallback=fallback is not None,
    )
    said += overflow_form.sentences(campaign, fallback, recipients=recipients)
    said += canary_form.sentences(canary, recipients=recipients)
    return render_template("web/campaigns/_plan.html", sentences=said)


def _bottleneck(campaign: Campaign, recipients: int, now: datetime) -> Bottleneck | None:
    """Return the limit of its account that slows it most."""
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    if sender is None:
        return None
    return forecast.slowest(sender.provider_id, campaign.id, recipients, now=now)


def _launched(campaign: Campaign, outcome: Launched) -> Response:
    if outcome.series is not None:
        flash(_("Recurring campaign started"), "success")
        return redirect(url_for("calendar.series", public_id=outcome.series.public_id))
    if outcome.scheduled_at is not None:
        done = _("Campaign scheduled.")
        flash(f"{done} {sentence(outcome.note)}".strip(), "success")
    elif outcome.is_preparing:
        services().doorbell.ring("expand", campaign.id)
        flash(_("Sending started"), "success")
    return redirect(url_for("reports.campaign", public_id=campaign.public_id))


def _changed_meanwhile(campaign: Campaign) -> Response:
    if campaign.status == "draft":
        flash(sentence(Reason("launch.changed")), "warning")
        return redirect(url_for("campaigns.review", public_id=campaign.public_id))
    why = _("Someone else changed this campaign first.")
    flash(f"{why} {IN_WORDS[campaign.status]}", "info")
    return redirect(url_of(campaign))
