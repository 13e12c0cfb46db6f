"""Read what another release may have stored: fields that are unknown here are ignored.

Input from people and programs is checked strictly instead, as an unknown field there is a mistake.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

Model = TypeVar("Model")


def from_stored(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return a dataclass with those of the values that are its fields."""
    names = {one.name for one in fields(model)}  # type: ignore[arg-type]
    return model(**{name: value for name, value in values.items() if name in names})
