"""The timeline of a subscriber in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns.audience.models import ConsentEvent
from campaigns.reports.timeline import Source, TimelineEntry
from campaigns.web import audience_labels, bulk_words
from campaigns.web.campaigns.titles import titled
from campaigns.web.feedback_labels import bounce_class, hardness
from campaigns.web.words import describe
from campaigns.web.words import gettext as _
from campaigns.wording.messages import N_

_CONSENT = {
    ("requested", "form"): N_("Asked to join “%(list)s” on the sign-up page"),
    ("confirmed", "form"): N_("Confirmed their address for “%(list)s”"),
    ("subscribed", "form"): N_("Subscribed to “%(list)s” on the sign-up page"),
    ("subscribed", "page"): N_("Resubscribed to “%(list)s” on the unsubscribe page"),
    ("subscribed", "manual"): N_("Subscribed to “%(list)s” manually"),
    ("subscribed", "import"): N_("Subscribed to “%(list)s” by an import"),
    ("unsubscribed", "one_click"): N_("Unsubscribed from “%(list)s” in their email client"),
    ("unsubscribed", "email"): N_("Unsubscribed from “%(list)s” by email"),
    ("unsubscribed", "page"): N_("Unsubscribed from “%(list)s” on the unsubscribe page"),
    ("unsubscribed", "manual"): N_("Removed from “%(list)s” manually"),
}
_CONSENT_BY_KIND = {
    "requested": N_("Asked to join “%(list)s”"),
    "confirmed": N_("Confirmed their address for “%(list)s”"),
    "subscribed": N_("Subscribed to “%(list)s”"),
    "unsubscribed": N_("Unsubscribed from “%(list)s”"),
}
_DELIVERY = {
    "queued": N_("“%(campaign)s” is waiting to be sent"),
    "sending": N_("“%(campaign)s” is being sent"),
    "sent": N_("“%(campaign)s” was sent"),
    "failed": N_("“%(campaign)s” could not be sent"),
    "skipped": N_("“%(campaign)s” was not sent"),
    "held": N_("“%(campaign)s” is on hold"),
    "cancelled": N_("“%(campaign)s” was cancelled"),
    "unknown": N_("“%(campaign)s” may have been sent"),
}
_EVENT = {
    "delivered": N_("“%(campaign)s” was delivered"),
    "bounced": N_("“%(campaign)s” bounced"),
    "complained": N_("Reported “%(campaign)s” as spam"),
    "opened": N_("Opened “%(campaign)s”"),
    "clicked": N_("Clicked a link in “%(campaign)s”"),
}
_EMAIL = {
    "queued": N_("A confirmation email is waiting to be sent"),
    "sending": N_("A confirmation email is being sent"),
    "sent": N_("A confirmation email was sent"),
    "failed": N_("A confirmation email could not be sent"),
    "unknown": N_("A confirmation email may have been sent"),
}

_ICONS: Mapping[tuple[Source, str], str] = {
    ("delivery", "sent"): "send",
    ("delivery", "failed"): "circle-x",
    ("delivery", "skipped"): "ban",
    ("delivery", "cancelled"): "ban",
    ("delivery", "held"): "player-pause",
    ("delivery", "unknown"): "alert-triangle",
    ("event", "delivered"): "circle-check",
    ("event", "bounced"): "mail-off",
    ("event", "complained"): "alert-triangle",
    ("event", "opened"): "mail-opened",
    ("event", "clicked"): "click",
    ("consent", "unsubscribed"): "logout",
    ("tag", "tagged"): "tag",
    ("added", "added"): "user-plus",
}
_ICON_OF_SOURCE: Mapping[Source, str] = {
    "delivery": "clock",
    "bulk": "edit",
    "consent": "shield-check",
    "suppression": "ban",
    "lift": "refresh",
    "email": "mail",
}
_BAD = frozenset({"failed", "bounced", "complained"})
_GOOD = frozenset({"confirmed", "subscribed", "opened", "clicked"})


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """An entry of the timeline in words. `tone`: good, bad or "" for neither."""

    text: str
    icon: str
    tone: str
    detail: str
    """Why, or what the person was shown, in one line; may be empty."""
    entry: TimelineEntry


def in_words(entries: Sequence[TimelineEntry]) -> list[TimelineLine]:
    """Return entries as sentences."""
    return [
        TimelineLine(_text(entry), _icon(entry), _tone(entry), _detail(entry), entry)
        for entry in entries
    ]


def proof_in_words(event: ConsentEvent, list_name: str) -> str:
    """Return a consent event as a sentence."""
    return _consent(event.kind, event.channel, list_name)


def _text(entry: TimelineEntry) -> str:
    match entry.source:
        case "delivery":
            return _(_DELIVERY[entry.kind], campaign=titled(entry.campaign))
        case "event":
            return _(_EVENT[entry.kind], campaign=titled(entry.campaign))
        case "consent":
            return _consent(entry.kind, entry.channel, entry.list_name)
        case "suppression" | "lift":
            return _suppression(entry)
        case "email":
            return _(_EMAIL[entry.channel])
        case "bulk":
            return bulk_words.title(entry.run) if entry.run else ""
        case "tag":
            return _("Tagged “%(tag)s”", tag=entry.tag)
        case "added":
            return _("Added to Campaigns")


def _suppression(entry: TimelineEntry) -> str:
    if entry.source == "lift":
        return _("Suppression removed by %(user)s", user=entry.reason)
    return _("Address suppressed")


def _consent(kind: str, channel: str, list_name: str) -> str:
    pattern = _CONSENT.get((kind, channel)) or _CONSENT_BY_KIND[kind]
    return _(pattern, list=list_name or _("Deleted list"))


def _detail(entry: TimelineEntry) -> str:
    if entry.source == "delivery":
        return describe(entry.reason)
    if entry.source == "event" and entry.kind == "bounced":
        return f"{hardness(entry.reason)}: {bounce_class(entry.reason)}"
    if entry.source in ("suppression", "lift"):
        label = audience_labels.SUPPRESSION_REASONS.get(entry.kind, entry.kind)
        return str(label)
    return ""


def _icon(entry: TimelineEntry) -> str:
    return _ICONS.get((entry.source, entry.kind)) or _ICON_OF_SOURCE[entry.source]


def _tone(entry: TimelineEntry) -> str:
    if entry.kind in _BAD or entry.source == "suppression":
        return "bad"
    return "good" if entry.kind in _GOOD else ""
