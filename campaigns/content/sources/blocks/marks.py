"""Replace the marks in compiled HTML: the author's code, and the beginnings of blocks.

Marks have the form of comments of the template language, which are dropped from what authors write.
They begin with a key, as a merge tag may contain a text of the same form.
"""

import re
from dataclasses import dataclass

from campaigns.content.sources.blocks.build import Build


@dataclass(frozen=True, slots=True)
class Marked:
    """HTML without marks. `blocks`: for each line, the id of its block."""

    html: str
    blocks: tuple[str, ...]


def replaced(html: str, build: Build) -> Marked:
    """Return the HTML with code in place of its marks; each block begins a line."""
    pieces, blocks, block, position = list[str](), [""], "", 0
    marks = re.compile(rf"\{{#{build.key}-(?:code-(\d+)|block-([a-z0-9]*))#\}}")
    for mark in marks.finditer(html):
        before = html[position : mark.start()]
        if mark[1]:
            before += build.codes[int(mark[1])]
        blocks += [block] * before.count("\n")
        pieces.append(before)
        if not mark[1]:
            block = mark[2]
            pieces.append("\n")
            blocks.append(block)
        position = mark.end()
    rest = html[position:]
    pieces.append(rest)
    blocks += [block] * rest.count("\n")
    return Marked("".join(pieces), tuple(blocks))
