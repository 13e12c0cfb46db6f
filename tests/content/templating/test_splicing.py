"""A message joined from encoded pieces equals the message of the whole texts.

The reference is the template engine's own output, encoded as a whole by binascii, and the
standard library's parser.
"""

import binascii
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.content.html.plain_text import tidy
from campaigns.content.mime import compile as compiling
from campaigns.content.mime.compile import Compiled
from campaigns.content.templating import environment, limits, program
from campaigns.content.templating.environment import Form, Sandbox
from campaigns.messages import Message, Recipient
from tests.content.samples import NOW, compiled, parsed, rendering_fails

TEMPLATES = [
    "<p>Hello {{ subscriber.name }}, {{ subscriber.a }}{{ subscriber.b }}</p>",
    "<p>.\n..\n. {{ subscriber.a }}.\n</p><pre>\n.{{ subscriber.b }}  \n</pre>",
    "<div>{% if subscriber.a %}<p>{{ subscriber.a }}</p> {% endif %} <br>x</div>{{ subscriber.b }}",
    "{% for item in subscriber.items %}<li>{{ loop.index }} {{ item }}\n{% else %}<p>-{% endfor %}",
    "{% set x = subscriber.a ~ '=' ~ subscriber.b %}<p>{{ x }} {{ x|upper }} {{ x|truncate(9) }}",
    "<a href='https://a.example/?q={{ subscriber.a }}&r=1'>{{ subscriber.b }}</a> é=",
    "<p>{{ sender.name }} {{ sender.identity }}{{ campaign.subject }} {{ list.name }}</p>",
    "<td>{{ subscriber.a|default('…') }} {% if subscriber.a == subscriber.b %}<p>=</p>{% else %} "
    "<br> {% endif %}</td>" + "wörd " * 40 + "{{ subscriber.b }}" + "x" * 400,
    "<p>\n\n{{ subscriber.a }}\n{% if subscriber.b %} {% endif %}\n<p>",
    "<div>{% if subscriber.a %}<p>a</div><div>{% endif %}{{ subscriber.a|escape }}</p></div>",
    "{{ '\\r' }}{{ subscriber.a }}{{ '\\n.' }}<a href='https://b.example/x'>{{ subscriber.a }}</a>",
    "{{ preheader }}<a href='{{ unsubscribe_url }}'>{{ unsubscribe_url|upper }}</a> {{ view_url }}",
]
EACH, END = "{% for item in subscriber.items %}", "{% endfor %}"
VALUE = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=120),
    st.text(st.sampled_from(" \t\n\r.=aé🎉א\x00\x1e\x1f\u2028<&'\""), max_size=120),
    st.sampled_from(["", "Alice", "Zoë", "מזל טוב", "\u202eabc", "👩‍👩‍👧", "x" * 900, "Ж" * 200]),
    st.sampled_from([".", "..", ".\r\n.", "\r", "\n", " ", "a ", "a\r", "=", "=\r\n", "\ud800"]),
    st.integers(-(10**6), 10**6),
    st.none(),
    st.booleans(),
)


def _whole(text: str) -> bytes:
    """Quoted-printable of a whole text, by binascii only."""
    raw = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    # With a non-blank end; binascii copies the line ending from the first line.
    return binascii.b2a_qp(b"\r\n" + raw.replace(b"\n", b"\r\n") + b"|", istext=True)[2:].replace(
        b"|", b""
    )


def _plain_form(*, html: bool) -> Form[bytes]:
    def join(pieces: list[Any]) -> bytes:
        text = "".join(pieces)
        return _whole(text.replace("|", "") if html else tidy(text.replace("|", "")).lstrip("\n"))

    return Form(Sandbox(html=html), join, len, 100)


def _pair(html: str, **values: Any) -> tuple[Compiled, Compiled]:
    """The same content, compiled by us and without encoded pieces."""
    ours = compiled(html, **values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "HTML_BODY", _plain_form(html=True))
        patch.setattr(compiling, "TEXT_BODY", _plain_form(html=False))
        return ours, compiled(html, **values)


PAIRS = [
    _pair(html, preheader=preheader)
    for html in TEMPLATES
    for preheader in ("", "{{ subscriber.a }} =")
]


def _part(message: Message, kind: str) -> bytes:
    body = parsed(message).get_body((kind,))
    assert body is not None
    assert not body.defects
    raw = body.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw


def _check_body(data: bytes) -> None:
    body = data.partition(b"\r\n\r\n")[2]
    assert body.endswith(b"\r\n")
    assert body.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", data)
    assert not re.search(rb"(?m)^\.", body)
    assert not re.search(rb"[ \t]\r\n", body)
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert max(map(len, data.split(b"\r\n"))) <= 998


def _bare(value: object) -> object:
    """Without the marker that the reference puts at the end."""
    return value.replace("|", "") if isinstance(value, str) else value


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PAIRS), VALUE, VALUE, VALUE.map(str), st.lists(VALUE, max_size=4),
    st.booleans(),
)  # fmt: skip
@example(PAIRS[0], "a\r", "\nb", "Alice", [], True)
@example(PAIRS[4], " \x1f", "\n ", ".", [], True)
@example(PAIRS[16], "", " ", "", [], False)
def test_the_decoded_message_equals_the_plain_rendering(
    pair: tuple[Compiled, Compiled],
    a: object,
    b: object,
    name: str,
    items: list[object],
    is_tracked: bool,
) -> None:
    attributes = {"a": _bare(a), "b": _bare(b), "items": [_bare(item) for item in items]}
    recipient = Recipient(7 * is_tracked, 5, 1, "alice@example.org", str(_bare(name)), attributes)
    ours, judge = [ready.render(recipient, now=NOW) for ready in pair]
    _check_body(ours.data)
    for kind in ("plain", "html"):
        assert _part(ours, kind) == _part(judge, kind)
    assert ours.data.partition(b"\r\n\r\n")[0] == judge.data.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("html", "words"),
    [
        # Which limit is reached first depends on the machine.
        (2 * EACH + "{{ subscriber.long }}" + 2 * END, "longer than|too long"),
        (3 * EACH + "x" + 3 * END, "10,000 times"),
        ("{{ subscriber.items }}", "A whole list"),
    ],
)  # fmt: skip
def test_the_limits_apply_to_messages(html: str, words: str) -> None:
    ready = compiled(html)
    recipient = Recipient(
        7, 5, 1, "a@example.org", "A", {"items": list(range(30)), "long": "x" * 60_000}
    )
    with rendering_fails(match=words):
        ready.render(recipient, now=NOW)
    assert ready.render(Recipient(7, 5, 1, "a@example.org"), now=NOW).data, (
        "the next message is rendered"
    )


def test_a_text_of_a_megabyte_that_grows_when_encoded_is_not_too_long() -> None:
    ready = compiled("{% for a in subscriber.items %}{{ subscriber.long }}{% endfor %}")
    fits = {"items": [0] * 9, "long": "ж" * 50_000}
    assert (
        len(ready.render(Recipient(7, 5, 1, "a@example.org", "A", fits), now=NOW).data) > 4_000_000
    )
    with rendering_fails(match="longer than 512 KB"):
        ready.render(Recipient(7, 5, 1, "a@example.org", "A", {**fits, "items": [0] * 11}), now=NOW)


def test_time_is_counted_for_the_whole_message(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = compiled("<p>{{ subscriber.a|upper }}{{ subscriber.a|lower }}</p>")
    ticks: Callable[[], float] = iter([0.0, 0.3, 0.6, 0.9, 1.2]).__next__
    monkeypatch.setattr(limits, "thread_time", ticks)
    with rendering_fails(match="too long"):
        ready.render(Recipient(7, 5, 1, "a@example.org", "A", {"a": "x"}), now=NOW)


def test_programs_share_no_variables() -> None:
    ready = compiled(
        "{% set x = 'secret' %}<p>{{ x }}</p>", subject="{% set y = 'hidden' %}{{ y }}"
    )
    recipient = Recipient(7, 5, 1, "a@example.org", "A")
    assert "secret" in ready.preview(recipient).html
    run = program.Run({})
    setting = program.compile_template("subject", "{% set y = 'hidden' %}", environment.HEADER, 100)
    asking = program.compile_template("subject", "{{ y }}", environment.HEADER, 100)
    assert setting.run(run) + asking.run(run) == ""
