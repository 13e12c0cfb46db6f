"""Why something is as it is, as a code and its parameters.

Domain code says and stores reasons; `campaigns.wording` makes sentences of them, in the language
of whoever reads. A code names its topic and the reason within it: "preflight.no_sender".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Parameter = object
"""Text, a number, None, a reason, or a tuple of reasons or of weekdays.

The name says how a value is written: `_at` is a moment (ISO 8601), `_local` a wall clock's
date and time, of which `_date` and `_time` show one, `_seconds` a duration, `_percent` a share,
`_per_second` a speed, `_bytes` a size, `weekdays` are days counted from Monday, 0. Other numbers
get separators; a port or an id is a string. A reason, or several, stands for its own sentence."""

LEGACY = "legacy.text"
"""A sentence that a version before codes has stored; its parameter is `text`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its parameters, to be stored or turned into a sentence."""

    code: str
    params: Mapping[str, Parameter] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.params.items(), key=lambda item: item[0]))))

    def pack(self) -> str:
        """Return the form in which a text column holds it. See `unpack`."""
        return json.dumps(_packed(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def unpack(cls, stored: str) -> "Reason | None":
        """Read what `pack` has written. None for "", a legacy reason for any other text."""
        if not stored:
            return None
        try:
            found = _unpacked(json.loads(stored))
        except (TypeError, ValueError):
            found = None
        return found if isinstance(found, cls) else cls(LEGACY, {"text": stored})


class ReasonError(ValueError):
    """A refusal with its reason; `field` names the part of the input that is to blame."""

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
