"""The report of a sending or finished campaign: progress and results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from flask import (
    Response,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import lazy_gettext
from redis import Redis
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as BaseResponse

from campaigns.access import access
from campaigns.audience.mailbox_providers import OTHER
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.delivery import resend, sender_switch
from campaigns.engine.limiter import AccountUsage, limiter
from campaigns.engine.redis_connection import connect
from campaigns.jobs import monitor
from campaigns.outages import RedisTrouble, redis_trouble
from campaigns.reports import facts, progress, replies
from campaigns.reports.balance import Balance
from campaigns.reports.canary import CanaryCard, canary_card
from campaigns.reports.eta import Eta, eta_of
from campaigns.reports.figures import FINAL, MOVING, Counts
from campaigns.reports.groups import GroupCount, Speeds
from campaigns.throttling import slowed_domains
from campaigns.throttling.hold_reasons import why_waits
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Plan
from campaigns.web.campaigns import overflow_form
from campaigns.web.campaigns.blueprint import campaign_or_404
from campaigns.web.campaigns.recipients import recipients_of
from campaigns.web.counting import counting
from campaigns.web.reports.blueprint import bp
from campaigns.web.reports.chart import chart_of
from campaigns.web.template_helpers import (
    clock_or_date,
    duration,
    wall_clock,
)
from campaigns.web.template_helpers import speed as speed_in_words
from campaigns.web.words import describe, mailbox_name, ngettext, sentence
from campaigns.web.words import gettext as _

MANY = 200_000
OVERDUE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A mailbox provider in the table. `hold`: why its email waits, in words."""

    name: str
    count: GroupCount
    speed: str
    hold: str


@dataclass(frozen=True, slots=True)
class Live:
    """The live part of the page.

    `poll_seconds` is None if nothing can change. `next` is the URL of the next poll, which carries
    the samples for computing the speed.
    """

    campaign: Campaign
    balance: Balance
    percent: int
    speed: float | None
    groups: list[GroupLine]
    finishes_at: str
    finishes_in: str
    slowest: str
    seconds_left: int
    is_overdue: bool
    poll_seconds: int | None
    next: str
    standstill: str = ""
    """Why nothing is being sent now, in a sentence; empty if it is."""
    canary: CanaryCard | None = None
    as_of: datetime | None = None
    """Time of the figures; None if they were just counted."""

    @property
    def recipients(self) -> int:
        """Number of recipients: the audience without skipped people."""
        return recipients_of(self.balance)

    @property
    def speed_in_words(self) -> str:
        """The sending speed in words.

        Empty while nothing has been sent, and while nothing can be sent.
        """
        return speed_in_words(self.speed) if self.speed and not self.standstill else ""

    @property
    def time_left(self) -> str:
        """Estimated time left in words."""
        return duration(self.seconds_left)

    @property
    def canary_time_left(self) -> str:
        """Time left of the test group's observation period in words."""
        return duration(self.canary.seconds_left if self.canary else 0)


def _live(campaign: Campaign, counts: Counts, now: datetime) -> Live:
    groups = counts.groups(campaign)
    balance, at = counts.balance(campaign.id), counts.kept_at(campaign.id) or now
    earlier = progress.parse_samples(request.args.get("samples", ""), now=at)
    samples = progress.slide(earlier, progress.Sample(at, balance.done))
    speed = progress.per_second(samples) if campaign.status == "sending" else None
    left = 0.0
    if campaign.status == "scheduled" and campaign.scheduled_at:
        left = (campaign.scheduled_at - now).total_seconds()
    rows = _speeds().add(campaign.id, groups, at=at)
    if campaign.status == "sending":
        # A new page has measured nothing, and a slow campaign may send nothing between two polls.
        speed = speed or _speed_of(rows) or _average(campaign, balance, now)
    pace = _pace(campaign, balance, rows, speed, now) if campaign.status in MOVING else NO_PACE
    finish = pace.finish
    address = url_for(
        "reports.live",
        public_id=campaign.public_id,
        status=campaign.status,
        moves=len(campaign.earlier_senders),
        samples=progress.dump_samples(samples),
    )
    return Live(
        campaign=campaign,
        balance=balance,
        percent=_percent(campaign, balance),
        speed=speed,
        groups=pace.groups,
        finishes_at=clock_or_date(finish.at, now) if finish else "",
        finishes_in=duration((finish.at - now).total_seconds()) if finish else "",
        slowest=mailbox_name(finish.slowest) if finish and finish.slowest else "",
        seconds_left=max(0, round(left)),
        is_overdue=campaign.status == "scheduled" and left < -OVERDUE_SECONDS,
        poll_seconds=_poll_seconds(campaign, balance),
        next=address,
        standstill=pace.standstill,
        canary=canary_card(campaign, counts, now=now),
        as_of=counts.kept_at(campaign.id),
    )


@dataclass(frozen=True, slots=True)
class SendingPace:
    """The rate of each mailbox provider, and when the last one will finish."""

    groups: list[GroupLine]
    finish: Eta | None = None
    standstill: str = ""


NO_PACE = SendingPace([])


def _speed_of(rows: Sequence[GroupCount]) -> float | None:
    """Return the total speed of all mailbox groups, for a page without its own samples."""
    rates = [row.rate for row in rows if row.rate is not None]
    return sum(rates) if rates else None


def _speeds() -> Speeds:
    """Return the recent counts of this process, created on first use."""
    found = current_app.extensions.setdefault("campaigns.speeds", Speeds())
    return cast("Speeds", found)


def _pace(
    campaign: Campaign,
    balance: Balance,
    rows: Sequence[GroupCount],
    speed: float | None,
    now: datetime,
) -> SendingPace:
    plan, standing = Plan(), AccountUsage({}, {})
    if campaign.provider_id is not None:
        plan = load_plan(campaign.provider_id, now=now, pace_per_second=campaign.pace_per_second)
        standing = _standing(campaign.provider_id, [row.group for row in rows])
    held = resend.held_groups(campaign.id)
    lines = []
    for row in rows:
        learned = row.group in standing.learned
        hold = _("On hold until you decide.") if row.group in held else ""
        why = why_waits(plan, row.group, learned=learned, due_at=row.due_at, now=now)
        hold = hold or sentence(why)
        if row.group == OTHER and not hold and campaign.provider_id is not None:
            hold = _slowed_domains(campaign.provider_id, plan, now)
        lines.append(_line(row, hold if row.waiting else "", campaign))
    if campaign.status != "sending":
        return SendingPace(lines)
    standstill = _standstill()
    finish = eta_of(
        [row for row in rows if row.group not in held],
        sender_switch.without_day(plan) if campaign.overflow_sender_id is not None else plan,
        speed=speed,
        learned=dict(standing.learned),
        used_of_day=standing.used.get("day", 0),
        has_worker=not standstill,
        now=now,
    )
    if plan.is_down:
        standstill = standstill or _("The provider account is not working.")
    return SendingPace(lines, finish, standstill)


def _standstill() -> str:
    """Return why no worker is sending; empty if one is."""
    try:
        if monitor.is_served(_redis(), "send"):
            return ""
    except RedisError as error:
        return str(_REDIS_TROUBLES[redis_trouble(error)])
    return _("No worker is running. Sending continues automatically when one is started.")


_REDIS_TROUBLES: Mapping[RedisTrouble, Any] = {
    "disk": lazy_gettext(
        "Redis cannot write to its disk, which is probably full. Free some space. Sending then"
        " continues automatically."
    ),
    "memory": lazy_gettext(
        "Redis has reached its memory limit. Raise maxmemory or free some memory. Sending then"
        " continues automatically."
    ),
    "replica": lazy_gettext(
        "Redis is a read-only replica. Point REDIS_URL to the primary or promote this one. Sending"
        " then continues automatically."
    ),
    "loading": lazy_gettext(
        "Redis is loading its data after a start. Sending continues automatically."
    ),
    "": lazy_gettext("Redis cannot be reached. Sending continues automatically when it is back."),
}


def _redis() -> Redis:
    """Return this process's Redis connection for such checks, created on first use."""
    found = current_app.extensions.get("campaigns.redis")
    if found is None:
        found = connect(services().settings.redis_connection_url)
        current_app.extensions["campaigns.redis"] = found
    return cast("Redis", found)


def _slowed_domains(provider_id: int, plan: Plan, now: datetime) -> str:
    """Return which small domains wait, and until when; empty if none does."""
    waiting = slowed_domains.slowed(provider_id, now=now)
    if not waiting:
        return ""
    longest = waiting[0]
    return ngettext(
        "%(domain)s asked for less email. It waits until %(time)s at most.",
        "%(domain)s and %(more)s more asked for less email. They wait until %(time)s at most.",
        len(waiting),
        more=len(waiting) - 1,
        domain=longest.domain,
        time=wall_clock(longest.until.astimezone(plan.zone)),
    )


def _line(row: GroupCount, hold: str, campaign: Campaign) -> GroupLine:
    speed = speed_in_words(row.rate) if row.rate and campaign.status == "sending" else ""
    name = mailbox_name(row.group)
    return GroupLine(name, row, speed, hold)


def _average(campaign: Campaign, balance: Balance, now: datetime) -> float | None:
    """Return the average speed since the start."""
    handed_over = balance.done - balance.skipped
    seconds = (now - campaign.started_at).total_seconds() if campaign.started_at else 0.0
    return handed_over / seconds if handed_over and seconds > 0 else None


def _standing(provider_id: int, groups: list[str]) -> AccountUsage:
    try:
        return limiter().standing(provider_id, groups)
    except RedisError:
        return AccountUsage({}, {})  # without Redis, show what the database knows about limits


def _percent(campaign: Campaign, balance: Balance) -> int:
    """Return whole percent done; 100 only at the very end."""
    if campaign.status in FINAL and not balance.waiting:
        return 100
    if not balance.rows or campaign.status in ("scheduled", "preparing"):
        return 0
    return min(99, 100 * balance.done // balance.rows)


def _poll_seconds(campaign: Campaign, balance: Balance) -> int | None:
    if campaign.status == "scheduled":
        return 1 if campaign.is_undo_window else 10
    if campaign.status in FINAL:
        return 2 if balance.waiting else None
    if campaign.status == "paused":
        return 2 if balance.sending else 5
    return 2 if balance.rows < MANY else 3


@bp.get("/campaigns/<public_id>/report")
@access("user")
def campaign(public_id: str) -> str | BaseResponse:
    """Show a campaign after its launch; redirects a draft to its editor."""
    found = campaign_or_404(public_id)
    if found.status == "draft":
        return redirect(url_for("campaigns.edit", public_id=public_id))
    now = utcnow()
    with counting(with_details=True) as counts:
        why_not = counts.reasons(found)
        shown = {
            "live": _live(found, counts, now),
            "engagement": counts.engagement(found.id),
            "delivered": counts.delivered(found.id),
            "bounces": counts.bounces(found),
            "reasons": why_not,
            "trouble": replies.main_reason(why_not),
            "options": counts.resend_options(found),
            "chart": chart_of(counts.hours(found), found.started_at, now),
            "links": counts.links(found),
        }
    return render_template(
        "web/reports/campaign.html",
        campaign=found,
        facts=facts.campaign_facts(found.id),
        describe=describe,
        is_over=found.status in FINAL,
        under_way=resend.under_way(found.id),
        sender_card=overflow_form.card(found),
        can_go_on=overflow_form.can_help(found),
        **shown,
    )


@bp.get("/campaigns/<public_id>/report/live")
@access("user")
def live(public_id: str) -> str | Response:
    """Return the live part, for the poll. A new status reloads the page, as its buttons change.

    So does another sender address.
    """
    found = campaign_or_404(public_id)
    moves = request.args.get("moves", "0")
    if found.status != request.args.get("status") or moves != str(len(found.earlier_senders)):
        return Response(headers={"HX-Refresh": "true"})
    with counting(with_details=True) as counts:
        shown = _live(found, counts, utcnow())
        came_back, delivered = counts.engagement(found.id), counts.delivered(found.id)
        why_not = counts.reasons(found)
    if shown.poll_seconds is None:  # everything is complete
        return Response(headers={"HX-Refresh": "true"})
    return render_template(
        "web/reports/_live.html",
        campaign=found,
        live=shown,
        facts=facts.campaign_facts(found.id),
        engagement=came_back,
        delivered=delivered,
        trouble=replies.main_reason(why_not),
        describe=describe,
        can_go_on=overflow_form.can_help(found),
        is_over=found.status in FINAL,
        is_poll=True,
    )


@bp.get("/campaigns/<public_id>/report/reasons")
@access("user")
def reason_feed(public_id: str) -> str:
    """Return the reasons and replies so far, for the poll."""
    found = campaign_or_404(public_id)
    with counting(with_details=True) as counts:
        why_not = counts.reasons(found)
    return render_template(
        "web/reports/_reasons.html",
        campaign=found,
        reasons=why_not,
        describe=describe,
        is_over=found.status in FINAL,
    )
