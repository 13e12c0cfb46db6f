"""Values of custom fields in templates: shown as people read them, used as they are.

A value keeps its Python type, so templates can compare it, calculate with it and loop over it. Only
where it becomes text does it use the format of its field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jinja2 import ChainableUndefined

Show = Callable[[Any], str]


class Shown:
    """A value of a field. Subclasses are also of the type of the value."""

    __slots__ = ()
    show: Show


class ShownText(Shown, str):
    """Text, a date or the key of a choice."""

    __slots__ = ("show",)


class ShownInt(Shown, int):
    """A whole number."""


class ShownFloat(Shown, float):
    """A number with a fraction."""


class ShownAnswer(Shown, int):
    """Yes or no."""


class ShownList(Shown, list[Any]):
    """Several choices, shown together or one by one."""


class Fallback(Shown, ChainableUndefined):
    """A missing value with a text to show instead. Empty and false like any other."""

    __slots__ = ("show",)


class LocalShow(Protocol):
    """Formats values in one language. Must compare equal to another that does the same."""

    def __call__(self, value: Any, /) -> str:
        """Return the text of a value."""
        ...

    def in_language(self, locale: str) -> "LocalShow":
        """Return the same in another language."""
        ...


@dataclass(frozen=True, slots=True)
class MergeField:
    """A custom field in the templates of a campaign.

    `show` formats a value, or one of several. `is_language`: it stores the language of subscribers.
    """

    key: str
    fallback: str
    show: LocalShow
    is_language: bool = False

    def in_language(self, locale: str) -> "MergeField":
        """Return the same field, shown in another language."""
        return replace(self, show=self.show.in_language(locale))

    def value(self, stored: Any) -> Any:
        """Return a stored value for templates; None for a missing one without a fallback."""
        if stored is None:
            return self._missing() if self.fallback else None
        if isinstance(stored, list):
            return shown([shown(item, self.show) for item in stored], self.show)
        return shown(stored, self.show)

    def _missing(self) -> Fallback:
        missing = Fallback(name=self.key)
        object.__setattr__(missing, "show", lambda _: self.fallback)
        return missing


_CLASSES: Mapping[type, type[Any]] = {
    str: ShownText,
    int: ShownInt,
    float: ShownFloat,
    bool: ShownAnswer,
    list: ShownList,
}


def shown(value: Any, show: Show) -> Any:
    """Return a value that becomes text as `show` writes it."""
    kind = _CLASSES.get(value.__class__)
    if kind is None:
        return value
    found = kind(value)
    found.show = show
    return found


def text_of(value: Shown) -> str:
    """Return what a template shows of a value."""
    return value.show(bool(value) if isinstance(value, ShownAnswer) else value)


def plain_of(value: Any) -> Any:
    """Return a value as links use it: a date as 1980-05-31, a choice as its key."""
    if isinstance(value, ShownText):
        return str.__str__(value)
    if isinstance(value, ShownAnswer):
        return "yes" if value else "no"
    if isinstance(value, ShownList):
        return ",".join(str.__str__(item) for item in value)
    return value + 0 if isinstance(value, ShownInt | ShownFloat) else value
