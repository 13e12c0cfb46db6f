"""Reasons: a code and its parameters.

Domain code returns and stores reasons; `campaigns.wording` turns them into sentences in the user's
language. A code consists of a topic and a name: "preflight.no_sender".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Parameter = object
"""Text, a number, None, a reason, or a tuple of reasons or of weekdays.

The name determines the format: `_at` is a time (ISO 8601), `_local` a local date and time, of which
`_date` and `_time` show one, `_seconds` a duration, `_percent` a share, `_per_second` a speed,
`_bytes` a size, `weekdays` are numbered from Monday, 0. Other numbers get separators; ports and ids
are strings. Reasons become their sentences."""

LEGACY = "legacy.text"
"""A sentence stored by a version before codes; its parameter is `text`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its parameters, to be stored or turned into a sentence."""

    code: str
    params: Mapping[str, Parameter] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.params.items(), key=lambda item: item[0]))))

    def pack(self) -> str:
        """Return the stored form, for a text column. See `unpack`."""
        return json.dumps(_packed(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def unpack(cls, stored: str) -> "Reason | None":
        """Parse the text of `pack`. Returns None for "", a legacy reason for any other text."""
        if not stored:
            return None
        try:
            found = _unpacked(json.loads(stored))
        except (TypeError, ValueError):
            found = None
        return found if isinstance(found, cls) else cls(LEGACY, {"text": stored})


class ReasonError(ValueError):
    """A refusal with its reason; `field` names the part of the input at fault."""

    def __init__(self, code: str, *, field: str = "", **params: Parameter) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)
        self.field = field


def _packed(value: Parameter) -> Any:
    if isinstance(value, Reason):
        return [value.code, {name: _packed(one) for name, one in value.params.items()}]
    return [_packed(one) for one in value] if isinstance(value, tuple) else value


def _unpacked(value: Any) -> Any:
    match value:
        case [str(code), dict(params)]:
            return Reason(code, {name: _unpacked(one) for name, one in params.items()})
        case list():
            return tuple(map(_unpacked, value))
    return value
