"""What each kind of block becomes."""

from dataclasses import replace

import pytest

from campaigns.content.brand_style import BrandStyle, SocialLink
from campaigns.content.sources.source import MediaFile, SourceContext
from tests.content.sources.blocks.documents import (
    Json,
    block,
    codes,
    compiled,
    mark,
    paragraph,
    rich,
    section,
    words,
)

PICTURE = "https://shop.example/a.png"
LINK = "https://shop.example/"
HERE = SourceContext(base_url="https://news.example")


def test_an_image_of_the_library_has_its_address_width_and_text() -> None:
    media = {"abcdefghijkl": MediaFile("https://news.example/m/a.png", 320, 200, "Our harbour")}
    page = compiled(block("image", src="media:abcdefghijkl"), context=replace(HERE, media=media))
    assert page.problems == ()
    assert 'alt="Our harbour"' in page.html
    assert 'src="https://news.example/m/a.png"' in page.html
    assert 'width="320"' in page.html


def test_an_image_that_was_deleted_is_named_and_left_out() -> None:
    page = compiled(block("image", id="pict", src="media:abcdefghijkl", alt="x"))
    assert [(one.reason.code, one.block, one.blocks) for one in page.problems] == [
        ("blocks.media_missing", "pict", True)
    ]
    assert "<img" not in page.html


def test_dark_mode_shows_the_other_image() -> None:
    dark = "https://shop.example/dark.png"
    page = compiled(block("image", src=PICTURE, alt="x", dark_src=dark))
    assert page.html.count("<img") == 2
    hidden = page.html.index("display:none;mso-hide:all;")
    assert page.html.index(PICTURE) < hidden < page.html.index(dark)


def test_a_product_shows_its_parts_and_links_them() -> None:
    page = compiled(
        block("product", image=PICTURE, alt="Bag", title="Guji & Co", price="€ 9", old_price="€ 12",
              text="Peach", label="Buy", link=LINK, layout="left")
    )  # fmt: skip
    for part in ("Guji &amp; Co</h3>", "€ 9</span>", "€ 12</s>", "Peach", ">Buy</a>"):
        assert part in page.html
    assert page.html.count(f'href="{LINK}"') == 2
    assert page.problems == ()


def test_a_video_is_its_image_and_a_line_that_lead_to_it() -> None:
    page = compiled(block("video", link=LINK, image=PICTURE))
    assert page.html.count(f'href="{LINK}"') == 2
    assert 'alt="Watch the video"' in page.html


def test_profiles_are_those_of_the_brand_with_icons_of_this_installation() -> None:
    brand = BrandStyle(social=(SocialLink(network="email", url="hi@shop.example"),))
    page = compiled(block("social"), context=replace(HERE, brand=brand))
    assert 'href="mailto:hi@shop.example"' in page.html
    assert 'src="https://news.example/static/img/social/email.png"' in page.html
    entry = {"network": "myspace", "url": LINK}
    page = compiled(block("social", entries=[entry]), context=replace(HERE, brand=brand))
    assert 'src="https://news.example/static/img/social/website.png"' in page.html
    assert "mailto:" not in page.html


def test_a_list_repeats_its_blocks_inside_of_the_table() -> None:
    inner = block("text", content=rich("{{ item.name }}"))
    page = compiled(block("repeat", each="subscriber.products", limit=3, blocks=[inner]))
    begin = "{% for item in subscriber.products %}{% if loop.index <= 3 %}\n<tr>"
    assert begin in page.html
    assert "</tr>{% endif %}{% endfor %}" in page.html
    page = compiled(block("repeat", each="x) %}", blocks=[inner]))
    assert codes(page) == ["blocks.repeat_without_field"]
    assert "x) %}" not in page.html


@pytest.mark.parametrize(
    ("when", "statement"),
    [
        ({"kind": "field", "field": "subscriber.city", "op": "is", "value": '"'},
         '{% if subscriber.city == "\\"" %}'),
        ({"kind": "segment", "segment": "abcdefghijkl"}, '{% if in_segment["abcdefghijkl"] %}'),
        ({"kind": "segment", "segment": "abcdefghijkl", "is_in": False},
         '{% if not in_segment["abcdefghijkl"] %}'),
    ],
)  # fmt: skip
def test_a_condition_surrounds_its_block(when: Json, statement: str) -> None:
    shown = compiled(block("text", content=rich("Hi"), when=when)).html
    assert f"{statement}<tr>" in shown
    assert "</tr>{% endif %}" in shown
    row = compiled(section(block("text", content=rich("Hi")), when=when)).html
    assert f"{statement}<!--[if mso | IE]>" in row


def test_the_authors_html_arrives_as_written() -> None:
    code = "<Table bgcolor=RED><tr><td>{{ list.name }}<br><!--[if mso]>&nbsp;<![endif]-->"
    page = compiled(block("html", code=f"{code}</Table>"))
    assert page.problems == ()
    assert f"{code}</Table>" in page.html


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("</td></tr></table>", "</td>"),
        ("<div>", "<div>"),
        ("<p><!-- b", "<p><!-- b"),
        ("<b><i></b>", "</b>"),
    ],
)
def test_html_that_would_break_the_email_is_refused(code: str, tag: str) -> None:
    page = compiled(block("html", code=f"Broken {code}"))
    assert [(one.reason.code, one.reason.params["tag"]) for one in page.problems] == [
        ("blocks.html_unbalanced", tag)
    ]
    assert "Broken" not in page.html


def test_saved_rows_are_put_in_place() -> None:
    rows = [section(block("text", content=rich("Saved & sound")))]
    saved: Json = {"type": "saved", "id": "save", "saved": "abcdefghijkl"}
    page = compiled(saved, context=replace(HERE, saved_blocks={"abcdefghijkl": rows}))
    assert "Saved &amp; sound" in page.html
    assert codes(compiled(saved)) == ["blocks.saved_missing"]
    page = compiled(saved, context=replace(HERE, saved_blocks={"abcdefghijkl": [saved]}))
    assert codes(page) == ["blocks.saved_in_saved"]


def test_problems_inside_of_saved_rows_belong_to_the_row() -> None:
    rows = [section(block("button", label="Go", link="javascript:1"))]
    saved = {"type": "saved", "id": "save", "saved": "abcdefghijkl"}
    page = compiled(saved, context=replace(HERE, saved_blocks={"abcdefghijkl": rows}))
    assert {one.block for one in page.problems} == {"save"}


def test_blocks_can_be_hidden_on_phones_or_shown_only_there() -> None:
    page = compiled(
        block("text", content=rich("wide"), hide_on="phone"),
        block("text", content=rich("small"), hide_on="desktop"),
    ).html
    assert 'class="no-phone' in page
    only = page.index('class="only-phone')
    assert "display:none;mso-hide:all;" in page[only : page.index("small")]


def test_the_footer_cannot_be_hidden_or_doubled() -> None:
    assert codes(compiled(block("footer", hide_on="phone"))) == ["blocks.footer_hidden"]
    page = compiled(block("footer"), block("footer"))
    assert codes(page) == ["blocks.two_footers"]
    assert page.html.count("{{ unsubscribe_url }}") == 1


def test_a_background_image_cannot_add_styles() -> None:
    url = "https://shop.example/a'b(c).png"
    page = compiled(section(block("spacer"), background_image=url))
    assert "url('https://shop.example/a%27b%28c%29.png')" in page.html
    assert "<v:fill" in page.html
    page = compiled(section(background_image="https://shop.example/{{ subscriber.city }}"))
    assert codes(page) == ["blocks.tag_in_background"]


def test_a_large_saved_block_cannot_be_repeated_without_end() -> None:
    rows = [section(block("html", code="x" * 200_000))]
    saved: list[Json] = [{"type": "saved", "saved": "abcdefghijkl"}] * 500
    page = compiled(*saved, context=replace(HERE, saved_blocks={"abcdefghijkl": rows}))
    assert set(codes(page)) == {"blocks.too_large"}
    assert len(page.html) < 2_000_000


@pytest.mark.parametrize("name", ["only-dark", "only-phone"])
def test_the_words_of_the_hiding_classes_hide_nothing_in_texts_and_addresses(name: str) -> None:
    url = f"https://shop.example/{name}-chocolate/{name} /x.png"
    link = words("Here", mark("link", href=url))
    page = compiled(
        block("text", content=rich(paragraph(words(f'This class="{name} deal: '), link))),
        block("button", label=name, link=url),
        block("image", src=url, alt=f'{name} " {name}', link=url),
        block("html", code=f'<p class="{name}" style="color:red">x</p>'),
        block("text", content=rich("Seen"), hide_on="phone"),
    )
    assert "mso-hide:all;" not in page.html
