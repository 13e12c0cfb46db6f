"""Names of what rules refer to, read once for a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.audience import lists, mailbox_providers
from campaigns.audience.fields import controls, definitions
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.models import ImportRun, Tag
from campaigns.audience.segments import saved
from campaigns.audience.segments.leaves import Use
from campaigns.campaign.models import Campaign
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.web.audience_labels import BANDS, SUBSCRIPTION_SOURCES
from campaigns.web.template_helpers import locale
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name

NEWEST = 200
"""Number of imports and of campaigns to choose from; older ones that rules name are added."""

Options = Mapping[str, str]
"""Labels by value, in the order of the control."""


@dataclass(frozen=True, slots=True)
class RuleNames:
    """Names by id, as text, of everything that a rule can refer to."""

    lists: Options
    tags: Options
    segments: Options
    imports: Options
    campaigns: Options
    fields: Mapping[str, Definition]
    """Fields by key."""

    def knows(self, use: Use) -> bool:
        """Return whether what a rule refers to exists."""
        names: Mapping[str, object] = {
            "list": self.lists,
            "tag": self.tags,
            "segment": self.segments,
            "import": self.imports,
            "campaign": self.campaigns,
        }.get(use.what, {str(use.key): ""})
        return str(use.key) in names


def load(uses: Iterable[Use] = ()) -> RuleNames:
    """Read the names, including those of old campaigns and imports that these rules refer to."""
    used = list(uses)
    return RuleNames(
        lists={str(one.id): one.name for one in lists.choices()},
        tags=_pairs(sa.select(Tag.id, Tag.name).order_by(Tag.name)),
        segments={str(one.id): one.name for one in saved.choices()},
        imports=_newest(ImportRun.id, ImportRun.file_name, _ids(used, "import")),
        campaigns=_campaigns(_ids(used, "campaign")),
        fields={one.key: one for one in definitions.all_definitions()},
    )


def _ids(uses: Iterable[Use], what: str) -> list[int]:
    return [int(use.key) for use in uses if use.what == what]


def _campaigns(also: list[int]) -> Options:
    """Return the titles of the newest campaigns, and of these."""
    columns = sa.select(Campaign.id, Campaign.name, Campaign.subject)
    rows = [*db.session.execute(columns.order_by(Campaign.id.desc()).limit(NEWEST))]
    missing = set(also) - {row.id for row in rows}
    if missing:
        rows += db.session.execute(columns.where(Campaign.id.in_(missing)))
    return {str(row.id): title_of(row.name, row.subject) or _("Untitled campaign") for row in rows}


def _newest(
    key: sa.SQLColumnExpression[int], name: sa.SQLColumnExpression[str], also: list[int]
) -> Options:
    found = _pairs(sa.select(key, name).order_by(key.desc()).limit(NEWEST))
    missing = [number for number in also if str(number) not in found]
    if not missing:
        return found
    return {**found, **_pairs(sa.select(key, name).where(key.in_(missing)))}


def _pairs(statement: sa.Executable) -> Options:
    return {str(number): name for number, name in db.session.execute(statement)}


def field_options(field: Definition) -> Options:
    """Return the choices of a field's value."""
    return dict(controls.control(field, (), locale()).options)


def mailbox_options() -> Options:
    """Return the mailbox providers, and all others."""
    known = {code: name for code, name in mailbox_providers.NAMES.items() if name}
    return {**known, mailbox_providers.OTHER: mailbox_name(mailbox_providers.OTHER)}


def channel_options() -> Options:
    """Return the ways in which people can give consent."""
    named = {key: str(label) for key, label in SUBSCRIPTION_SOURCES.items() if key != "page"}
    return {"any": _("In any way"), **named, "page": _("Preferences page")}


def band_options() -> Options:
    """Return the bands of engagement."""
    return {band: str(label) for band, label in BANDS.items()}
