"""What was chosen in the send form about a canary, and what it means in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from campaigns.campaign.models import Campaign
from campaigns.delivery import canary
from campaigns.delivery.canary import (
    FEWEST_OF_GROUP,
    LEAST_PERCENT,
    MOST_MINUTES,
    MOST_PERCENT,
    USUAL_PERCENT,
    Settings,
)
from campaigns.delivery.canary_policy import MEASURES, Band, Bands, Measure
from campaigns.web.campaigns.plan_form import Form, WishError
from campaigns.web.template_helpers import number, plural

FIELD = "canary"


@dataclass(frozen=True, slots=True)
class Fields:
    """The form as it is shown: what was typed, or how the campaign was set."""

    is_on: bool
    percent: str
    minutes: str
    bands: list[tuple[Measure, str, str]]


def shown(campaign: Campaign, form: Form) -> Fields:
    """For the page. A form that was refused shows what was typed."""
    kept = canary.settings_of(campaign)
    typed: Mapping[str, str] = form if "version" in form else {}
    return Fields(
        is_on="canary" in typed if typed else kept.percent > 0,
        percent=typed.get("canary_percent", _text(kept.percent or USUAL_PERCENT)),
        minutes=typed.get("canary_minutes", str(kept.minutes)),
        bands=[
            (
                measure,
                typed.get(f"{measure.name}_go_on", _text(kept.bands[measure.name].go_on)),
                typed.get(f"{measure.name}_stop", _text(kept.bands[measure.name].stop)),
            )
            for measure in MEASURES
        ],
    )


def read(campaign: Campaign, form: Form) -> Settings:
    """The form as settings. Raises WishError. Turned off, what was set before is kept with it."""
    if "canary" not in form:
        return replace(canary.settings_of(campaign), percent=0.0)
    percent = _decimal(form.get("canary_percent", ""))
    if percent is None or not LEAST_PERCENT <= percent <= MOST_PERCENT:
        span = f"{_text(LEAST_PERCENT)} to {_text(MOST_PERCENT)}"
        raise WishError(f"Send it to {span}% of the people first.", FIELD)
    minutes = form.get("canary_minutes", "").strip()
    is_number = minutes.isascii() and minutes.isdigit() and len(minutes) < 6
    if not is_number or not 1 <= int(minutes) <= MOST_MINUTES:
        raise WishError(f"Watch the first ones for 1 to {number(MOST_MINUTES)} minutes.", FIELD)
    bands: Bands = {measure.name: _band(measure, form) for measure in MEASURES}
    return Settings(percent, int(minutes), bands)


def _band(measure: Measure, form: Form) -> Band:
    go_on = _decimal(form.get(f"{measure.name}_go_on", ""))
    stop = _decimal(form.get(f"{measure.name}_stop", ""))
    if go_on is None or stop is None or not 0 < go_on <= stop <= 100:
        raise WishError(
            f"“{measure.title}” needs two numbers up to 100%: first that below which it goes on, "
            "then one as large or larger above which it stops.",
            FIELD,
        )
    return Band(go_on, stop)


def _decimal(text: str) -> float | None:
    digits = text.strip().replace(",", ".")
    whole, _, part = digits.partition(".")
    is_number = (whole + part).isascii() and (whole + part).isdigit() and len(digits) < 8
    return float(digits) if is_number and whole else None


def _text(value: float) -> str:
    return f"{value:g}"


def sentences(settings: Settings, *, recipients: int) -> list[str]:
    """What will happen because of it."""
    if not settings.percent:
        return []
    first = canary.how_many(recipients, settings.percent)
    if not first:
        few = f"With {plural(recipients, 'person', 'people')} there is no test with a few first"
        return [f"{few}: everybody is one of the first {canary.FEWEST_PEOPLE}."]
    minutes = plural(settings.minutes, "minute")
    said = (
        f"About {number(first)} people get it first, at least {FEWEST_OF_GROUP} of each mailbox "
        f"provider. What comes back is watched for {minutes}; then the others follow by "
        "themselves, or it stops and asks you."
    )
    return [said]
