"""The test group in the send form: read it as a CanaryRequest, and describe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext

from campaigns.campaign import canary_plan
from campaigns.campaign.canary_plan import (
    FEWEST_OF_GROUP,
    FEWEST_PEOPLE,
    MEASURES,
    USUAL_PERCENT,
    BandRequest,
    CanaryPlan,
    CanaryRequest,
    MeasureName,
)
from campaigns.campaign.models import Campaign
from campaigns.web.campaigns.plan_form import Form
from campaigns.web.campaigns.plan_form import number as read_number
from campaigns.web.template_helpers import number
from campaigns.web.words import MEASURE_TITLES, ngettext
from campaigns.web.words import gettext as _

WHY: Mapping[MeasureName, Any] = {
    "refusals": lazy_gettext(
        "An active list has about 2% dead addresses. Above 5%, mailbox providers start to"
        " distrust the sender; above 10%, many block it."
    ),
    "deferrals": lazy_gettext(
        "Some servers defer every new sender once, so a few deferrals are normal. Many mean"
        " that a provider throttles you."
    ),
    "bounces": lazy_gettext(
        "Nearly all dead addresses are refused at once, so few emails bounce later."
    ),
    "complaints": lazy_gettext(
        "Gmail and Yahoo ask senders to stay below 0.1% and never to reach 0.3%."
    ),
}


@dataclass(frozen=True, slots=True)
class BandField:
    """The two thresholds of a measure in the form."""

    name: MeasureName
    title: str
    why: str
    go_on: str
    stop: str


@dataclass(frozen=True, slots=True)
class CanaryFields:
    """The values in the form: as typed, or as stored."""

    is_on: bool
    percent: str
    minutes: str
    bands: list[BandField]


def shown(campaign: Campaign, form: Form) -> CanaryFields:
    """Return the fields for the page. After an error they show the input."""
    kept = canary_plan.plan_in(campaign)
    typed: Mapping[str, str] = form if "version" in form else {}
    return CanaryFields(
        is_on="canary" in typed if typed else kept.percent > 0,
        percent=typed.get("canary_percent", _text(kept.percent or USUAL_PERCENT)),
        minutes=typed.get("canary_minutes", str(kept.minutes)),
        bands=[
            BandField(
                name=measure.name,
                title=MEASURE_TITLES[measure.name],
                why=WHY[measure.name],
                go_on=typed.get(f"{measure.name}_go_on", _text(kept.bands[measure.name].go_on)),
                stop=typed.get(f"{measure.name}_stop", _text(kept.bands[measure.name].stop)),
            )
            for measure in MEASURES
        ],
    )


def read(form: Form) -> CanaryRequest | None:
    """Return the request; None if it is off."""
    if "canary" not in form:
        return None
    return CanaryRequest(
        percent=_decimal(form.get("canary_percent", "")),
        minutes=read_number(form.get("canary_minutes", "")),
        bands={
            measure.name: BandRequest(
                go_on=_decimal(form.get(f"{measure.name}_go_on", "")),
                stop=_decimal(form.get(f"{measure.name}_stop", "")),
            )
            for measure in MEASURES
        },
    )


def _decimal(text: str) -> float | None:
    digits = text.strip().replace(",", ".")
    whole, _point, part = digits.partition(".")
    is_number = (whole + part).isascii() and (whole + part).isdigit() and len(digits) < 8
    return float(digits) if is_number and whole else None


def _text(value: float) -> str:
    return f"{value:g}"


def sentences(plan: CanaryPlan, *, recipients: int) -> list[str]:
    """Describe the effect in sentences."""
    if not plan.percent:
        return []
    first = canary_plan.how_many(recipients, plan.percent)
    if not first:
        return [
            _(
                "There is no test group: a test needs more than %(fewest)s recipients.",
                fewest=FEWEST_PEOPLE,
            )
        ]
    return [
        _(
            "About %(count)s recipients get it first, at least %(fewest)s of each mailbox"
            " provider.",
            count=number(first),
            fewest=FEWEST_OF_GROUP,
        ),
        ngettext(
            "The results are observed for %(num)s minute. Then everyone else gets it, or sending"
            " stops and you decide.",
            "The results are observed for %(num)s minutes. Then everyone else gets it, or sending"
            " stops and you decide.",
            plan.minutes,
        ),
    ]
