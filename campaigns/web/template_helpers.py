"""Template filters and globals: formatting and navigation."""

import datetime as dt
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, has_request_context, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from campaigns import formatting
from campaigns.accounts.workspace import load_workspace
from campaigns.addresses import shown_address, shown_domain, shown_sender
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.web.static_files import asset
from campaigns.wording.catalog import languages
from campaigns.wording.messages import N_

LOW_DISK_BYTES = 16 * 1024 * 1024
THEMES = ("light", "dark")
JUST_NOW = timedelta(minutes=1)
"""Age below which a time is shown as "just now"."""


@dataclass(frozen=True, slots=True)
class NavEntry:
    """An entry of the navigation."""

    title: str
    icon: str
    endpoint: str
    blueprints: tuple[str, ...]


NAVIGATION: tuple[tuple[str, tuple[NavEntry, ...]], ...] = (
    (
        "",
        (
            NavEntry(N_("Home"), "home", "home.home", ("home",)),
            NavEntry(
                N_("Campaigns"),
                "send",
                "campaigns.index",
                ("campaigns", "reports"),
            ),
            NavEntry(N_("Calendar"), "calendar", "calendar.index", ("calendar",)),
        ),
    ),
    (
        N_("Content"),
        (
            NavEntry(N_("Templates"), "template", "templates.index", ("templates",)),
            NavEntry(
                N_("Saved content"),
                "bookmark",
                "saved_content.index",
                ("saved_content", "saved-blocks"),
            ),
            NavEntry(N_("Media"), "photo", "media.index", ("media",)),
            NavEntry(N_("Brands"), "palette", "brands.index", ("brands",)),
        ),
    ),
    (
        N_("Audience"),
        (
            NavEntry(N_("Subscribers"), "users", "subscribers.index", ("subscribers", "tasks")),
            NavEntry(N_("Lists"), "list", "lists.index", ("lists", "list_emails")),
            NavEntry(N_("Segments"), "filter", "segment_pages.index", ("segment_pages",)),
            NavEntry(N_("Fields"), "address-book", "custom_fields.index", ("custom_fields",)),
            NavEntry(N_("Tags"), "tag", "tags.index", ("tags",)),
            NavEntry(N_("Imports"), "file-import", "imports.index", ("imports",)),
            NavEntry(N_("Suppression list"), "ban", "suppressions.index", ("suppressions",)),
        ),
    ),
    (
        "",
        (NavEntry(N_("Settings"), "settings", "settings.index", ("settings",)),),
    ),
)
MAILBOX = NavEntry(N_("Mailbox"), "inbox", "mailbox.index", ("mailbox",))

STATUSES = {
    "draft": N_("Draft"),
    "scheduled": N_("Scheduled"),
    "preparing": N_("Preparing"),
    "testing": N_("Testing"),
    "watching": N_("Watching"),
    "sending": N_("Sending"),
    "paused": N_("Paused"),
    "sent": N_("Sent"),
    "cancelled": N_("Cancelled"),
    "queued": N_("Waiting"),
    "failed": N_("Failed"),
    "skipped": N_("Skipped"),
    "held": N_("On hold"),
    "unknown": N_("Unknown"),
    "pending": N_("Pending"),
    "subscribed": N_("Subscribed"),
    "unsubscribed": N_("Unsubscribed"),
    "suppressed": N_("Suppressed"),
    "on_no_list": N_("On no list"),
    "mapping": N_("Not started"),
    "running": N_("Importing"),
    "done": N_("Done"),
}
"""Labels for the statuses of campaigns, deliveries, subscribers, subscriptions and imports."""


def status_word(name: str) -> str:
    """Return the label of a status."""
    return str(_(STATUSES.get(name, name)))


def register(app: Flask) -> None:
    for write in (
        number,
        percent,
        speed,
        duration,
        size,
        moment,
        long_date,
        month,
        clock,
        wall_clock,
        second,
        ago,
    ):
        app.add_template_filter(write)
    app.add_template_global(language_tag)
    app.add_template_global(theme_attributes)
    app.add_template_global(languages)
    app.add_template_global(icon_url)
    app.add_template_global(status_word)
    app.add_template_global(shown_address)
    app.add_template_global(shown_domain)
    app.add_template_global(shown_sender)
    app.context_processor(_context)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _context() -> dict[str, Any]:
    if not has_request_context() or not current_user.is_authenticated:
        return {}
    sections = [
        (title, tuple(one for one in entries if one.endpoint in current_app.view_functions))
        for title, entries in NAVIGATION
    ]
    if services().settings.mailbox_port:
        sections.insert(-1, ("", (MAILBOX,)))
    return {
        "navigation": sections,
        "active_blueprint": _section(),
        "workspace": current_workspace(),
        "disk_is_full": disk_is_full(),
        "user": current_user.user,
    }


def _section() -> str:
    """Return the blueprint of the navigation's current entry.

    Pages that campaigns and others share know it as the argument `owner` of their route.
    """
    return (request.view_args or {}).get("owner") or request.blueprint or ""


def disk_is_full() -> bool:
    """Return whether the data directory is too full to save or send anything."""
    return shutil.disk_usage(services().settings.data_dir).free < LOW_DISK_BYTES


def current_workspace() -> Any:
    """Return the workspace, loaded once per request."""
    if "workspace" not in g:
        g.workspace = load_workspace()
    return g.workspace


def zone() -> ZoneInfo:
    """Return the workspace's time zone, in which all times are shown."""
    return ZoneInfo(current_workspace().time_zone)


def locale() -> str:
    """Return the locale of this request, such as "en"."""
    return str(get_locale() or formatting.DEFAULT_LOCALE)


def language_tag() -> str:
    """Return the language tag of this request, for the `lang` attribute."""
    return formatting.language_tag(locale())


def theme_attributes() -> Markup:
    """Return attributes of the page: light or dark, and whether the user chose that.

    Without a choice, static/js/theme.js follows the device.
    """
    chosen = request.cookies.get("theme") if has_request_context() else None
    if chosen not in THEMES:
        return Markup('data-bs-theme="light"')
    return Markup('data-bs-theme="{}" data-theme-chosen').format(chosen)


def local(value: datetime) -> datetime:
    """Convert a time to the workspace's zone."""
    return value.astimezone(zone())


def number(value: float | None) -> str:
    return formatting.number(value, locale())


def percent(part: int | None, whole: int | None) -> str:
    """Return a percentage such as 42.2%; a dash if the whole is 0."""
    return formatting.percent(part, whole, locale())


def speed(per_second: float) -> str:
    return formatting.speed(per_second, locale())


def duration(length: timedelta | float) -> str:
    """Format a timedelta, or seconds, such as "12 minutes"."""
    return formatting.duration(length, locale())


def size(count: int) -> str:
    return formatting.size(count, locale())


def moment(value: datetime | None, style: str = "minute") -> str:
    """Format a time in the workspace's zone, to the `minute` or `second`, or only the `day`."""
    if value is None:
        return formatting.NOTHING
    if style == "day":
        return formatting.date(local(value), locale())
    return formatting.date_time(local(value), locale(), seconds=style == "second")


def long_date(value: dt.date) -> str:
    """Format a date with its weekday. Does not convert to the workspace's zone."""
    return formatting.long_date(value, locale())


def month(value: dt.date) -> str:
    return formatting.month(value, locale())


def wall_clock(value: datetime) -> str:
    """Format the time of day in the value's own zone."""
    return formatting.time(value, locale())


def clock(value: datetime) -> str:
    """Format the time of day in the workspace's zone."""
    return formatting.time(local(value), locale())


def clock_or_date(value: datetime, now: datetime | None = None, *, seconds: bool = False) -> str:
    """Format the time of day in the workspace's zone, with the date unless it is today."""
    today = local(now or utcnow()).date()
    return formatting.time_or_date(local(value), today, locale(), seconds=seconds)


def second(value: datetime) -> str:
    return clock_or_date(value, seconds=True)


def ago(value: datetime | None) -> str:
    """Format the time since then in words; the date if it is long ago."""
    if value is None:
        return str(_("never"))
    now = utcnow()
    if value > now:
        return moment(value)
    if now - value < JUST_NOW:
        return str(_("just now"))
    return formatting.relative_time(value, now, locale())


def icon_url(name: str) -> str:
    return f"{asset('img/icons.svg')}#{name}"
