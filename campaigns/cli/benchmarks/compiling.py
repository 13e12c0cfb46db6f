"""Measure compiling a newsletter of 60 kB from nothing, for each kind of source with HTML."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from campaigns.content.mime.compile import Content, compile_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext, SourceKind
from campaigns.tokens import Signer

SIZE = 60_000
"""Length of the compiled HTML, in characters."""
RUNS = 5


@dataclass(frozen=True)
class _Newsletter:
    """A newsletter of equal parts, each with its number."""

    kind: SourceKind
    begin: str
    part: str
    end: str = ""
    inline_css: bool = False

    def source(self, parts: int, run: int = 0) -> ContentSource:
        """Return the source. Each run has other links, as compiled content is cached."""
        text = "".join(self.part.replace("#N#", f"{run}/{number}") for number in range(parts))
        return ContentSource(self.kind, self.begin + text + self.end, self.inline_css)

    def parts(self) -> int:
        """Return how many parts the measured size has."""
        few, more = (
            len(compile_source(self.source(count), SourceContext()).html) for count in (10, 20)
        )
        return round((SIZE - few) / ((more - few) / 10)) + 10


_HTML = (
    '<table class="part" role="presentation" width="100%" cellpadding="0" cellspacing="0"'
    ' border="0"><tr><td class="image" align="left" valign="top" style="padding:12px 24px">'
    '<a href="https://shop.example/#N#" style="display:block;text-decoration:none">'
    '<img src="https://shop.example/#N#.jpg" alt="Bag of coffee" width="280"'
    ' style="display:block;width:100%;max-width:280px;border:0"></a></td>'
    '<td class="text" align="left" valign="top" style="padding:12px 24px;mso-line-height-rule:'
    'exactly"><h2 style="font-weight:bold">Bag</h2><p style="margin:0 0 12px">Roasted on Monday,'
    " {{ subscriber.first_name or 'friend' }}: plum, cocoa and a long sweet finish.</p>"
    '<p style="margin:0"><a class="button" style="display:inline-block;border-radius:6px"'
    ' href="https://shop.example/#N#/buy">Order</a></p></td></tr></table>\n'
)
_SHEET = (
    "<style>.part { border-top: 1px solid #dddddd } .image { padding: 12px; width: 280px }"
    " .text { padding: 12px; font-family: Arial, sans-serif; color: #333333 }"
    " h2 { margin: 0 0 8px; font-size: 20px } p { margin: 0 0 12px; line-height: 24px }"
    " .button { background: #4338ca; color: #ffffff; padding: 8px 16px }"
    " @media (max-width: 480px) { .image { width: 100% !important } }</style>\n"
)
_MJML = (
    '<mj-section><mj-column><mj-image src="https://shop.example/#N#.jpg" alt="Bag" />'
    "</mj-column><mj-column><mj-text><h2>Bag</h2><p>Roasted on Monday, "
    "{{ subscriber.first_name or 'friend' }}: plum, cocoa and a long sweet finish.</p>"
    '</mj-text><mj-button href="https://shop.example/#N#/buy">Order</mj-button></mj-column>'
    "</mj-section>\n"
)
_MARKDOWN = (
    "## Bag\n\nRoasted on Monday, {{ subscriber.first_name or 'friend' }}: plum, *cocoa* "
    "and a long sweet finish that stays with you.\n\n- [Order](https://shop.example/#N#/buy)\n"
    "- [Read more](https://shop.example/#N#)\n\n"
)
_BLOCKS = (
    '{"type":"section","columns":[{"blocks":[{"type":"image","alt":"Bag",'
    '"src":"https://shop.example/#N#.jpg"}]},{"blocks":[{"type":"heading","content":'
    '{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":"Bag"}]}]}},'
    '{"type":"text","content":{"type":"doc","content":[{"type":"paragraph","content":['
    '{"type":"text","text":"Roasted on Monday: plum, cocoa and a long sweet finish, "},'
    '{"type":"mergeTag","attrs":{"tag":"subscriber.first_name","fallback":"friend"}}]}]}},'
    '{"type":"button","label":"Order","link":"https://shop.example/#N#/buy"}]}]},'
)
_NEWSLETTERS: Mapping[str, _Newsletter] = {
    "blocks": _Newsletter("blocks", '{"version":1,"rows":[', _BLOCKS, '{"type":"footer"}]}'),
    "html": _Newsletter("html", "", _HTML),
    "inlined_html": _Newsletter("html", _SHEET, _HTML, inline_css=True),
    "mjml": _Newsletter("mjml", "<mjml><mj-body>", _MJML, "</mj-body></mjml>"),
    "markdown": _Newsletter("markdown", "# News\n\n", _MARKDOWN),
}


def measure(content: Content, runs: int = RUNS) -> dict[str, float]:
    """Return the least milliseconds of CPU to compile each kind. `content` has the other fields."""
    return {
        f"compile_{name}_ms": _milliseconds(content, newsletter, runs)
        for name, newsletter in _NEWSLETTERS.items()
    }


def _milliseconds(content: Content, newsletter: _Newsletter, runs: int) -> float:
    signer, parts = Signer(["a key for measuring only, long enough"]), newsletter.parts()
    best = float("inf")
    for run in range(1, runs + 1):
        whole = replace(content, source=newsletter.source(parts, run))
        begun = time.process_time()
        compile_content(whole, signer)
        best = min(best, time.process_time() - begun)
    return best * 1_000
