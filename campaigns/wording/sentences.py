"""The sentence of each code.

Each topic is a module of this package with a table `SENTENCES` from code to message, which is text
with named parameters or a `Plural`. To add a topic, add its module to `_TABLES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Literal, Protocol, runtime_checkable

from babel.dates import get_day_names
from babel.lists import format_list

from campaigns import formatting
from campaigns.wording import (
    account_form,
    accounts,
    alert,
    audience,
    blocks,
    brand_form,
    bulk,
    canary,
    connection,
    domain,
    expression,
    feed,
    feedback_rules,
    fields,
    footer,
    hold,
    image,
    imports,
    incoming,
    intake,
    launch,
    legacy,
    library,
    lint,
    list_email,
    mailbox,
    mjml,
    outcome,
    preflight,
    provider,
    receipt,
    recurrence,
    references,
    reply_rule,
    segment_rules,
    segments,
    sender,
    starters,
    status,
    target,
    template,
    throttle,
    transactional,
    variables,
    variants,
    webhook,
)
from campaigns.wording.catalog import DEFAULT_LOCALE, catalog
from campaigns.wording.messages import Message, Plural

_TABLES: tuple[Mapping[str, Message], ...] = (
    account_form.SENTENCES,
    accounts.SENTENCES,
    alert.SENTENCES,
    audience.SENTENCES,
    blocks.SENTENCES,
    brand_form.SENTENCES,
    bulk.SENTENCES,
    canary.SENTENCES,
    connection.SENTENCES,
    domain.SENTENCES,
    expression.SENTENCES,
    feed.SENTENCES,
    feedback_rules.SENTENCES,
    fields.SENTENCES,
    footer.SENTENCES,
    hold.SENTENCES,
    imports.SENTENCES,
    incoming.SENTENCES,
    intake.SENTENCES,
    launch.SENTENCES,
    legacy.SENTENCES,
    library.SENTENCES,
    outcome.SENTENCES,
    lint.SENTENCES,
    list_email.SENTENCES,
    mailbox.SENTENCES,
    mjml.SENTENCES,
    image.SENTENCES,
    preflight.SENTENCES,
    provider.SENTENCES,
    receipt.SENTENCES,
    recurrence.SENTENCES,
    references.SENTENCES,
    reply_rule.SENTENCES,
    segment_rules.SENTENCES,
    segments.SENTENCES,
    sender.SENTENCES,
    starters.SENTENCES,
    status.SENTENCES,
    throttle.SENTENCES,
    transactional.SENTENCES,
    variables.SENTENCES,
    variants.SENTENCES,
    webhook.SENTENCES,
    target.SENTENCES,
    template.SENTENCES,
)


def _merged() -> Mapping[str, Message]:
    merged: dict[str, Message] = {}
    for table in _TABLES:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"two sentences for {', '.join(sorted(twice))}")
        merged.update(table)
    return MappingProxyType(merged)


_SENTENCES_WITHIN = frozenset({"why", "note"})
"""Parameters that are a sentence of their own, whether or not they end in a full stop."""
_ENDS = (".", "?", "!")
_STYLES: Mapping[str, Literal["standard", "or"]] = {"all_of": "standard", "any_of": "or"}
"""Parameters that are lists of texts, and how these are joined."""

SENTENCES = _merged()
"""The sentence of each code. Codes are unique across topics."""


@runtime_checkable
class Coded(Protocol):
    """The interface of `campaigns.reason.Reason`."""

    @property
    def code(self) -> str:
        """Key of the sentence."""
        ...

    @property
    def params(self) -> Mapping[str, object]:
        """Values of the sentence's parameters."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in one language, with times in one time zone."""

    locale: str = DEFAULT_LOCALE
    zone: tzinfo = UTC

    def sentence(self, code: str, params: Mapping[str, object] | None = None) -> str:
        """Return the sentence of a code. Raises KeyError for a code or parameter without one."""
        message, params = SENTENCES[code], params or {}
        translations = catalog(self.locale)
        if isinstance(message, Plural):
            count = params[message.by]
            text = translations.ngettext(message.one, message.many, int(str(count)))
        else:
            text = translations.gettext(message)
        shown = {name: self._shown(name, value) for name, value in params.items()}
        return (text % shown).strip()  # an optional last sentence may be missing

    def of(self, reason: Coded) -> str:
        """Return the sentence of a reason. Raises KeyError for a code without one."""
        return self.sentence(reason.code, reason.params)

    def _shown(self, name: str, value: object) -> str:
        if isinstance(value, Coded):
            return _ended(name, self.of(value))
        if isinstance(value, tuple):
            return self._alternatives(name, value) if name in _STYLES else self._listed(value)
        if isinstance(value, str):
            return _ended(name, self._dated(name, value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._counted(name, value)
        return "" if value is None else str(value)

    def _alternatives(self, name: str, values: tuple[object, ...]) -> str:
        """Join texts and reasons as "A, B or C", or as "A, B and C"."""
        texts = [self.of(value) if isinstance(value, Coded) else str(value) for value in values]
        return format_list(texts, style=_STYLES[name], locale=self.locale)

    def _listed(self, values: tuple[object, ...]) -> str:
        """Join reasons as sentences, and numbers as weekdays."""
        if all(isinstance(value, int) for value in values):
            names = get_day_names("wide", "stand-alone", self.locale)
            return format_list(
                [str(names[int(str(value))]) for value in values], locale=self.locale
            )
        return " ".join(self.of(value) for value in values if isinstance(value, Coded))

    def _dated(self, name: str, value: str) -> str:
        if name.endswith("_at"):
            moment = datetime.fromisoformat(value).astimezone(self.zone)
            return formatting.date_time(moment, self.locale)
        if name.endswith("_local"):
            return formatting.date_time(datetime.fromisoformat(value), self.locale)
        if name.endswith("_time"):
            return formatting.time(datetime.fromisoformat(value), self.locale)
        if name.endswith("_date"):
            return formatting.long_date(datetime.fromisoformat(value), self.locale)
        return value

    def _counted(self, name: str, value: float) -> str:
        if name.endswith("_seconds"):
            return formatting.duration(value, self.locale)
        if name.endswith("_percent"):
            return formatting.share(value / 100, self.locale)
        if name.endswith("_per_second"):
            return formatting.speed(value, self.locale)
        if name.endswith("_bytes"):
            return formatting.size(int(value), self.locale)
        return formatting.number(value, self.locale)


def _ended(name: str, said: str) -> str:
    is_open = name in _SENTENCES_WITHIN and said and not said.endswith(_ENDS)
    return f"{said}." if is_open else said
