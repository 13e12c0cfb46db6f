"""Rules and what decided for one person as reasons, with names in place of ids."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from campaigns import formatting
from campaigns.audience.fields import values
from campaigns.audience.segments.comparing import IN_DAYS
from campaigns.audience.segments.leaves import Leaf
from campaigns.audience.segments.tree import Group, Rule
from campaigns.reason import Reason
from campaigns.web.segments import names as named
from campaigns.web.segments.names import RuleNames
from campaigns.web.template_helpers import locale, moment, status_word
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name, ngettext, sentence

MOST_VALUES = 5
"""Number of values of a rule that its sentence names."""

Parts = tuple[str | Reason, ...]


def people(root: Group, names: RuleNames) -> str:
    """Return the rules of a segment as one sentence."""
    while root.kind != "none" and len(root.rules) == 1 and isinstance(root.rules[0], Group):
        root = root.rules[0]
    if not root.rules:
        return sentence(Reason("segments.nobody" if root.kind == "any" else "segments.everyone"))
    parts = tuple(_rule(one, names) for one in root.rules)
    match root.kind:
        case "all":
            return sentence(Reason("segments.people_all", {"all_of": parts}))
        case "any":
            return sentence(Reason("segments.people_any", {"any_of": parts}))
        case "none":
            return sentence(Reason("segments.people_none", {"any_of": parts}))


def clause(leaf: Leaf, names: RuleNames) -> str:
    """Return one rule as a clause that continues "Subscribers"."""
    return sentence(_rule(leaf, names))


def _rule(rule: Rule, names: RuleNames) -> Reason:
    if isinstance(rule, Group):
        return _group(rule, names)
    return DESCRIBERS[rule.kind](rule, names)


def _group(group: Group, names: RuleNames) -> Reason:
    if not group.rules:
        return Reason("segments.group_nobody" if group.kind == "any" else "segments.group_everyone")
    parts = tuple(_rule(one, names) for one in group.rules)
    if group.kind == "none":
        return Reason("segments.group_none", {"any_of": parts})
    if len(parts) == 1:
        return parts[0]
    if group.kind == "all":
        return Reason("segments.group_all", {"all_of": parts})
    return Reason("segments.group_any", {"any_of": parts})


# --- Values of fields, names and addresses

_VALUE = {
    "is": "segments.value_is",
    "is_not": "segments.value_is_not",
    "contains": "segments.value_contains",
    "not_contains": "segments.value_not_contains",
    "starts_with": "segments.value_starts_with",
    "ends_with": "segments.value_ends_with",
    "has_value": "segments.value_has_value",
    "no_value": "segments.value_no_value",
    "less": "segments.value_less",
    "at_most": "segments.value_at_most",
    "more": "segments.value_more",
    "at_least": "segments.value_at_least",
    "between": "segments.value_between",
    "is_true": "segments.value_is_true",
    "is_false": "segments.value_is_false",
    "is_one_of": "segments.value_is",
    "is_none_of": "segments.value_is_not",
    "has_any": "segments.value_has_any",
    "has_all": "segments.value_has_all",
    "has_none": "segments.value_has_none",
}
_DATE = {
    "on": "segments.date_on",
    "before": "segments.date_before",
    "after": "segments.date_after",
    "between": "segments.date_between",
    "in_last_days": "segments.date_in_last_days",
    "not_in_last_days": "segments.date_not_in_last_days",
    "in_next_days": "segments.date_in_next_days",
    "anniversary_in_days": "segments.date_anniversary_in_days",
    "has_value": "segments.value_has_value",
    "no_value": "segments.value_no_value",
}


def _value(label: str, op: str, texts: Sequence[str]) -> Reason:
    shown = _some(texts)
    return Reason(_VALUE[op], {"label": label, "any_of": shown, "all_of": shown})


def _some(texts: Sequence[str]) -> Parts:
    """Return the first texts, and how many more there are."""
    if len(texts) <= MOST_VALUES + 1:
        return tuple(texts)
    more = Reason("segments.more_values", {"count": len(texts) - MOST_VALUES})
    return (*texts[:MOST_VALUES], more)


def _quoted(texts: Sequence[Any]) -> list[str]:
    return [f"“{text}”" for text in texts]


def _day(text: object) -> str:
    try:
        return formatting.date(date.fromisoformat(str(text)), locale())
    except ValueError:
        return str(text)


def _date(label: str, op: str, found: Sequence[Any]) -> Reason:
    if op in IN_DAYS:
        return Reason(_DATE[op], {"label": label, "days": found[0]})
    days = tuple(map(_day, found))
    return Reason(_DATE[op], {"label": label, "any_of": days, "all_of": days})


def _field(leaf: Any, names: RuleNames) -> Reason:
    field = names.fields.get(leaf.key)
    label = f"“{field.label if field else leaf.key}”"
    type_ = field.type if field else "text"
    # The type may have changed since: a rule that no longer fits is still described.
    if leaf.op in _DATE and (type_ == "date" or leaf.op not in _VALUE):
        return _date(label, leaf.op, leaf.values)
    if type_ == "number":
        texts = [formatting.exact_number(one, locale()) if isinstance(one, int | float) else one
                 for one in leaf.values]  # fmt: skip
    elif field is not None and (options := named.field_options(field)):
        texts = [options.get(str(one), str(one)) for one in leaf.values]
    else:
        texts = _quoted(leaf.values)
    return _value(label, leaf.op, texts)


def _name(leaf: Any, names: RuleNames) -> Reason:
    labels = {"full": _("full name"), "first": _("first name"), "last": _("last name")}
    return _value(labels[leaf.part], leaf.op, _quoted([leaf.value]))


def _address(leaf: Any, names: RuleNames) -> Reason:
    return _value(_("email address"), leaf.op, _quoted([leaf.value]))


def _domain(leaf: Any, names: RuleNames) -> Reason:
    return _value(_("email domain"), leaf.op, leaf.values)


def _mailbox_provider(leaf: Any, names: RuleNames) -> Reason:
    return _value(_("mailbox provider"), leaf.op, [mailbox_name(one) for one in leaf.values])


# --- Lists and tags

_LIST = {
    ("is", "subscribed", "any"): "segments.list_is_subscribed",
    ("is", "subscribed", "in_last_days"): "segments.list_is_subscribed_in_last_days",
    ("is", "subscribed", "before_last_days"): "segments.list_is_subscribed_before_last_days",
    ("is", "pending", "any"): "segments.list_is_pending",
    ("is", "pending", "in_last_days"): "segments.list_is_pending_in_last_days",
    ("is", "pending", "before_last_days"): "segments.list_is_pending_before_last_days",
    ("is", "unsubscribed", "any"): "segments.list_is_unsubscribed",
    ("is", "unsubscribed", "in_last_days"): "segments.list_is_unsubscribed_in_last_days",
    ("is", "unsubscribed", "before_last_days"): "segments.list_is_unsubscribed_before_last_days",
    ("is", "any", "any"): "segments.list_is_any",
    ("is", "any", "in_last_days"): "segments.list_is_any_in_last_days",
    ("is", "any", "before_last_days"): "segments.list_is_any_before_last_days",
    ("is_not", "subscribed", "any"): "segments.list_is_not_subscribed",
    ("is_not", "subscribed", "in_last_days"): "segments.list_is_not_subscribed_in_last_days",
    ("is_not", "subscribed", "before_last_days"):
        "segments.list_is_not_subscribed_before_last_days",
    ("is_not", "pending", "any"): "segments.list_is_not_pending",
    ("is_not", "pending", "in_last_days"): "segments.list_is_not_pending_in_last_days",
    ("is_not", "pending", "before_last_days"): "segments.list_is_not_pending_before_last_days",
    ("is_not", "unsubscribed", "any"): "segments.list_is_not_unsubscribed",
    ("is_not", "unsubscribed", "in_last_days"): "segments.list_is_not_unsubscribed_in_last_days",
    ("is_not", "unsubscribed", "before_last_days"):
        "segments.list_is_not_unsubscribed_before_last_days",
    ("is_not", "any", "any"): "segments.list_is_not_any",
    ("is_not", "any", "in_last_days"): "segments.list_is_not_any_in_last_days",
    ("is_not", "any", "before_last_days"): "segments.list_is_not_any_before_last_days",
}  # fmt: skip
_TAG = {
    "has_any": "segments.tag_has_any",
    "has_all": "segments.tag_has_all",
    "has_none": "segments.tag_has_none",
}


def _list(leaf: Any, names: RuleNames) -> Reason:
    code = _LIST[leaf.op, leaf.state, leaf.since]
    return Reason(code, {"list": _named(names.lists, leaf.list), "days": leaf.days})


def _tag(leaf: Any, names: RuleNames) -> Reason:
    tags = _some(_quoted([_named(names.tags, tag) for tag in leaf.tags]))
    return Reason(_TAG[leaf.op], {"any_of": tags, "all_of": tags})


def _named(names: Mapping[str, str], key: int) -> str:
    return names.get(str(key)) or _("deleted")


# --- Dates

_ADDED = {
    "on": "segments.added_on",
    "before": "segments.added_before",
    "after": "segments.added_after",
    "between": "segments.added_between",
    "in_last_days": "segments.added_in_last_days",
    "not_in_last_days": "segments.added_not_in_last_days",
    "in_next_days": "segments.added_in_next_days",
}
_CHANGED = {
    "on": "segments.changed_on",
    "before": "segments.changed_before",
    "after": "segments.changed_after",
    "between": "segments.changed_between",
    "in_last_days": "segments.changed_in_last_days",
    "not_in_last_days": "segments.changed_not_in_last_days",
    "in_next_days": "segments.changed_in_next_days",
}


def _moment(codes: Mapping[str, str]) -> Callable[[Any, RuleNames], Reason]:
    def describe(leaf: Any, names: RuleNames) -> Reason:
        if leaf.op in IN_DAYS:
            return Reason(codes[leaf.op], {"days": leaf.values[0]})
        days = tuple(map(_day, leaf.values))
        return Reason(codes[leaf.op], {"any_of": days, "all_of": days})

    return describe


# --- Engagement

_BEHAVIOUR = {
    ("sent", "never", "any", "ever"): "segments.sent_never_any_ever",
    ("sent", "never", "any", "days"): "segments.sent_never_any_days",
    ("sent", "never", "these", "ever"): "segments.sent_never_these_ever",
    ("sent", "never", "these", "days"): "segments.sent_never_these_days",
    ("sent", "at_least", "any", "ever"): "segments.sent_at_least_any_ever",
    ("sent", "at_least", "any", "days"): "segments.sent_at_least_any_days",
    ("sent", "at_least", "these", "ever"): "segments.sent_at_least_these_ever",
    ("sent", "at_least", "these", "days"): "segments.sent_at_least_these_days",
    ("sent", "at_most", "any", "ever"): "segments.sent_at_most_any_ever",
    ("sent", "at_most", "any", "days"): "segments.sent_at_most_any_days",
    ("sent", "at_most", "these", "ever"): "segments.sent_at_most_these_ever",
    ("sent", "at_most", "these", "days"): "segments.sent_at_most_these_days",
    ("sent", "exactly", "any", "ever"): "segments.sent_exactly_any_ever",
    ("sent", "exactly", "any", "days"): "segments.sent_exactly_any_days",
    ("sent", "exactly", "these", "ever"): "segments.sent_exactly_these_ever",
    ("sent", "exactly", "these", "days"): "segments.sent_exactly_these_days",
    ("opened", "never", "any", "ever"): "segments.opened_never_any_ever",
    ("opened", "never", "any", "days"): "segments.opened_never_any_days",
    ("opened", "never", "these", "ever"): "segments.opened_never_these_ever",
    ("opened", "never", "these", "days"): "segments.opened_never_these_days",
    ("opened", "at_least", "any", "ever"): "segments.opened_at_least_any_ever",
    ("opened", "at_least", "any", "days"): "segments.opened_at_least_any_days",
    ("opened", "at_least", "these", "ever"): "segments.opened_at_least_these_ever",
    ("opened", "at_least", "these", "days"): "segments.opened_at_least_these_days",
    ("opened", "at_most", "any", "ever"): "segments.opened_at_most_any_ever",
    ("opened", "at_most", "any", "days"): "segments.opened_at_most_any_days",
    ("opened", "at_most", "these", "ever"): "segments.opened_at_most_these_ever",
    ("opened", "at_most", "these", "days"): "segments.opened_at_most_these_days",
    ("opened", "exactly", "any", "ever"): "segments.opened_exactly_any_ever",
    ("opened", "exactly", "any", "days"): "segments.opened_exactly_any_days",
    ("opened", "exactly", "these", "ever"): "segments.opened_exactly_these_ever",
    ("opened", "exactly", "these", "days"): "segments.opened_exactly_these_days",
    ("clicked", "never", "any", "ever"): "segments.clicked_never_any_ever",
    ("clicked", "never", "any", "days"): "segments.clicked_never_any_days",
    ("clicked", "never", "these", "ever"): "segments.clicked_never_these_ever",
    ("clicked", "never", "these", "days"): "segments.clicked_never_these_days",
    ("clicked", "at_least", "any", "ever"): "segments.clicked_at_least_any_ever",
    ("clicked", "at_least", "any", "days"): "segments.clicked_at_least_any_days",
    ("clicked", "at_least", "these", "ever"): "segments.clicked_at_least_these_ever",
    ("clicked", "at_least", "these", "days"): "segments.clicked_at_least_these_days",
    ("clicked", "at_most", "any", "ever"): "segments.clicked_at_most_any_ever",
    ("clicked", "at_most", "any", "days"): "segments.clicked_at_most_any_days",
    ("clicked", "at_most", "these", "ever"): "segments.clicked_at_most_these_ever",
    ("clicked", "at_most", "these", "days"): "segments.clicked_at_most_these_days",
    ("clicked", "exactly", "any", "ever"): "segments.clicked_exactly_any_ever",
    ("clicked", "exactly", "any", "days"): "segments.clicked_exactly_any_days",
    ("clicked", "exactly", "these", "ever"): "segments.clicked_exactly_these_ever",
    ("clicked", "exactly", "these", "days"): "segments.clicked_exactly_these_days",
    ("clicked_link", "never", "any", "ever"): "segments.clicked_link_never_any_ever",
    ("clicked_link", "never", "any", "days"): "segments.clicked_link_never_any_days",
    ("clicked_link", "never", "these", "ever"): "segments.clicked_link_never_these_ever",
    ("clicked_link", "never", "these", "days"): "segments.clicked_link_never_these_days",
    ("clicked_link", "at_least", "any", "ever"): "segments.clicked_link_at_least_any_ever",
    ("clicked_link", "at_least", "any", "days"): "segments.clicked_link_at_least_any_days",
    ("clicked_link", "at_least", "these", "ever"): "segments.clicked_link_at_least_these_ever",
    ("clicked_link", "at_least", "these", "days"): "segments.clicked_link_at_least_these_days",
    ("clicked_link", "at_most", "any", "ever"): "segments.clicked_link_at_most_any_ever",
    ("clicked_link", "at_most", "any", "days"): "segments.clicked_link_at_most_any_days",
    ("clicked_link", "at_most", "these", "ever"): "segments.clicked_link_at_most_these_ever",
    ("clicked_link", "at_most", "these", "days"): "segments.clicked_link_at_most_these_days",
    ("clicked_link", "exactly", "any", "ever"): "segments.clicked_link_exactly_any_ever",
    ("clicked_link", "exactly", "any", "days"): "segments.clicked_link_exactly_any_days",
    ("clicked_link", "exactly", "these", "ever"): "segments.clicked_link_exactly_these_ever",
    ("clicked_link", "exactly", "these", "days"): "segments.clicked_link_exactly_these_days",
    ("bounced", "never", "any", "ever"): "segments.bounced_never_any_ever",
    ("bounced", "never", "any", "days"): "segments.bounced_never_any_days",
    ("bounced", "never", "these", "ever"): "segments.bounced_never_these_ever",
    ("bounced", "never", "these", "days"): "segments.bounced_never_these_days",
    ("bounced", "at_least", "any", "ever"): "segments.bounced_at_least_any_ever",
    ("bounced", "at_least", "any", "days"): "segments.bounced_at_least_any_days",
    ("bounced", "at_least", "these", "ever"): "segments.bounced_at_least_these_ever",
    ("bounced", "at_least", "these", "days"): "segments.bounced_at_least_these_days",
    ("bounced", "at_most", "any", "ever"): "segments.bounced_at_most_any_ever",
    ("bounced", "at_most", "any", "days"): "segments.bounced_at_most_any_days",
    ("bounced", "at_most", "these", "ever"): "segments.bounced_at_most_these_ever",
    ("bounced", "at_most", "these", "days"): "segments.bounced_at_most_these_days",
    ("bounced", "exactly", "any", "ever"): "segments.bounced_exactly_any_ever",
    ("bounced", "exactly", "any", "days"): "segments.bounced_exactly_any_days",
    ("bounced", "exactly", "these", "ever"): "segments.bounced_exactly_these_ever",
    ("bounced", "exactly", "these", "days"): "segments.bounced_exactly_these_days",
}


def _behaviour(leaf: Any, names: RuleNames) -> Reason:
    what = "clicked_link" if getattr(leaf, "link", None) else leaf.kind
    scope = "these" if leaf.campaigns else "any"
    when = "ever" if leaf.days is None else "days"
    how = "never" if (leaf.count, leaf.n) in _NEVER else leaf.count
    chosen = _some(_quoted([_named(names.campaigns, one) for one in leaf.campaigns]))
    return Reason(
        _BEHAVIOUR[what, how, scope, when],
        {
            "count": leaf.n,
            "days": leaf.days,
            "link": getattr(leaf, "link", None),
            "any_of": chosen,
            "all_of": chosen,
        },
    )


_NEVER = {("exactly", 0), ("at_most", 0)}


def _engagement(leaf: Any, names: RuleNames) -> Reason:
    bands = named.band_options()
    shown = tuple(bands.get(one, one) for one in leaf.bands)
    return Reason(_ENGAGEMENT[leaf.op], {"any_of": shown})


_ENGAGEMENT = {
    "is_one_of": "segments.engagement_is_one_of",
    "is_none_of": "segments.engagement_is_none_of",
}


# --- Others


def _import(leaf: Any, names: RuleNames) -> Reason:
    return Reason(_IMPORT[leaf.op], {"name": _named(names.imports, leaf.import_id)})


_IMPORT = {"is": "segments.import_is", "is_not": "segments.import_is_not"}


def _consent(leaf: Any, names: RuleNames) -> Reason:
    code = _CONSENT[leaf.op, leaf.list is not None]
    channel = named.channel_options().get(leaf.channel, leaf.channel)
    return Reason(code, {"channel": channel, "list": _named(names.lists, leaf.list or 0)})


_CONSENT = {
    ("has", False): "segments.consent_has",
    ("has_not", False): "segments.consent_has_not",
    ("has", True): "segments.consent_has_list",
    ("has_not", True): "segments.consent_has_not_list",
}


def _suppressed(leaf: Any, names: RuleNames) -> Reason:
    return Reason(_SUPPRESSED[leaf.op])


_SUPPRESSED = {"is": "segments.suppressed_is", "is_not": "segments.suppressed_is_not"}


def _random(leaf: Any, names: RuleNames) -> Reason:
    return Reason("segments.random", {"share_percent": leaf.percent})


def _segment(leaf: Any, names: RuleNames) -> Reason:
    return Reason(_SEGMENT[leaf.op], {"name": _named(names.segments, leaf.segment)})


_SEGMENT = {"in": "segments.segment_in", "not_in": "segments.segment_not_in"}


DESCRIBERS: Mapping[str, Callable[[Any, RuleNames], Reason]] = {
    "field": _field,
    "name": _name,
    "address": _address,
    "domain": _domain,
    "mailbox_provider": _mailbox_provider,
    "list": _list,
    "tag": _tag,
    "added": _moment(_ADDED),
    "changed": _moment(_CHANGED),
    "engagement": _engagement,
    "sent": _behaviour,
    "opened": _behaviour,
    "clicked": _behaviour,
    "bounced": _behaviour,
    "import": _import,
    "consent": _consent,
    "suppressed": _suppressed,
    "random": _random,
    "segment": _segment,
}
"""How to describe a rule of each kind."""


# --- What decided for one person


def value(leaf: Any, found: Any, names: RuleNames) -> str:
    """Return the value that decided, in words."""
    said = _VALUES.get(leaf.kind)
    if said is not None:
        return said(leaf, found, names)
    return str(found) if found else _("No value")


def _tags_value(leaf: Any, found: frozenset[int], names: RuleNames) -> str:
    tags = [_named(names.tags, tag) for tag in sorted(found)]
    return formatting.listed(tags, locale()) if tags else _("No tags")


def _consent_value(leaf: Any, found: Sequence[tuple[str, Any]], names: RuleNames) -> str:
    channels = named.channel_options()
    said = dict.fromkeys(channels.get(channel, channel) for channel, _list_id in found)
    return formatting.listed(list(said), locale()) if said else _("No proof of consent")


def _campaigns_value(leaf: Any, found: int, names: RuleNames) -> str:
    return ngettext("%(count)s campaign", "%(count)s campaigns", found)


def _list_value(leaf: Any, found: tuple[str, datetime] | None, names: RuleNames) -> str:
    if found is None:
        return _("Never on this list")
    state, since = found
    return _("%(status)s since %(date)s", status=status_word(state), date=moment(since, "day"))


def _field_value(leaf: Any, found: Any, names: RuleNames) -> str:
    if found is None or found == "":
        return _("No value")
    field = names.fields.get(leaf.key)
    if field is None:
        return str(found)
    stored = sorted(found) if isinstance(found, frozenset) else found
    return values.shown(field, stored, locale()) or str(found)


_VALUES: Mapping[str, Callable[[Any, Any, RuleNames], str]] = {
    "list": _list_value,
    "tag": _tags_value,
    "field": _field_value,
    "mailbox_provider": lambda leaf, found, names: mailbox_name(found),
    "added": lambda leaf, found, names: moment(found),
    "changed": lambda leaf, found, names: moment(found),
    "sent": _campaigns_value,
    "opened": _campaigns_value,
    "clicked": _campaigns_value,
    "bounced": _campaigns_value,
    "random": lambda leaf, found, names: _(
        "Number %(number)s of 1,000", number=formatting.number(found + 1, locale())
    ),
    "suppressed": lambda leaf, found, names: _("Suppressed") if found else _("Not suppressed"),
    "segment": lambda leaf, found, names: (
        _("In that segment") if found else _("Not in that segment")
    ),
    "import": lambda leaf, found, names: _("In that import") if found else _("Not in that import"),
    "consent": _consent_value,
    "engagement": lambda leaf, found, names: named.band_options().get(str(found), str(found)),
}
"""The words for what decided a rule of each kind, if it is not a plain text."""
