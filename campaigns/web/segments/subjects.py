"""What a rule can be about, and the inputs of each rule.

A subject is one entry of the first select of a rule: a kind of rule, or a kind with some parameters
fixed, such as one custom field. An input is named after its parameter in the stored form and its
type, so that what was typed for a date is not taken for a number of days.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext

from campaigns.audience.segments.comparing import (
    IN_DAYS,
    MOMENT_OPS,
    TEXT_OPS,
    WITHOUT_VALUE,
)
from campaigns.audience.segments.kinds.fields import OPERATORS
from campaigns.audience.segments.leaves import REGISTRY
from campaigns.web.segments import names as named
from campaigns.web.segments.names import Options, RuleNames
from campaigns.web.words import gettext as _

MAX_SEED = 2**31 - 2


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a rule. `name` is the parameter in the stored form."""

    name: str
    type: str
    """text, lines (a value each), number, date, days, select, options (checkboxes) or hidden."""
    label: str
    many: bool = False
    """Whether the parameter is a list."""
    count: int = 1
    """Number of inputs side by side."""
    options: Options = field(default_factory=dict)
    default: Callable[[], str] = str
    is_id: bool = False
    is_optional: bool = False
    """Whether an empty input is stored as null."""
    unless: tuple[str, str] = ("", "")
    """Another parameter and its value that makes this input pointless."""
    redraws: bool = False
    """Whether other inputs depend on this one."""
    before: str = ""
    unit: str = ""
    """Words on either side of the input."""
    min: str = ""
    max: str = ""

    def read(self, typed: Sequence[str]) -> Any:
        """Return the typed texts in the form of the parameter."""
        if self.type == "lines":
            typed = [line for text in typed for line in text.splitlines() if line.strip()]
        found = [self._one(text.strip()) for text in typed if text.strip() or not self.many]
        if self.many:
            return found
        if self.is_optional and (not found or found[0] == ""):
            return None
        return found[0] if found else self._one(self.default())

    def _one(self, text: str) -> Any:
        return _number(text) if self.is_id or self.type in {"number", "days", "hidden"} else text

    def shown(self, value: Any) -> list[str]:
        """Return the texts of the inputs for a stored value."""
        values = [
            "" if one is None else str(one)
            for one in (value if isinstance(value, list | tuple) else [value])
        ]
        values = [] if value is None else values
        if self.type == "lines":
            return ["\n".join(values)]
        if self.type == "options":
            return values
        return (values + [""] * self.count)[: self.count]


def _number(text: str) -> int | float | str:
    """Return a number; the text itself if it is not one, for the rule to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@dataclass(frozen=True, slots=True)
class RuleSubject:
    """An entry of the select "What"."""

    value: str
    group: str
    label: str
    fixed: Mapping[str, Any]
    ops: tuple[str, ...]
    inputs: Callable[[str], Sequence[Input]]
    """The inputs for an operator."""
    op_name: str = "op"


CHOICE_OPS = ("is_one_of", "is_none_of")
_NEGATIVE = frozenset({"is_not", "not_contains", "is_none_of", "has_none", "not_in_last_days"})
_NOTES = {
    "field": lazy_gettext("Includes subscribers without a value."),
    "name": lazy_gettext("Includes subscribers without a value."),
    "list": lazy_gettext("Includes subscribers who were never on the list."),
    "tag": lazy_gettext("Includes subscribers without any tags."),
}
BEHAVIOURS = ("sent", "opened", "clicked", "bounced")

OPS = {
    "is": lazy_gettext("is"),
    "is_not": lazy_gettext("is not"),
    "contains": lazy_gettext("contains"),
    "not_contains": lazy_gettext("does not contain"),
    "starts_with": lazy_gettext("starts with"),
    "ends_with": lazy_gettext("ends with"),
    "has_value": lazy_gettext("has a value"),
    "no_value": lazy_gettext("is empty"),
    "less": lazy_gettext("is less than"),
    "at_most": lazy_gettext("is at most"),
    "more": lazy_gettext("is more than"),
    "at_least": lazy_gettext("is at least"),
    "between": lazy_gettext("is between"),
    "on": lazy_gettext("is on"),
    "before": lazy_gettext("is before"),
    "after": lazy_gettext("is after"),
    "in_last_days": lazy_gettext("in the last"),
    "not_in_last_days": lazy_gettext("not in the last"),
    "in_next_days": lazy_gettext("in the next"),
    "anniversary_in_days": lazy_gettext("has an anniversary in the next"),
    "is_true": lazy_gettext("is yes"),
    "is_false": lazy_gettext("is no"),
    "is_one_of": lazy_gettext("is one of"),
    "is_none_of": lazy_gettext("is none of"),
    "has_any": lazy_gettext("includes any of"),
    "has_all": lazy_gettext("includes all of"),
    "has_none": lazy_gettext("includes none of"),
    "has": lazy_gettext("given"),
    "has_not": lazy_gettext("not given"),
    "in": lazy_gettext("is in"),
    "not_in": lazy_gettext("is not in"),
    "exactly": lazy_gettext("exactly"),
}
COUNT_OPS = {
    "at_least": lazy_gettext("at least"),
    "at_most": lazy_gettext("at most"),
    "exactly": lazy_gettext("exactly"),
}


def all_subjects(names: RuleNames) -> dict[str, RuleSubject]:
    """Return everything that a rule can be about, by value, for the registered kinds of rules."""
    return {
        one.value: one for one in _all(names) if REGISTRY.find(str(one.fixed["kind"])) is not None
    }


def of_leaf(stored: Mapping[str, Any], subjects: Mapping[str, RuleSubject]) -> RuleSubject | None:
    """Return the subject of a stored rule; None if it is unknown."""
    match stored:
        case {"kind": "field", "key": str(key)}:
            return subjects.get(f"field:{key}")
        case {"kind": "name"}:
            return subjects.get(f"name:{stored.get('part', 'full')}")
        case {"kind": str(kind)}:
            return subjects.get(kind)
    return None


def note(subject: RuleSubject | None, op: str) -> str:
    """Return who satisfies a negative rule although nothing is known about them; "" otherwise."""
    if subject is None or op not in _NEGATIVE:
        return ""
    return str(_NOTES.get(str(subject.fixed["kind"]), ""))


def attribute(key: str) -> RuleSubject:
    """Return the subject of an attribute without a field, which is text."""
    return _field(f"field:{key}", key, "text", {})


def _all(names: RuleNames) -> Iterator[RuleSubject]:
    yield from _profile()
    yield from _fields(names)
    yield from _lists_and_tags(names)
    yield from _dates()
    yield from _engagement(names)
    yield from _others(names)


def _subject(
    group: str, value: str, label: str, ops: Sequence[str], *inputs: Input, **fixed: Any
) -> RuleSubject:
    return RuleSubject(value, group, label, {"kind": value, **fixed}, tuple(ops), lambda op: inputs)


def _profile() -> Iterator[RuleSubject]:
    group = _("Profile")
    for part, label in (
        ("full", _("Full name")), ("first", _("First name")), ("last", _("Last name"))
    ):  # fmt: skip
        fixed = {"kind": "name", "part": part}
        yield RuleSubject(f"name:{part}", group, label, fixed, TEXT_OPS, _one_text)
    address = {"kind": "address"}
    yield RuleSubject("address", group, _("Email address"), address, TEXT_OPS[:6], _one_text)
    domain = Input("values", "lines", _("Domains, one per line"), many=True)
    yield _subject(group, "domain", _("Email domain"), CHOICE_OPS, domain)
    providers = Input(
        "values", "options", _("Mailbox providers"), many=True, options=named.mailbox_options()
    )
    yield _subject(group, "mailbox_provider", _("Mailbox provider"), CHOICE_OPS, providers)


def _one_text(op: str) -> Sequence[Input]:
    return () if op in WITHOUT_VALUE else (Input("value", "text", _("Text")),)


def _fields(names: RuleNames) -> Iterator[RuleSubject]:
    for key, one in names.fields.items():
        yield _field(f"field:{key}", one.label, one.type, named.field_options(one))


def _field(value: str, label: str, type_: str, options: Options) -> RuleSubject:
    fixed = {"kind": "field", "key": value.partition(":")[2]}

    def inputs(op: str) -> Sequence[Input]:
        return _field_inputs(type_, op, options)

    return RuleSubject(value, _("Fields"), label, fixed, OPERATORS[type_], inputs)


def _field_inputs(type_: str, op: str, options: Options) -> Sequence[Input]:
    if op in WITHOUT_VALUE:
        return ()
    if type_ == "date":
        return _date_inputs(op)
    if type_ == "number":
        count = 2 if op == "between" else 1
        return (Input("values", "number", _("Number"), many=True, count=count),)
    if options:
        return (Input("values", "options", _("Choices"), many=True, options=options),)
    return (Input("values", "lines", _("One value per line"), many=True),)


def _date_inputs(op: str) -> Sequence[Input]:
    if op in WITHOUT_VALUE:
        return ()
    if op in IN_DAYS:
        most = "366" if op == "anniversary_in_days" else "36500"
        days = Input(
            "values", "days", _("Number of days"), many=True, default=lambda: "30",
            min="0", max=most, unit=_("days"),
        )  # fmt: skip
        return (days,)
    count = 2 if op == "between" else 1
    return (Input("values", "date", _("Date"), many=True, count=count),)


def _lists_and_tags(names: RuleNames) -> Iterator[RuleSubject]:
    states = {
        "subscribed": _("subscribed"),
        "pending": _("pending"),
        "unsubscribed": _("unsubscribed"),
        "any": _("in any status"),
    }
    since = {
        "any": _("at any time"),
        "in_last_days": _("in the last"),
        "before_last_days": _("before the last"),
    }
    yield _subject(
        _("Lists"),
        "list",
        _("List"),
        ("is", "is_not"),
        Input("list", "select", _("List"), options={"": _("Choose a list"), **names.lists},
              is_id=True),
        Input("state", "select", _("Status"), options=states, default=lambda: "subscribed"),
        Input("since", "select", _("Since"), options=since, default=lambda: "any",
              redraws=True),
        Input("days", "days", _("Number of days"), default=lambda: "30", min="1", max="36500",
              unless=("since", "any"), unit=_("days")),
    )  # fmt: skip
    yield _subject(
        _("Tags"),
        "tag",
        _("Tag"),
        ("has_any", "has_all", "has_none"),
        Input("tags", "options", _("Tags"), many=True, options=names.tags, is_id=True),
    )


def _dates() -> Iterator[RuleSubject]:
    for value, label in (("added", _("Date added")), ("changed", _("Date changed"))):
        yield RuleSubject(value, _("Dates"), label, {"kind": value}, MOMENT_OPS, _date_inputs)


def _engagement(names: RuleNames) -> Iterator[RuleSubject]:
    group = _("Engagement")
    bands = Input("bands", "options", _("Bands"), many=True, options=named.band_options())
    yield _subject(group, "engagement", _("Engagement"), CHOICE_OPS, bands)
    labels = {
        "sent": _("Campaigns sent"),
        "opened": _("Campaigns opened"),
        "clicked": _("Campaigns clicked"),
        "bounced": _("Campaigns bounced"),
    }
    for kind in BEHAVIOURS:
        inputs = [
            Input("n", "number", _("Number of campaigns"), default=lambda: "1", min="0",
                  max="1000", unit=_("campaigns")),
            Input("days", "days", _("ever"), is_optional=True, min="1",
                  max="3650", before=_("in the last"), unit=_("days")),
            Input("campaigns", "options", _("Only certain campaigns"), many=True,
                  options=names.campaigns, is_id=True),
        ]  # fmt: skip
        if kind == "clicked":
            inputs.append(
                Input("link", "text", _("Address of the link (empty: any)"), is_optional=True)
            )
        fixed = {"kind": kind}
        yield RuleSubject(
            kind, group, labels[kind], fixed, tuple(COUNT_OPS), _always(inputs), op_name="count"
        )


def _always(inputs: Sequence[Input]) -> Callable[[str], Sequence[Input]]:
    return lambda op: inputs


def _others(names: RuleNames) -> Iterator[RuleSubject]:
    group = _("Other")
    yield _subject(
        group, "segment", _("Another segment"), ("in", "not_in"),
        Input("segment", "select", _("Segment"), is_id=True,
              options={"": _("Choose a segment"), **names.segments}),
    )  # fmt: skip
    yield _subject(
        group, "import", _("Import"), ("is", "is_not"),
        Input("import", "select", _("Import"), is_id=True,
              options={"": _("Choose an import"), **names.imports}),
    )  # fmt: skip
    yield _subject(
        group, "consent", _("Consent"), ("has", "has_not"),
        Input("channel", "select", _("How"), options=named.channel_options(),
              default=lambda: "any"),
        Input("list", "select", _("List"), options={"": _("For any list"), **names.lists},
              is_id=True, is_optional=True),
    )  # fmt: skip
    yield _subject(group, "suppressed", _("On the suppression list"), ("is", "is_not"))
    yield _subject(
        group, "random", _("Random share"), (),
        Input("percent", "number", _("Percent"), default=lambda: "10", min="0.1", max="100",
              unit="%"),
        Input("seed", "hidden", "", default=lambda: str(secrets.randbelow(MAX_SEED))),
    )  # fmt: skip
