"""Clean form input, which ends up in headers and on pages."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from campaigns.reason import Reason


class InvalidInputError(ValueError):
    """The input cannot be saved. `problems` maps each field to its problem."""

    def __init__(self, problems: Mapping[str, Reason | str]) -> None:
        packed = (one if isinstance(one, str) else one.pack() for one in problems.values())
        super().__init__(" ".join(packed))
        self.problems = problems


class FormInput(BaseModel):
    """Base of form inputs as typed: texts and checkboxes. Values are checked when saving."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> Self:
        """Read each field by its name. A missing text is empty, and a missing checkbox off."""
        typed: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            typed[name] = bool(form.get(name)) if field.annotation is bool else form.get(name, "")
        return cls(**typed)

    @classmethod
    def of(cls, stored: Any) -> Self:
        """Return the form values of an object whose attributes have the names of the fields."""
        values = {name: getattr(stored, name) for name in cls.model_fields}
        return cls(
            **{name: one if isinstance(one, bool) else str(one) for name, one in values.items()}
        )


def one_line(text: str) -> str:
    """Return one line without control characters, as names end up in email headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def several_lines(text: str) -> str:
    """Return the lines without control characters, and without empty ones at either end."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip("\n")


def key_from(text: str, *, most: int, otherwise: str) -> str:
    """Return a key made from a label: "Postal code" becomes postal_code.

    `most` is its longest length; `otherwise` stands in for a label without Latin letters.
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    key = re.sub(r"[^a-z0-9]+", "_", plain.decode().lower()).strip("_")
    key = f"a_{key}" if key[:1].isdigit() else key
    return key[:most].strip("_") or otherwise
