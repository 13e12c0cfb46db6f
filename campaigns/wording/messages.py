"""How a message stands in a table until it is translated."""

from dataclasses import dataclass


def N_(message: str) -> str:  # noqa: N802 (the name by which gettext knows it)
    """Mark a message for extraction where it is kept in a table and translated later."""
    return message


@dataclass(frozen=True, slots=True)
class Plural:
    """A message whose form depends on a number, the parameter `by`."""

    one: str
    many: str
    by: str = "count"


Message = str | Plural
