"""Why something is as it is, as a code and its parameters.

Domain code says and stores reasons; `campaigns.wording` makes sentences of them, in the language
of whoever reads. A code names its topic and the reason within it: "preflight.no_sender".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Parameter = str | int | float | None
"""Moments are ISO 8601 strings under a name that ends in `_at`; durations end in `_seconds`.
Numbers are written with separators; a port or an id is a string."""

LEGACY = "legacy.text"
"""A sentence that a version before codes has stored; its parameter is `text`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its parameters, to be stored or turned into a sentence."""

    code: str
    params: Mapping[str, Parameter] = field(default_factory=dict)

    def pack(self) -> str:
        """Return the form in which a text column holds it. See `unpack`."""
        return json.dumps([self.code, dict(self.params)], ensure_ascii=False, sort_keys=True)

    @classmethod
    def unpack(cls, stored: str) -> "Reason | None":
        """Read what `pack` has written. None for "", a legacy reason for any other text."""
        if not stored:
            return None
        try:
            code, params = json.loads(stored)
            if isinstance(code, str) and isinstance(params, dict):
                return cls(code, params)
        except (TypeError, ValueError):
            pass
        return cls(LEGACY, {"text": stored})
