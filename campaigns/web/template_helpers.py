"""What every template may use: filters for numbers and moments, the navigation."""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_login import current_user

from campaigns.accounts.workspace import load_workspace
from campaigns.clock import utcnow
from campaigns.context import services

LOW_DISK_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NavEntry:
    title: str
    icon: str
    endpoint: str
    blueprints: tuple[str, ...]


NAVIGATION: tuple[tuple[str, tuple[NavEntry, ...]], ...] = (
    (
        "",
        (
            NavEntry("Home", "home", "home.home", ("home",)),
            NavEntry("Campaigns", "send", "campaigns.index", ("campaigns", "reports")),
            NavEntry("Calendar", "calendar", "calendar.index", ("calendar",)),
        ),
    ),
    (
        "Audience",
        (
            NavEntry("Subscribers", "users", "subscribers.index", ("subscribers",)),
            NavEntry("Lists", "list", "lists.index", ("lists",)),
            NavEntry("Imports", "file-import", "imports.index", ("imports",)),
            NavEntry("Suppressed", "ban", "suppressions.index", ("suppressions",)),
        ),
    ),
    (
        "",
        (NavEntry("Settings", "settings", "settings.index", ("settings",)),),
    ),
)
MAILBOX = NavEntry("Mailbox", "inbox", "mailbox.index", ("mailbox",))


def register(app: Flask) -> None:
    app.add_template_filter(number)
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(clock)
    app.add_template_filter(second)
    app.add_template_filter(plural)
    app.add_template_filter(percent)
    app.add_template_global(asset)
    app.add_template_global(icon_url)
    app.context_processor(_context)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _context() -> dict[str, Any]:
    if not has_request_context() or not current_user.is_authenticated:
        return {}
    sections = list(NAVIGATION)
    if services().settings.mailbox_port:
        sections.insert(2, ("", (MAILBOX,)))
    return {
        "navigation": sections,
        "active_blueprint": request.blueprint or "",
        "workspace": current_workspace(),
        "disk_is_full": disk_is_full(),
        "user": current_user.user,
    }


def disk_is_full() -> bool:
    """Whether the data directory has so little room that nothing more can be saved or sent."""
    return shutil.disk_usage(services().settings.data_dir).free < LOW_DISK_BYTES


def current_workspace() -> Any:
    """The workspace, looked up once per request."""
    if "workspace" not in g:
        g.workspace = load_workspace()
    return g.workspace


def zone() -> ZoneInfo:
    """The workspace's time zone: all moments are shown in it."""
    return ZoneInfo(current_workspace().time_zone)


def number(value: float | None) -> str:
    """1234567 as 1 234 567 (thin spaces, that never break)."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def plural(count: int, one: str, many: str = "") -> str:
    """`3|plural("list")` is "3 lists"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(part: int | None, whole: int | None) -> str:
    """A share in words fit for a table; a dash where there is no whole."""
    if not part and not whole:
        return "–"
    if not whole:
        return "–"
    share = 100 * (part or 0) / whole
    if share in {0, 100}:
        return f"{share:.0f}\u202f%"
    return f"{share:.1f}\u202f%" if share >= 0.1 else "<\u202f0.1\u202f%"


def moment(value: datetime | None, style: str = "minute") -> str:
    """A moment in the workspace's zone: `minute`, `second` or `day`."""
    if value is None:
        return "–"
    local = value.astimezone(zone())
    forms = {"day": "%d %b %Y", "minute": "%d %b %Y, %H:%M", "second": "%d %b %Y, %H:%M:%S"}
    return local.strftime(forms[style]).lstrip("0")


def clock(value: datetime) -> str:
    """The time of day in the workspace's zone."""
    return f"{value.astimezone(zone()):%H:%M}"


def second(value: datetime) -> str:
    """The time of day to the second; with the date unless it is today."""
    local, today = value.astimezone(zone()), utcnow().astimezone(zone())
    return f"{local:%H:%M:%S}" if local.date() == today.date() else moment(value, "second")


def ago(value: datetime | None) -> str:
    """How long since, in round words; far-off moments as a date."""
    if value is None:
        return "never"
    seconds = (utcnow() - value).total_seconds()
    if seconds < 0:
        return moment(value)
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return moment(value, "day") if word == "day" and count > 30 else _ago(count, word)
    return "just now"


def _ago(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''} ago"


@lru_cache(maxsize=64)
def _fingerprint(path: str, _changed: float) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file, with its fingerprint, so that it may be cached for ever."""
    path = Path(str(current_app.static_folder)) / name
    return url_for("static", filename=name, v=_fingerprint(str(path), path.stat().st_mtime))


def icon_url(name: str) -> str:
    return f"{asset('img/icons.svg')}#{name}"
