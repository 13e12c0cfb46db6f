"""The workspace: the organization that sends, and its settings."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from campaigns.accounts.models import Workspace
from campaigns.db import db
from campaigns.inputs import FormInput, InvalidInputError, one_line, several_lines
from campaigns.reason import Reason

MAX_NAME_LENGTH = 100
MAX_POSTAL_LENGTH = 500
MAX_UNDO_SECONDS = 120
OVERDUE_MINUTES = 120
MAX_OVERDUE_MINUTES = 7 * 24 * 60


def load_workspace() -> Workspace:
    """Return the workspace, or its defaults before it is first saved."""
    return db.session.get(Workspace, 1) or Workspace(
        id=1,
        name="",
        postal_address="",
        time_zone="UTC",
        undo_seconds=10,
        overdue_minutes=OVERDUE_MINUTES,
        demo=False,
    )


def lock_workspace() -> None:
    """Make others who save settings wait until the end of the transaction."""
    db.session.get(Workspace, 1, with_for_update=True, populate_existing=True)


def save_workspace(**values: object) -> Workspace:
    """Change the workspace's data. Creates the row on first use."""
    found = db.session.get(Workspace, 1)
    if found is None:
        found = Workspace(id=1)
        db.session.add(found)
    for name, value in values.items():
        setattr(found, name, value)
    db.session.flush()
    return found


class WorkspaceInput(FormInput):
    """The workspace as typed into the form."""

    name: str
    postal_address: str
    time_zone: str
    undo_seconds: str
    overdue_minutes: str


def change_workspace(typed: WorkspaceInput) -> Workspace:
    """Check the input and save it. Raises InvalidInputError that names every problem."""
    name, postal = one_line(typed.name), several_lines(typed.postal_address)
    zone = typed.time_zone.strip()
    problems: dict[str, Reason] = {}
    if not name:
        problems["name"] = Reason("workspace.name_missing")
    if len(name) > MAX_NAME_LENGTH:
        problems["name"] = Reason("workspace.name_too_long", {"most": MAX_NAME_LENGTH})
    if len(postal) > MAX_POSTAL_LENGTH:
        most = {"most": MAX_POSTAL_LENGTH}
        problems["postal_address"] = Reason("workspace.postal_address_too_long", most)
    if zone not in time_zones():
        problems["time_zone"] = Reason("workspace.unknown_time_zone")
    seconds = int(typed.undo_seconds) if typed.undo_seconds.strip().isdecimal() else -1
    if not 0 <= seconds <= MAX_UNDO_SECONDS:
        problems["undo_seconds"] = Reason("workspace.bad_undo_window", {"most": MAX_UNDO_SECONDS})
    minutes = int(typed.overdue_minutes) if typed.overdue_minutes.strip().isdecimal() else 0
    if not 1 <= minutes <= MAX_OVERDUE_MINUTES:
        most = {"most": MAX_OVERDUE_MINUTES}
        problems["overdue_minutes"] = Reason("workspace.bad_overdue_minutes", most)
    if problems:
        raise InvalidInputError(problems)
    return save_workspace(
        name=name,
        postal_address=postal,
        time_zone=zone,
        undo_seconds=seconds,
        overdue_minutes=minutes,
    )


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of the selectable time zones: UTC and Area/City."""
    areas = (
        "Africa",
        "America",
        "Antarctica",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    known = {name for name in available_timezones() if name.partition("/")[0] in areas}
    return ("UTC", *sorted(known))


def workspace_zone() -> ZoneInfo:
    """Return the workspace's time zone, in which times are shown."""
    return ZoneInfo(load_workspace().time_zone)
