"""How the settings and secrets of an account look in a form.

A kind describes each of its fields once, in order (`kind.Kind.fields`), and pages are built from
that. Whether a field is a text, a number or a box follows from the kind's models, as does whether
it is a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.reason import Reason

Text = str | Reason
"""Words for people. A string is a proper name, which is the same in every language."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a setting may have."""

    value: str
    label: Text
    hint: Text = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that few people need. It is closed until one of them is set."""

    title: Text
    hint: Text = ""


@dataclass(frozen=True, slots=True)
class AccountField:
    """A setting or a secret as people see it. `name` is its name in the kind's models."""

    name: str
    label: Text
    hint: Text = ""
    placeholder: str = ""
    is_required: bool = False
    """Only for a field that is always shown."""
    is_multiline: bool = False
    is_beside: bool = False
    """It is short, and shares the row of the field before it."""
    limits: tuple[int, int] | None = None
    """Lowest and highest value of a number."""
    choices: tuple[Choice, ...] = ()
    section: Section | None = None
    shown_if: Mapping[str, str] = field(default_factory=dict)
    """Names of other fields, and the regular expression that their whole value must match."""
    remove_label: Text = ""
    """Label of the box that deletes a stored secret; without one it can only be replaced."""


@dataclass(frozen=True, slots=True)
class StoredValue:
    """What people may see of a stored value that the form does not show."""

    text: Reason
    is_expired: bool = False
