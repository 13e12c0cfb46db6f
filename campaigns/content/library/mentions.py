"""What a text names: snippets, saved blocks and media.

The text is a source of any kind, or the JSON of a document. A false match costs a look-up; no
name is missed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_SNIPPET = re.compile(r"""\bsnippet\s*(?:\.\s*(\w+)|\[\s*\\?["']([\w-]+))""")
_SAVED_BLOCK = re.compile(r'"saved"\s*:\s*"([A-Za-z0-9]{1,12})"')
_MEDIA = re.compile(r"\bmedia:([A-Za-z0-9]{12})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Mentions:
    """Keys of snippets, and public ids of saved blocks and media."""

    snippets: set[str] = field(default_factory=set)
    saved_blocks: set[str] = field(default_factory=set)
    media: set[str] = field(default_factory=set)


def mentions_in(texts: Iterable[str]) -> Mentions:
    """Return what these texts name."""
    found = Mentions()
    for text in texts:
        found.snippets.update(dotted or quoted for dotted, quoted in _SNIPPET.findall(text))
        found.saved_blocks.update(_SAVED_BLOCK.findall(text))
        found.media.update(_MEDIA.findall(text))
    return found
