"""Launch a campaign: the only place that decides whether it may be sent, and how.

Pages, programs and commands translate their input to a LaunchRequest, and the result to their
output. They call three functions, as nothing slow may run in a transaction:

    found = launch.review(campaign, base_url=..., signer=..., now=now)    # counts, checks; slow
    decision = launch.decide(found, request, now=now)            # reads only
    with transaction():
        outcome = launch.launch(decision, now=now)               # guarded writes

Both `decide` and `launch` may return Refused; `launch` does if the campaign, or the parts of the
library that it shows, were changed in between, or if it was launched or deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from campaigns.accounts.workspace import load_workspace
from campaigns.campaign import (
    canary_plan,
    drafts,
    fallback_sender,
    frozen_content,
    schedule,
    series,
)
from campaigns.campaign.canary_plan import CanaryPlan, CanaryRequest
from campaigns.campaign.drafts import Arithmetic
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.campaign.preflight import Check, preflight
from campaigns.campaign.schedule_request import ResolvedSchedule, ScheduleRequest, resolve
from campaigns.db import db
from campaigns.reason import Parameter, Reason, ReasonError
from campaigns.tokens import Signer

TYPED_FROM = 1000
"""Number of recipients above which it must be typed to confirm: deliberate friction."""
DRIFT = 0.02
"""Fraction by which the audience may change between review and launch."""


class LaunchRequest(BaseModel):
    """A request to launch a campaign.

    `version`: the reviewed one. `typed`: the number of recipients typed to confirm, `shown`: the
    number that the review showed. `fallback_sender`: the public id of a sender address, or "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None = None
    typed: int | None = None
    shown: int | None = None
    schedule: ScheduleRequest = ScheduleRequest()
    canary: CanaryRequest | None = None
    fallback_sender: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """The current state of a draft: its audience and the results of all checks.

    `made_from`: a digest of the brand, images, snippets and saved blocks that were checked.
    """

    campaign: Campaign
    arithmetic: Arithmetic
    checks: Sequence[Check]
    made_from: str

    @property
    def is_blocked(self) -> bool:
        """Whether a problem forbids the launch."""
        return any(check.blocks for check in self.checks)

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return sum(check.level == "warning" for check in self.checks)

    @property
    def problems(self) -> int:
        """Number of problems that forbid the launch."""
        return sum(check.blocks for check in self.checks)

    @property
    def must_type(self) -> bool:
        """Whether the number of recipients must be typed to confirm."""
        return self.arithmetic.recipients > TYPED_FROM


@dataclass(frozen=True, slots=True)
class Refused:
    """The campaign is not launched; `field` names the part of the request at fault."""

    code: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    field: str = ""

    @property
    def reason(self) -> Reason:
        """The refusal as a reason, to be turned into a sentence."""
        return Reason(self.code, self.params)


@dataclass(frozen=True, slots=True)
class Decision:
    """A launch that may be carried out, of this version."""

    campaign_id: int
    version: int
    made_from: str
    schedule: ResolvedSchedule
    canary: CanaryPlan
    fallback_sender_id: int | None
    undo_seconds: int


@dataclass(frozen=True, slots=True)
class Launched:
    """The result of a launch: a recurring `series`, or the campaign itself.

    `scheduled_at`: None if it is sent now. `is_preparing`: ring for its expansion. `note`: a remark
    about the chosen time, such as a clock change.
    """

    scheduled_at: datetime | None = None
    is_preparing: bool = False
    note: Reason | None = None
    series: CampaignSeries | None = None


def review(campaign: Campaign, *, base_url: str, signer: Signer, now: datetime) -> Review:
    """Count the audience of a draft and run every check."""
    made_from = frozen_content.digest_of(campaign)
    arithmetic = drafts.audience_arithmetic(campaign.id, now=now)
    checks = preflight(campaign, arithmetic, base_url=base_url, signer=signer, now=now)
    return Review(campaign, arithmetic, checks, made_from)


def decide(found: Review, request: LaunchRequest, *, now: datetime) -> Decision | Refused:
    """Decide whether the reviewed draft may be launched as requested."""
    campaign = found.campaign
    if campaign.status != "draft":
        return Refused("launch.not_a_draft")
    try:
        _check(found, request)
        return Decision(
            campaign.id,
            campaign.version,
            found.made_from,
            schedule=resolve(campaign, request.schedule, now=now),
            canary=canary_plan.plan_for(campaign, request.canary),
            fallback_sender_id=_fallback_id(campaign, request.fallback_sender),
            undo_seconds=load_workspace().undo_seconds,
        )
    except ReasonError as error:
        return _refused(error)


def launch(decision: Decision, *, now: datetime) -> Launched | Refused:
    """Launch exactly the version that was decided on."""
    campaign = db.session.get(
        Campaign, decision.campaign_id, with_for_update=True, populate_existing=True
    )
    if campaign is None:
        return Refused("launch.deleted")
    if campaign.status != "draft":
        return Refused("launch.not_a_draft")
    is_same = campaign.version == decision.version
    # What was checked is sent: someone may just have deleted a snippet.
    is_same = is_same and frozen_content.digest_of(campaign) == decision.made_from
    if not is_same or not _write_choices(decision, now):
        return Refused("launch.changed")
    if decision.schedule.recurring is not None:
        return _begin_series(decision, now)
    return _send(decision, now)


def _send(decision: Decision, now: datetime) -> Launched | Refused:
    plan, undo_seconds = decision.schedule.plan, decision.undo_seconds
    if not schedule.launch(decision.campaign_id, plan, undo_seconds=undo_seconds, now=now):
        return Refused("launch.changed")
    return Launched(
        scheduled_at=plan.at,
        is_preparing=plan.at is None and not undo_seconds,
        note=decision.schedule.note,
    )


def _begin_series(decision: Decision, now: datetime) -> Launched | Refused:
    """Start a recurring campaign; the clock creates its first occurrence in time."""
    recurring, plan = decision.schedule.recurring, decision.schedule.plan
    if recurring is None:
        raise ValueError("no rule")
    try:
        begun = series.create(decision.campaign_id, recurring.rule, recurring.first, plan, now=now)
    except ReasonError as error:
        return _refused(error)
    return Launched(series=begun)


def _write_choices(decision: Decision, now: datetime) -> bool:
    return canary_plan.configure(decision.campaign_id, decision.canary) and fallback_sender.choose(
        decision.campaign_id, decision.fallback_sender_id, now=now
    )


def _fallback_id(campaign: Campaign, public_id: str) -> int | None:
    route = fallback_sender.route_for(campaign, public_id)
    return route.sender.id if route else None


def _check(found: Review, request: LaunchRequest) -> None:
    """Raise ReasonError for whatever forbids a launch, regardless of its schedule."""
    if request.version != found.campaign.version:
        raise ReasonError("launch.old_version")
    if found.is_blocked:
        raise ReasonError("launch.blocked", count=found.problems)
    if found.must_type:
        _check_typed(found.arithmetic.recipients, request)
    if series.of_template(found.campaign.id) is not None:
        raise ReasonError("launch.recurs")


def _check_typed(recipients: int, request: LaunchRequest) -> None:
    """Raise ReasonError unless the typed number is the one shown, and still about right."""
    typed = request.typed
    if typed is None:
        raise ReasonError("launch.not_typed", field="typed", recipients=str(recipients))
    numbers = {"typed": str(typed), "recipients": str(recipients), "count": recipients}
    if typed not in {recipients, request.shown}:
        raise ReasonError("launch.typed_wrong", field="typed", **numbers)
    if abs(typed - recipients) > DRIFT * recipients:
        raise ReasonError("launch.audience_changed", field="typed", **numbers)


def _refused(error: ReasonError) -> Refused:
    return Refused(error.reason.code, error.reason.params, error.field)
