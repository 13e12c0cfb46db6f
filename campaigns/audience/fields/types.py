"""The types of custom fields: one object each.

A type parses what people type or import into the stored form (see `models.Field`), shows a stored
value in a language, and writes it as text that it parses again. It accepts its own stored form, so
that converting a value twice changes nothing.
"""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from campaigns import formatting
from campaigns.audience.fields import notation
from campaigns.audience.fields.notation import UNKNOWN, AmbiguousError, Notation
from campaigns.inputs import one_line
from campaigns.reason import ReasonError
from campaigns.wording import Words

Value = str | int | float | bool | list[str]
MAX_TEXT = 2_000
MAX_NUMBER = 10**15
"""Limit of numbers, which templates have too."""
_SHOWN = 60


class Described(Protocol):
    """What types need to know about a field."""

    @property
    def label(self) -> str:
        """Name that people see."""
        ...

    @property
    def options(self) -> Sequence[Mapping[str, Any]]:
        """Key and label of each option."""
        ...

    @property
    def rules(self) -> Mapping[str, Any]:
        """Limits of values."""
        ...


class ValueProblemError(ReasonError):
    """The text is not a valid value of this field."""


def _refused(code: str, text: str, field: Described, **params: Any) -> ValueProblemError:
    shown = one_line(text)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
    return ValueProblemError(code, value=shown, label=field.label, **params)


class ValueType:
    """A type of field. Subclasses define the stored form; this one stores text."""

    name: ClassVar[str] = "text"
    control: ClassVar[str] = "text"
    """The form control: text, number, date, boolean, select, choices, url."""
    has_range: ClassVar[bool] = True

    def parse(self, text: str, field: Described, written: Notation = UNKNOWN) -> Value:
        """Return the stored form of a text that is not blank. Raises ValueProblemError."""
        return self._parse(text, field, written)

    def typed(self, value: Value, field: Described) -> str:
        """Return text that `parse` reads back: for form controls and exports."""
        return self._typed(value, field)

    def form_text(self, value: Value, field: Described) -> str:
        """Return the value of the form control: the key of a choice, otherwise as typed."""
        return str(value) if self.control == "select" else self._typed(value, field)

    def show(self, value: Value, field: Described, locale: str) -> str:
        """Return the value as people read it."""
        return self._show(value, field, locale)

    def parse_rule(self, text: str, field: Described) -> Any:
        """Return the stored form of a limit. Raises ValueProblemError."""
        return self._parse_rule(text, field)

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        found = one_line(text)
        most = min(int(field.rules.get("most") or MAX_TEXT), MAX_TEXT)
        if len(found) > most:
            raise _refused("fields.text_too_long", text, field, most=most)
        least = int(field.rules.get("least") or 0)
        if len(found) < least:
            raise _refused("fields.text_too_short", text, field, least=least)
        return found

    def _typed(self, value: Value, field: Described) -> str:
        return str(value)

    def _show(self, value: Value, field: Described, locale: str) -> str:
        return self._typed(value, field)

    def _parse_rule(self, text: str, field: Described) -> Any:
        if not re.fullmatch(r"[1-9]\d{0,3}", text.strip(), re.ASCII):
            raise _refused("fields.bad_length", text, field, most=MAX_TEXT)
        return int(text)


class NumberType(ValueType):
    """Stores an int, or a float with a fraction."""

    name = control = "number"

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        value = self._number(text, field, written)
        least, most = field.rules.get("least"), field.rules.get("most")
        if least is not None and value < least:
            raise _refused("fields.number_too_small", text, field, least=least)
        if most is not None and value > most:
            raise _refused("fields.number_too_large", text, field, most=most)
        return value

    def _number(self, text: str, field: Described, written: Notation) -> int | float:
        try:
            number = notation.read_number(text, written.numbers)
        except AmbiguousError:
            raise _refused("fields.ambiguous_number", text, field) from None
        except ValueError:
            raise _refused("fields.not_a_number", text, field) from None
        value = int(number) if number == int(number) else float(number)
        if abs(value) > MAX_NUMBER:
            raise _refused("fields.number_too_large", text, field, most=MAX_NUMBER)
        return value

    def _typed(self, value: Value, field: Described) -> str:
        # With a final zero, three digits after the point cannot be taken for thousands.
        text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
        text = text.removesuffix(".0")
        is_ambiguous = re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", text)
        return f"{text}0" if is_ambiguous else text

    def _show(self, value: Value, field: Described, locale: str) -> str:
        if isinstance(value, int | float) and math.isfinite(value):
            return formatting.exact_number(value, locale)
        return str(value)

    def _parse_rule(self, text: str, field: Described) -> Any:
        return self._number(text, field, Notation(numbers="point"))


class DateType(ValueType):
    """Stores ISO text such as "1980-05-31"."""

    name = control = "date"

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        value = self._date(text, field, written)
        least, most = field.rules.get("least"), field.rules.get("most")
        if least and value < least:
            raise _refused("fields.date_too_early", text, field, limit_date=least)
        if most and value > most:
            raise _refused("fields.date_too_late", text, field, limit_date=most)
        return value

    def _date(self, text: str, field: Described, written: Notation) -> str:
        try:
            return notation.read_date(text, written.dates).isoformat()
        except AmbiguousError:
            raise _refused("fields.ambiguous_date", text, field) from None
        except ValueError:
            raise _refused("fields.not_a_date", text, field) from None

    def _show(self, value: Value, field: Described, locale: str) -> str:
        try:
            return formatting.full_date(notation.read_date(str(value)), locale)
        except ValueError:
            return str(value)

    def _parse_rule(self, text: str, field: Described) -> Any:
        return self._date(text, field, UNKNOWN)


_YES = "yes y true t 1 on ja j oui o si sí sim s da да tak evet x ✓ 是 はい"
_NO = "no n false f 0 off nein non não nao nej nie net нет hayır 否 いいえ"
_ANSWERS = {
    word: is_yes for words, is_yes in ((_YES, True), (_NO, False)) for word in words.split(" ")
}


class BooleanType(ValueType):
    """Stores true or false."""

    name = control = "boolean"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        answer = _ANSWERS.get(text.strip().casefold())
        if answer is None:
            raise _refused("fields.not_yes_or_no", text, field)
        return answer

    def _typed(self, value: Value, field: Described) -> str:
        return "yes" if value is True else "no" if value is False else str(value)

    def _show(self, value: Value, field: Described, locale: str) -> str:
        if not isinstance(value, bool):
            return str(value)
        return Words(locale).sentence("fields.yes" if value else "fields.no")


class ChoiceType(ValueType):
    """Stores the key of an option."""

    name = "choice"
    control = "select"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        found = _option(text, field)
        if found is None:
            raise _refused("fields.not_an_option", text, field, known=_known(field))
        return found

    def _typed(self, value: Value, field: Described) -> str:
        return _option_label(str(value), field)


_SEPARATORS = re.compile(r"[,;|\n]")


class ChoicesType(ValueType):
    """Stores a list of keys of options, in the order of the options."""

    name = control = "choices"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        parts = [text] if _option(text, field) else _SEPARATORS.split(text)
        return self.chosen([part for part in parts if part.strip()], field)

    def chosen(self, texts: Sequence[str], field: Described) -> list[str]:
        """Return the keys of several options. Raises ValueProblemError."""
        found = set()
        for text in texts:
            key = _option(text, field)
            if key is None:
                raise _refused("fields.not_an_option", text, field, known=_known(field))
            found.add(key)
        return [option["key"] for option in field.options if option["key"] in found]

    def _typed(self, value: Value, field: Described) -> str:
        return ", ".join(self.labels(value, field))

    def labels(self, value: Value, field: Described) -> list[str]:
        """Return the label of each chosen option."""
        keys = value if isinstance(value, list) else [str(value)]
        return [_option_label(str(key), field) for key in keys]

    def _show(self, value: Value, field: Described, locale: str) -> str:
        return formatting.listed(self.labels(value, field), locale)


class CountryType(ValueType):
    """Stores a code of two letters, such as "DE"."""

    name = "country"
    control = "select"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        code = formatting.country_code(text)
        if not code:
            raise _refused("fields.not_a_country", text, field)
        return code

    def _show(self, value: Value, field: Described, locale: str) -> str:
        return formatting.country(str(value), locale)


class TimeZoneType(ValueType):
    """Stores a name such as "Europe/Berlin"."""

    name = "time_zone"
    control = "select"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        found = _time_zones().get(text.strip().replace(" ", "_").casefold())
        if found is None:
            raise _refused("fields.not_a_time_zone", text, field)
        return found


class LanguageType(ValueType):
    """Stores a locale such as "de" or "pt_BR"."""

    name = "language"
    control = "select"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        code = formatting.language_code(text)
        if not code:
            raise _refused("fields.not_a_language", text, field)
        return code

    def _show(self, value: Value, field: Described, locale: str) -> str:
        return formatting.language(str(value), locale)


class UrlType(ValueType):
    """Stores an address that begins with http:// or https://."""

    name = control = "url"
    has_range = False

    def _parse(self, text: str, field: Described, written: Notation) -> Value:
        found = one_line(text)
        if re.fullmatch(r"(?:[\w-]+\.)+[a-zA-Z]{2,}(?:[/?#:].*)?", found):
            found = f"https://{found}"
        try:
            parts = urlsplit(found)
            is_web = parts.scheme.lower() in {"http", "https"} and "." in (parts.hostname or "")
        except ValueError:
            is_web = False
        if not is_web or " " in found:
            raise _refused("fields.not_a_url", text, field)
        if len(found) > MAX_TEXT:
            raise _refused("fields.text_too_long", text, field, most=MAX_TEXT)
        return found


TYPES: Mapping[str, ValueType] = {
    one.name: one
    for one in (
        ValueType(),
        NumberType(),
        DateType(),
        BooleanType(),
        ChoiceType(),
        ChoicesType(),
        CountryType(),
        TimeZoneType(),
        LanguageType(),
        UrlType(),
    )
}
"""Every type by its name, in the order of FIELD_TYPES."""


def _option(text: str, field: Described) -> str | None:
    """Return the key of the option with this key or label, without regard to case."""
    wanted = one_line(text).casefold()
    for option in field.options:
        if wanted in {str(option["key"]).casefold(), str(option["label"]).casefold()}:
            return str(option["key"])
    return None


def _option_label(key: str, field: Described) -> str:
    return next((str(one["label"]) for one in field.options if one["key"] == key), key)


def _known(field: Described, most: int = 10) -> str:
    labels = [str(option["label"]) for option in field.options]
    return ", ".join(labels[:most]) + (", …" if len(labels) > most else "")


@functools.cache
def _time_zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones())}
