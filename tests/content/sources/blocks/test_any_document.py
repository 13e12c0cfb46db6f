"""Any valid document becomes a whole email: a property, tried with generated documents."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.content.html import scanner, tokens
from campaigns.content.sources.blocks.document import Document
from campaigns.content.sources.source import MediaFile, SourceContext
from campaigns.content.templating import limits
from campaigns.content.templating.environment import PLAIN
from tests.content.sources.blocks.documents import Json, compiled, compiled_text, rich

FIELD = '{{ subscriber.city|default("a > b") }}'
PIECES = st.sampled_from(
    [FIELD, "<x-raw>", '"', "'", "&amp;", "&", "{", "}", "%}", "{#", "\\", "\t", "\n", "é",
     "e\u0301", "\u202e", "\U0001f469\u200d\U0001f467", "]]>", "<!--", "-->", "<![endif]-->",
     "\x01", "a b"]
)  # fmt: skip
TEXT = st.lists(PIECES, max_size=5).map("".join)
URL = st.sampled_from(
    ["", "https://shop.example/?a=1&b=2", "media:abcdefghijkl", "media:none", "{{ view_url }}",
     "javascript:alert(1)", "x", f"https://shop.example/{FIELD}", "mailto:a@shop.example",
     '"><x-raw>']
)  # fmt: skip
COLOUR = st.sampled_from(["", "#000000", "#ffffff", "#fef3c7", "accent", "muted", "surface"])
ALIGN = st.sampled_from(["left", "center", "right"])
CONTEXT = SourceContext(
    base_url="https://news.example",
    media={"abcdefghijkl": MediaFile("https://news.example/m/a.png", 320, 200, "An <image>")},
    saved_blocks={"abcdefghijkl": [{"type": "section", "columns": [{"blocks": []}]}]},
)
WHEN = st.sampled_from(
    [None, None, {"kind": "field", "field": "subscriber.city", "op": "is", "value": '"%}<x-raw>'},
     {"kind": "segment", "segment": "abcdefghijkl"}]
)  # fmt: skip


def one_of(**fields: Any) -> Any:
    return st.fixed_dictionaries({}, optional=fields)


def marks() -> Any:
    kinds = [{"type": kind} for kind in ("bold", "italic", "underline", "strike")]
    link = URL.map(lambda url: {"type": "link", "attrs": {"href": url}})
    colour = st.sampled_from(["#b91c1c", "accent"]).map(
        lambda name: {"type": "textColour", "attrs": {"colour": name}}
    )
    return st.lists(st.one_of(st.sampled_from(kinds), link, colour), max_size=3)


RUN = st.one_of(
    st.builds(lambda text, how: {"type": "text", "text": text or "a", "marks": how}, TEXT, marks()),
    st.builds(
        lambda fallback: {
            "type": "mergeTag", "attrs": {"tag": "subscriber.city", "fallback": fallback}
        },
        TEXT,
    ),
    st.just({"type": "hardBreak"}),
)  # fmt: skip
PARAGRAPH = st.lists(RUN, max_size=3).map(lambda runs: {"type": "paragraph", "content": runs})
LIST = st.lists(PARAGRAPH, min_size=1, max_size=2).map(
    lambda items: {
        "type": "orderedList", "content": [{"type": "listItem", "content": [one]} for one in items]
    }
)  # fmt: skip
LINE = st.lists(PARAGRAPH, max_size=1).map(lambda inner: {"type": "doc", "content": inner})
RICH = st.lists(st.one_of(PARAGRAPH, LIST), max_size=3).map(
    lambda inner: {"type": "doc", "content": inner}
)


def block(kind: str, needed: Any = None, **fields: Any) -> Any:
    """Return a strategy for blocks of a kind: `needed` fields, and any of the others."""
    common = {"when": WHEN, "hide_on": st.sampled_from(["", "phone", "desktop"])}
    return st.builds(
        lambda must, may: {"type": kind, **must, **may},
        st.fixed_dictionaries(needed or {}),
        one_of(**common, **fields),
    )


CODE = st.sampled_from(["", f"<p>{FIELD}</p>", "<div>", "</table>", "<style>p{color:red}</style>a"])
SIMPLE = st.one_of(
    block("heading", {"content": LINE}, level=st.integers(1, 3), align=ALIGN, colour=COLOUR),
    block("text", {"content": RICH}, align=ALIGN, colour=COLOUR, size=st.integers(0, 48)),
    block("image", src=URL, alt=TEXT, link=URL, width=st.integers(0, 1200), dark_src=URL),
    block("logo", alt=TEXT, link=URL),
    block("button", {"label": TEXT}, link=URL, is_wide=st.booleans(), background=COLOUR),
    block("divider", colour=COLOUR, thickness=st.integers(1, 12), width=st.integers(10, 100)),
    block("spacer", height=st.integers(4, 200)),
    block("social", entries=st.lists(URL.map(lambda u: {"network": "x", "url": u}), max_size=20)),
    block("product", {"title": TEXT}, image=URL, alt=TEXT, text=TEXT, price=TEXT, old_price=TEXT,
          label=TEXT, link=URL, layout=st.sampled_from(["top", "left"])),
    block("quote", {"content": RICH}, author=TEXT, role=TEXT, image=URL),
    block("video", link=URL, image=URL, alt=TEXT),
    block("html", code=CODE),
)  # fmt: skip
REPEAT = block(
    "repeat", each=st.sampled_from(["subscriber.a", "x) %}"]), blocks=st.lists(SIMPLE, max_size=2)
)
COLUMN = one_of(
    width=st.integers(0, 100),
    background=COLOUR,
    blocks=st.lists(st.one_of(SIMPLE, REPEAT), max_size=4),
)
SECTION = block(
    "section",
    {"columns": st.lists(COLUMN, min_size=1, max_size=4)},
    background=COLOUR,
    background_image=URL,
    is_full=st.booleans(),
    stacks=st.booleans(),
)
SAVED = block("saved", {"saved": st.sampled_from(["abcdefghijkl", "gone"])})
FOOTER = block("footer", content=st.one_of(st.none(), RICH), shows_social=st.booleans())
DOCUMENT = one_of(
    rows=st.lists(st.one_of(SECTION, SAVED, FOOTER), max_size=4), background=COLOUR, surface=COLOUR
)


def texts_of(value: Any) -> list[str]:
    """Return every text in JSON, without the author's own HTML."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts_of(one)]


def unbalanced(page: str) -> list[str]:
    """Return the tags without a counterpart; Outlook's are counted by name."""
    page = tokens.guard(page).text
    opened, wrong, outlook = list[str](), list[str](), dict[str, int]()
    for tag in scanner.read(page):
        if not isinstance(tag, scanner.HtmlTag) or tag.name in scanner.VOID:
            continue
        if tag.is_hidden:
            closed = page[tag.start : tag.end].endswith("/>")
            outlook[tag.name] = outlook.get(tag.name, 0) + (
                0 if closed else -1 if tag.is_end else 1
            )
        elif not tag.is_end:
            opened.append(tag.name)
        elif opened and opened[-1] == tag.name:
            opened.pop()
        else:
            wrong.append(f"</{tag.name}>")
    return [*wrong, *opened, *(name for name, count in outlook.items() if count)]


TAGS = st.lists(
    st.sampled_from(
        ["{{", "}}", "{%", "%}", "{#", "#}", "{", "}", "'", '"', "(", "]", "\\", "|", "-", "\n",
         " ", "subscriber.city", "if", "for a in b", "endfor", "raw", "set a = 1"]
    ),
    max_size=10,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(TAGS, TAGS)
def test_no_text_breaks_the_email_around_it(text: str, label: str) -> None:
    page = compiled({"type": "text", "content": rich(text)}, {"type": "button", "label": label})
    assert page.html.endswith("</html>")
    assert page.html.count("{{ unsubscribe_url }}") == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENT)
def test_any_document_becomes_a_whole_email(data: Json) -> None:
    Document.model_validate(data)  # it is valid
    page = compiled_text(json.dumps(data), CONTEXT)
    source = page.html
    assert source.endswith("</html>")
    assert len(source) < limits.MAX_SOURCE
    assert unbalanced(source) == []
    text = tokens.guard(source).text
    assert text.count("<!--[if") == text.count("<![endif]-->")
    assert source.count("{{ unsubscribe_url }}") == 1
    assert "<x-raw" not in text
    assert "javascript:" not in source
    PLAIN.parse(source)
