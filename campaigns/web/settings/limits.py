"""An account's limits: what is on hold now, mailbox groups, warm-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import flash, render_template, request, url_for
from redis.exceptions import RedisError

from campaigns.access import access
from campaigns.accounts.workspace import workspace_zone
from campaigns.audience.mailbox_providers import NAMES, OTHER
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.delivery import domain_waits
from campaigns.engine.limiter import AccountUsage, limiter
from campaigns.providers.models import ProviderAccount
from campaigns.throttling import editing, slowed_domains, warm_up
from campaigns.throttling.editing import WarmUpInput
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import WarmUp
from campaigns.throttling.plan import GroupPlan, Plan
from campaigns.web.saving import (
    Answer,
    done,
    locked_or_404,
    or_404,
    refused,
    saving,
    seen_in,
    seen_of,
)
from campaigns.web.settings.blueprint import bp
from campaigns.web.template_helpers import number, speed, wall_clock
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name, ngettext, sentence

MAX_DOMAINS_SHOWN = 100
ALWAYS_SHOWN = ("google", "outlook", "office365", "yahoo", "apple", OTHER)


@dataclass(frozen=True, slots=True)
class Row:
    """A mailbox group on the page: its limits and current state."""

    group: str
    name: str
    per_minute: str
    at_once: str
    state: str
    is_held: bool
    """Whether the rules hold it; users can end that."""


@dataclass(frozen=True, slots=True)
class WarmUpView:
    """A warm-up as the page shows it."""

    group: str
    name: str
    day: int
    days: int
    cap: int | None
    frozen_until: object
    steps: list[int]
    form: WarmUpInput
    seen: str


@bp.get("/settings/providers/<public_id>/limits")
@access("user")
def limits(public_id: str) -> str:
    return _page(or_404(ProviderAccount, public_id))


@bp.post("/settings/providers/<public_id>/limits")
@access("user")
def save_limits(public_id: str) -> Answer:
    typed = _typed_groups()
    with saving() as problems:
        account = locked_or_404(ProviderAccount, public_id, _group_limits)
        editing.save_group_limits(account.id, typed)
    if problems:
        page = _page(or_404(ProviderAccount, public_id), typed=typed, problems=problems)
        return refused(page, problems)
    return done(_("Changes saved"), _address(public_id))


@bp.post("/settings/providers/<public_id>/limits/end")
@access("user")
def end_hold(public_id: str) -> Answer:
    """End holds by the rules, for the account, a mailbox provider or single domains."""
    group = request.form.get("group", "")
    account = or_404(ProviderAccount, public_id)
    chosen = request.form.getlist("domain")
    if "every_domain" in request.form:
        chosen = [row.domain for row in slowed_domains.slowed(account.id)]
    if chosen:
        with transaction():
            domain_waits.forget(account.id, chosen, now=utcnow())
        message = ngettext("Domain reset", "Domains reset", len(chosen))
        return done(message, _address(public_id))
    with transaction():
        editing.forget_state(account.id, group)
    try:
        limiter().forget_learned(account.id, group)
    except RedisError:
        flash(_("Redis cannot be reached. Speeds learned automatically stay for now."), "warning")
    whom = mailbox_name(group) if group else account.name
    return done(_("Limits of %(name)s reset", name=whom), _address(public_id))


@bp.post("/settings/providers/<public_id>/limits/warm-up")
@access("user")
def save_warm_up(public_id: str) -> Answer:
    group = request.form.get("group", "")
    if request.form.get("do") == "end":
        with transaction():
            editing.end_warm_up(or_404(ProviderAccount, public_id).id, group)
        return done(_("Warm-up ended"), _address(public_id))
    typed = WarmUpInput.read(request.form)
    with saving() as problems:
        account = locked_or_404(
            ProviderAccount, public_id, lambda found: _warm_up(warm_up.plans(found.id).get(group))
        )
        editing.save_warm_up(account.id, group, typed)
    if problems:
        account = or_404(ProviderAccount, public_id)
        page = _page(account, warm_up_form=(group, typed), problems=problems)
        return refused(page, problems)
    return done(_("Warm-up plan saved"), _address(public_id))


def _page(
    account: ProviderAccount,
    *,
    typed: dict[str, tuple[str, str]] | None = None,
    warm_up_form: tuple[str, WarmUpInput] | None = None,
    problems: dict[str, str] | None = None,
) -> str:
    now = utcnow()
    plan = load_plan(account.id, now=now)
    try:
        standing = limiter().standing(account.id, tuple(NAMES))
    except RedisError:
        standing = None
    problems = problems or {}
    warm_ups = _warm_ups(account.id, now, warm_up_form, problems)
    opened = None
    if warm_up_form is not None:
        group = warm_up_form[0]
        opened = {"group": group, "is_new": group not in {view.group for view in warm_ups}}
    rows = _rows(account.id, plan, standing, typed or {}, now)
    return render_template(
        "web/settings/limits.html",
        tab="sending",
        account=account,
        plan=plan,
        windows=_windows(plan, standing),
        rows=rows,
        addable={
            group: mailbox_name(group)
            for group in NAMES
            if group not in {row.group for row in rows}
        },
        domains=slowed_domains.slowed(account.id, now=now),
        most_domains=MAX_DOMAINS_SHOWN,
        account_state=_account_state(plan, standing, now),
        warm_ups=warm_ups,
        opened=opened,
        new_warm_up=warm_up_form[1] if warm_up_form and opened else WarmUpInput(),
        no_warm_up=seen_of(_warm_up(None)),
        group_names={group: mailbox_name(group) for group in NAMES if group != OTHER},
        problems=problems,
        seen=seen_in(_group_limits(account), problems, is_typed=typed is not None),
        sent_today=standing.used.get("day") if standing else None,
        has_counters=standing is not None,
    )


def _rows(
    provider_id: int,
    plan: Plan,
    standing: AccountUsage | None,
    typed: dict[str, tuple[str, str]],
    now: datetime,
) -> list[Row]:
    stored = editing.group_limits(provider_id)
    learned = standing.learned if standing else {}
    wanted = {*ALWAYS_SHOWN, *plan.groups, *learned, *typed, request.args.get("add", "")}
    order = [group for group in NAMES if group in wanted]
    held = editing.held_groups(provider_id)
    rows = []
    for group in order:
        minute, once = typed.get(group) or stored.get(group, ("0", "0"))
        own = plan.groups.get(group, GroupPlan())
        state = _group_state(
            own, learned.get(group, 0.0), standing.ends.get(group) if standing else None, now, plan
        )
        is_held = bool(state) and (group in held or group in learned)
        rows.append(Row(group, mailbox_name(group), minute, once, state, is_held))
    return rows


def _group_state(
    own: GroupPlan, learned: float, ends: datetime | None, now: datetime, plan: Plan
) -> str:
    parts = []
    if own.suspended_until is not None and own.suspended_until > now:
        until = wall_clock(own.suspended_until.astimezone(plan.zone))
        parts.append(_("Waits until %(time)s.", time=until))
    if own.why and own.per_second:
        parts.append(_("Limited to %(speed)s.", speed=speed(own.per_second)))
    if own.why and own.at_once:
        count = number(own.at_once)
        parts.append(_("Limited to %(count)s at the same time, increasing gradually.", count=count))
    if learned:
        parts.append(_learned(learned, ends, plan))
    if parts and own.why:
        parts.append(sentence(own.why))
    return " ".join(parts)


def _learned(per_second: float, ends: datetime | None, plan: Plan) -> str:
    if ends is None:
        return _("Slowed to %(speed)s after it was throttled.", speed=speed(per_second))
    return _(
        "Slowed to %(speed)s after it was throttled, until about %(time)s.",
        speed=speed(per_second),
        time=wall_clock(ends.astimezone(plan.zone)),
    )


def _account_state(plan: Plan, standing: AccountUsage | None, now: datetime) -> str:
    """Return why the whole account is slowed or waits; empty if it is not."""
    learned = standing.learned.get("", 0.0) if standing else 0.0
    if plan.suspended_until is not None and plan.suspended_until > now:
        until = wall_clock(plan.suspended_until.astimezone(plan.zone))
        return " ".join([_("Waits until %(time)s.", time=until), sentence(plan.why)])
    if plan.probe:
        probe = _("One email at a time tests whether it works again.")
        return f"{probe} {sentence(plan.why)}"
    if plan.why:
        return sentence(plan.why)
    if learned:
        return _(
            "Slowed to %(speed)s after throttling, speeding up gradually.", speed=speed(learned)
        )
    return ""


def _windows(plan: Plan, standing: AccountUsage | None) -> list[tuple[str, int, int | None]]:
    """Return (unit, limit, number sent) of each window that has a limit."""
    used = standing.used if standing else {}
    found = []
    for name, unit in (
        ("second", _("Per second")), ("minute", _("Per minute")), ("hour", _("Per hour")),
        ("day", _("In 24 hours")),
    ):  # fmt: skip
        most = getattr(plan.windows, name)
        if most:
            found.append((unit, most, None if name == "second" else used.get(name)))
    return found


def _warm_ups(
    provider_id: int,
    now: datetime,
    typed: tuple[str, WarmUpInput] | None,
    problems: Mapping[str, str],
) -> list[WarmUpView]:
    today = now.astimezone(workspace_zone()).date()
    views = []
    for group, row in sorted(warm_up.plans(provider_id).items()):
        steps = warm_up.steps_of(row)
        is_frozen = row.frozen_until is not None and today < row.frozen_until
        is_typed = typed is not None and typed[0] == group
        views.append(
            WarmUpView(
                group=group,
                name=mailbox_name(group) if group else _("The whole account"),
                day=min(warm_up.day_of(row, today) + 1, len(steps)),
                days=len(steps),
                cap=warm_up.cap(row, today),
                frozen_until=row.frozen_until if is_frozen else None,
                steps=steps,
                form=typed[1] if typed and is_typed else WarmUpInput.of(row),
                seen=seen_in(_warm_up(row), problems, is_typed=is_typed),
            )
        )
    return views


def _group_limits(account: ProviderAccount) -> dict[str, tuple[str, str]]:
    return editing.group_limits(account.id)


def _warm_up(row: WarmUp | None) -> dict[str, str] | None:
    return WarmUpInput.of(row).model_dump() if row is not None else None


def _typed_groups() -> dict[str, tuple[str, str]]:
    return {
        group: (
            request.form.get(f"{group}.per_minute", ""),
            request.form.get(f"{group}.at_once", ""),
        )
        for group in NAMES
        if f"{group}.per_minute" in request.form
    }


def _address(public_id: str) -> str:
    return url_for("settings.limits", public_id=public_id)
