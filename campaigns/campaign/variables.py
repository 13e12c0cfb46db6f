"""Variables of a campaign: names and texts that its content shows as `{{ var.<name> }}`."""

import re
from collections.abc import Iterable

from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_VARIABLES = 50
MAX_VALUE = 2_000
"""Longest value, in characters."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class VariableError(ReasonError):
    """The variables cannot be saved."""


def checked(typed: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return variables as typed, by name. Empty pairs are left out.

    Raises VariableError.
    """
    found: dict[str, str] = {}
    for typed_name, typed_value in typed:
        name, value = one_line(typed_name).lower(), one_line(typed_value)
        if not name:
            if value:
                raise VariableError("variables.no_name", value=value[:60])
            continue
        if not _NAME.fullmatch(name):
            raise VariableError("variables.bad_name", name=name[:60])
        if name in found:
            raise VariableError("variables.twice", name=name)
        if len(value) > MAX_VALUE:
            raise VariableError("variables.too_long", name=name, most=MAX_VALUE)
        found[name] = value
    if len(found) > MAX_VARIABLES:
        raise VariableError("variables.too_many", most=MAX_VARIABLES)
    return found
