"""The plain text part."""

import pytest

from campaigns.content.html.plain_text import plain_text
from campaigns.content.sources.source import ContentSource
from tests.content.samples import a_recipient, compiled, text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Title</h1><p>One\n  two</p><p>Three</p>", "Title\n\nOne two\n\nThree"),
        ("One<br>Two<br><br>Three", "One\nTwo\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("<ul><li>One</li><li>Two <b>bold</b></li></ul><p>End</p>", "- One\n- Two bold\n\nEnd"),
        ("<ol><li>One<li>Two</ol>", "1. One\n2. Two"),
        ("<ul>\n<li>\n<p>One</p></li><li><div><p>Two</p></div></li></ul>", "- One\n- Two"),
        ("<ol><li><p>A</p><p>and more</p></li><li>B</li></ol><p>C", "1. A\nand more\n2. B\n\nC"),
        ("<ul><li><p>A</p><ul><li><p>B</p></li></ul></li></ul>End", "- A\n- B\n\nEnd"),
        ("<p>a</p><hr><p>b</p>", "a\n\n----------\n\nb"),
        ("<p>&lt;b&gt; &amp;&nbsp;&copy; &#8364;</p>", "<b> & © €"),
        ("<p>See <a href='https://a.example/x'>the shop</a>.</p>", "See the shop (https://a.example/x)."),
        ("<a href='https://a.example/'>https://a.example/</a>", "https://a.example/"),
        ("<a href='https://a.example/'>a.example</a>", "https://a.example/"),
        ("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example"),
        ("<a href='mailto:a@b.example'>Write</a>", "Write (mailto:a@b.example)"),
        ("<a href='#x'>Top</a> <a name=x>Here</a>", "Top Here"),
        ("<a href='https://a.example/'><img src=x alt='Logo'></a>", "Logo (https://a.example/)"),
        ("<a href='https://a.example/'><img src=x></a>Text", "Text"),
        ("<a href='https://a.example/'><p>Block</p></a>Text", "Block (https://a.example/)\n\nText"),
        ("<div style='display:none'>hidden <div>x</div> y</div>Seen", "Seen"),
        ("<p hidden>hidden</p>Seen", "Seen"),
        ("<style>p{}</style><script>x</script><title>t</title>Seen", "Seen"),
        ("<html><head><title>t</title></head><body>Seen</body></html>", "Seen"),
        ("<!-- no --><!--[if mso]>no<![endif]--><!--[if !mso]><!-->yes<!--<![endif]-->", "yes"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a b\nc d"),
        ("<p>a\nb</p><pre>\n  c  d\n\n\ne\n </pre>f\ng", "a b\n\n  c  d\n\ne\n\nf g"),
        ("<pre><code>a\n\tb&#10;c\n</code></pre>d", "a\n\tb\nc\n\nd"),
        ("<ul><li><pre>a\nb</pre></li><li>c\nd</li></ul>", "- a\nb\n- c d"),
        ("<pre>a <a href='https://a.example/'>b\nc</a>\nd", "a b\nc (https://a.example/)\nd"),
        ("a &#123;&#123; subscriber.name }} &#123;% if %}", "a {{ subscriber.name }} {% if %}"),
        ("x &#123;{{ subscriber.name }}}", "x {Alice}"),
    ],
)  # fmt: skip
def test_html_becomes_text(html: str, text: str) -> None:
    assert text_of(html, track_clicks=False) == text


LOOP = "{% for x in subscriber.items %}"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<ul>{LOOP}<li><p>{{{{ x }}}}</p></li>{{% endfor %}}</ul><p>End</p>", "- a\n- b\n\nEnd"),
        (f"<ul>{LOOP}<li>{{{{ x }}}}</li>{{% endfor %}}</ul><p>End</p>", "- a\n- b\n\nEnd"),
        (f"<table>{LOOP}<tr><td>{{{{ x }}}}</td></tr>{{% endfor %}}</table>", "a\nb"),
        ("<p>A</p>{% if subscriber.no %}<p>B</p>{% endif %}<p>C</p>", "A\n\nC"),
        ("<p>A</p>{% if 1 %}<p>B</p>{% else %}<p>X</p>{% endif %}<p>C</p>", "A\n\nB\n\nC"),
        ("Hi {% if subscriber.no %}no{% else %}{{ subscriber.name }}{% endif %}!", "Hi Alice!"),
        ("<p>{%- for x in subscriber.items -%} {{ x }} {%- endfor -%}</p><p>z</p>", "a b \n\nz"),
        ("{% set x = 'v' %}<p>{{ x }}</p>{# no #}", "v"),
        ("<table><tr>{% if subscriber.no %}secret{% endif %}<td>a</td></tr></table>", "a"),
    ],
)  # fmt: skip
def test_loops_and_conditions_survive_in_the_text(html: str, text: str) -> None:
    found = text_of(html, a_recipient(items=["a", "b"]), track_clicks=False)
    assert found.replace(" ", "") == text.replace(" ", "")


def test_code_in_markdown_keeps_its_lines() -> None:
    source = ContentSource(
        "markdown", "Run:\n\n```\n$ {{ subscriber.name }}\n  if a:\n    b\n```\n\nEnd"
    )
    text = compiled(source=source).preview(a_recipient()).text
    assert text.startswith("Run:\n\n$ Alice\n  if a:\n    b\n\nEnd\n")


def test_the_preheader_is_not_in_the_text() -> None:
    rendered = compiled("<p>Hi</p>", preheader="Look {{ subscriber.name }}").preview(a_recipient())
    assert rendered.preheader == "Look Alice"
    assert "Look" not in rendered.text
    assert "Look Alice" in rendered.html


def test_values_of_many_blanks_and_line_breaks_are_converted_quickly() -> None:
    ready = compiled("{% if 1 %}<p>{{ subscriber.v }}</p>{% endif %}")
    assert ready.preview(a_recipient(v="\n" * 60_000)).text
    assert plain_text("<p>" + " \n" * 50_000 + "x</p>") == "x\n"
