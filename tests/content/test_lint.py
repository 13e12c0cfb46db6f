"""Dead links, placeholders and foreign merge tags are found, with their line."""

import os
import time
from pathlib import Path

import pytest

from campaigns.content.lint import Finding
from campaigns.content.merge_tags import equivalent_of, foreign_tags, is_foreign_element
from campaigns.content.mime.compile import lint_content
from campaigns.content.targets import dead_target, is_placeholder
from campaigns.content.templating.problems import Problem
from tests.content.samples import a_content
from tests.content.samples import words as said_of


def found(html: str, **values: object) -> list[Problem]:
    return [finding.problem for finding in lint_content(a_content(html, **values))]


def explanation(html: str) -> str:
    return "\n".join(said_of(problem) for problem in found(html))


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("*|FNAME|*", "{{ subscriber.first_name }}"),
        ("*|UNSUB|*", "{{ unsubscribe_url }}"),
        ("*|ARCHIVE|*", "{{ view_url }}"),
        ("[[name]]", "{{ subscriber.name }}"),
        ("%%firstname%%", "{{ subscriber.first_name }}"),
        ("{contactfield=firstname}", "{{ subscriber.first_name }}"),
        ("${name}", "{{ subscriber.name }}"),
        ("##NAME##", "{{ subscriber.name }}"),
        ("[UNSUBSCRIBEURL]", "{{ unsubscribe_url }}"),
        ("%unsubscribe_url%", "{{ unsubscribe_url }}"),
        ("%FIRSTNAME%", "{{ subscriber.first_name }}"),
        ("{$email}", "{{ subscriber.email }}"),
        ("<%= user.name %>", "{{ subscriber.name }}"),
        ("{!Contact.Email}", "{{ subscriber.email }}"),
        ("#{first_name}", "{{ subscriber.first_name }}"),
        ("{first_name}", "{{ subscriber.first_name }}"),
        ("*|MC:SUBJECT|*", "{{ campaign.subject }}"),
        ("*|LNAME|*", "{{ subscriber.last_name }}"),
    ],
)
def test_foreign_merge_tags_are_named_with_the_field_to_use(tag: str, meant: str) -> None:
    assert [name for _, name in foreign_tags(f"Dear {tag},")] == [tag]
    assert equivalent_of(tag) == meant
    if not tag.startswith("<%"):
        words = explanation(f"<p>Hello</p>\n<p>Dear {tag},</p>")
        assert "Line 2: " in words
        assert f"“{tag}” is a merge tag of another program" in words
        assert f"Use {meant} instead" in words


@pytest.mark.parametrize(
    "html",
    [
        "<style>[class*=x] { width: 100%; } a[href^='x'] {} #{x} ##y##</style><p>Hi</p>",
        "<p>Only $5, 100% wool, 50% off and 20% more: 5%name</p>",
        "<p>## Headline ##</p><p># one ## two</p>",
        '<script type="application/ld+json">{"name": "${x}", "a": [["b"]]}</script><p>Hi</p>',
        "<p>{{ subscriber.name }} [1] [x] {a} { b } 3 * |x| * [see below]</p>",
        "<p>a[i][j] and 100 %% sure, C:\\ drive, $ {x}</p>",
        '<p class="[[x]] %%y%%" style="width:calc(100% - 5px)">Hi</p>',
        '<p><a href="#top">Up</a> <a name="top"></a></p>',
        '<p><a href="https://shop.company.com/?a=%20b&amp;q=100%25">Shop</a></p>',
        '<p><a href="mailto:ann@company.com">Ann</a> <a href="tel:+49123">Call</a></p>',
        '<a href="mailto:{{ sender.address }}">Us</a> <a href="tel:{{ subscriber.name }}">T</a>',
        '<a href="mailto:?subject=Look">Share</a> <a href="mailto:a@b.com,b@company.com">x</a>',
        '<p>[<a href="{{ unsubscribe_url }}">unsubscribe</a>] [<b>name</b>] 5<b>%</b></p>',
        "<p>5 -name, first-name-last, -- name -- and - email -, ~5 km, ~~x~~</p>",
        "<p>ann@name.com, @name @email, #name #email #marketing, $name, US$ 5, $5-$10$</p>",
        "<p>« Bonjour » «Hola» {Hi} [sic] [address] [NEW] [SOLD OUT] [ ] a&lt;&lt;b&gt;&gt;c</p>",
        "<p>100%% sure, 10%-20%-30%, %PATH%, 50%URL%, 5% of the name and 6% of the email%</p>",
        "<p>Use <code>${name}</code>:</p><pre>[[name]] *|FNAME|*</pre>",
        "<!--[if mso]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]-->",
        "<style>v\\:*{behavior:url(#default#VML)}</style>",
        '<p id="menu">x</p><p><a href="#menu">Up</a> <a href="#top">Top</a></p>',
        '{% for a in subscriber.b %}<p id="d{{ loop.index }}"><a href="#d1">x</a></p>{% endfor %}',
        "{% set first_name = subscriber.name %}<p>{{ first_name }}</p>",
        "{% for person in subscriber.people %}{{ person.first_name }}{% endfor %}",
        '<p><a href="https://{{ subscriber.shop }}.company.com/x">You</a></p>',
        '<a href="{% if subscriber.name %}https://b.com{% else %}{{ view_url }}{% endif %}">x</a>',
        '<a href="https://company.com/@ann">A</a> <a href="https://b.com/%E2%80%93name%20">B</a>',
        '<p><a href="https://company.com/your-website-needs-this">C</a></p>',
        "<p style=\"background:url('https://cdn.company.com/a.png')\">x</p>",
        '<p><a href=" {{ unsubscribe_url }} ">Unsubscribe</a></p>',
        '<p><a href="https://share.com/?u={{ view_url }}&amp;t=1">Share</a></p>',
        '<p><a href="mailto:?body={{ view_url }}">Share</a> <a href="{{ view_url }}?a=1">V</a></p>',
        '<p><a href="https://company.com/?n={{ subscriber.name }}">You</a></p>',
        '<p><a href="https://bücher.de/">B</a> <a href="https://8.8.8.8/x">ip</a></p>',
        '<img src="https://cdn.company.com/a.png" alt="a">',
    ],
)
def test_there_are_no_false_findings(html: str) -> None:
    assert explanation(html) == ""


@pytest.mark.parametrize(
    "target",
    [
        "", "#", "www.shop.com/sale", "shop.com", "/sale", "index.html", "file:///C:/x.html",
        "https://", "http://", "http:// shop.com", "hhtps://shop.com", "htp://shop.com",
        "http://localhost:3000/x", "http://127.0.0.1/", "http://192.168.0.4/x", "http://10.1.2.3/",
        "http://[::1]/", "http://printer.local/", "C:\\Users\\me\\x.html", "\\\\server\\x",
        "https:/shop.com",
        "//cdn.shop.com/x", "http://intranet/", "javascript:void(0)", "ftp://shop.com/x", "*|URL|*",
        "shop.com:8080/x", "../a.html", "mailto:", "mailto:a", "mailto:ann@foo..com",
        "mailto:ann@localhost", "mailto://ann@shop.com", "tel:", "tel:call", "sms:now", "#nowhere",
        "http://[64:ff9b::7f00:1]/", "http://0x7f.1/", "http://2130706433/", "http://127.1/",
        "https://shop.com:99999/", "https://shop.com:0/", "https://shop.com:x/",
        "https://foo..com", "https://shop,com", "https://shop.con", "https://index.html",
        "https://[::1", "https://sh%20op.com", "https://https://shop.com", "https:///shop.com",
        "https://ann@shop.com", "https://user:secret@shop.com/", "http://wiki.internal",
        "http://a.test", "http://a.invalid", "http://abcdef.onion", "cid:logo", "vbscript:x",
        "java\nscript:alert(1)", "data:text/html,x", "/Users/ann/x.html",
        "https://shop.com/?q=%7Bfirst_name%7D", "http://localhost/?n={{ subscriber.name }}",
        "www.shop.com/?n={{ subscriber.name }}", "{% if subscriber.name %}#{% else %}#{% endif %}",
    ],
)  # fmt: skip
def test_links_that_nobody_can_open_are_found_with_their_line(target: str) -> None:
    assert "{" in target or dead_target(target, places=())
    (problem, *_) = [
        entry
        for entry in found(f'<p>Hello</p>\n<p><a href="{target}">Sale</a></p>')
        if "Sale" in said_of(entry)
    ]
    assert problem.line == 2
    assert not problem.blocks


@pytest.mark.parametrize(
    "source",
    ["images/logo.png", "C:\\Users\\me\\logo.png", "", "file:///x.png", "http://localhost/a.png",
     "data:image/png;base64,AAAA", "cid:logo", "https://example.com/a.png", "http://127.1/a.png",
     "https://via.placeholder.com/600x200", "http://10.0.0.1/{{ subscriber.name }}.png"],
)  # fmt: skip
def test_images_that_nobody_can_see_are_found(source: str) -> None:
    (finding,) = lint_content(a_content(f'<p>Hello</p>\n\n<img src="{source}" alt="Logo">'))
    assert finding.problem.line == 3
    assert not finding.problem.blocks
    assert finding.kind in {"image", "placeholder"}
    assert source.partition("{")[0] in said_of(finding.problem)


@pytest.mark.parametrize(
    "target",
    ["https://example.org", "https://www.example.com/x", "https://your-link-here",
     "https://yourdomain.com/", "https://shop.company.com/insert-link", "https://example.co.uk/x",
     "https://www.your-website.com", "https://mywebsite.com/", "https://company.com/[link]",
     "mailto:you@example.com", "tel:+1234567890", "tel:000-000-0000"],
)  # fmt: skip
def test_placeholder_links_are_found(target: str) -> None:
    assert is_placeholder(target)
    assert explanation(f'<a href="{target}">Buy</a>')


@pytest.mark.parametrize(
    "target",
    ["", "#", "*|UNSUB|*", "[UNSUBSCRIBEURL]", "%unsubscribe_url%", "https://",
     "https://example.com/unsubscribe", "%7B%7B%20unsubscribe_url%20%7D%7D",
     "http://{{ unsubscribe_url }}"],
)  # fmt: skip
@pytest.mark.parametrize("words", ["Unsubscribe", "opt out", "Hier abmelden", "Se désabonner"])
def test_a_visible_unsubscribe_link_must_work(target: str, words: str) -> None:
    problems = found(f'<p>x</p>\n<p><a href="{target}"><b>{words}</b></a></p>')
    assert any(problem.blocks and problem.line == 2 for problem in problems)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("%7B%7B%20unsubscribe_url%20%7D%7D", "Write {{ unsubscribe_url }} instead."),
        ("https://shop.com/?n=%7B%7Bsubscriber.name%7D%7D", "Write {{ subscriber.name }} instead."),
        ("https://{{ view_url }}", "has https:// before {{ view_url }}"),
        ("&#123;&#123; unsubscribe_url &#125;&#125;", "Write {{ unsubscribe_url }} instead."),
        ("%257B%257Bunsubscribe_url%257D%257D", "Write {{ unsubscribe_url }} instead."),
        ("https://editor.com/{{ unsubscribe_url }}", "Remove the part before it."),
        ("mailto:{{ unsubscribe_url }}", "Remove the part before it."),
        ("#{{ unsubscribe_url }}", "Remove the part before it."),
        ("{{ unsubscribe_url }}&amp;x=1", "has &x=1 after {{ unsubscribe_url }}"),
    ],
)
def test_mangled_fields_are_problems_with_the_line(target: str, hint: str) -> None:
    (problem,) = found(f'<p>x</p>\n<p><a href="{target}">out</a></p>')
    assert (problem.blocks, problem.line) == (True, 2)
    assert hint in said_of(problem)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("Dear *|<b>FNAME</b>|*", "“*|FNAME|*” is a merge tag of another program"),
        ("<i>%%</i>first<wbr>name%%", "“%%firstname%%” is a merge tag of another program"),
        ("{<b>{ subscriber.name }</b>}", "Write {{ subscriber.name }} instead"),
    ],
)
def test_tags_with_formatting_inside_are_found(html: str, words: str) -> None:
    (problem,) = found(f"<p>x</p>\n<p>y</p>\n<p>{html}</p>")
    assert problem.line == 3
    assert words in said_of(problem)


@pytest.mark.parametrize("text", ["&#123;&#123; subscriber.name &#125;&#125;", "%7B%7Bx%7D%7D"])
def test_encoded_braces_in_the_text_are_reported(text: str) -> None:
    (problem,) = found(f"<p>x</p>\n<p>{text}</p><code>{text}</code>")
    assert (problem.blocks, problem.line) == (False, 2)
    assert "is an encoded merge tag" in said_of(problem)


@pytest.mark.parametrize("field", ["subject", "preheader"])
@pytest.mark.parametrize(
    "words",
    ["*|FNAME|*", "%recipient.name%", "[Your name]", "Your headline here",
     "{{ contact.firstname }}", '{{ subscriber.name or "-name-" }}', "%7B%7Bsubscriber.name%7D%7D"],
)  # fmt: skip
def test_tags_and_placeholders_in_subject_and_preheader_are_reported(
    field: str, words: str
) -> None:
    (problem,) = found("<p>x</p>", **{field: f"Hello {words}"})
    assert (problem.field, problem.blocks) == (field, False)
    assert said_of(problem).startswith("“"), "the pages name the field"


@pytest.mark.parametrize(
    "tag",
    [
        "%recipient.name%", "%recipient.order_id%", "%recipient_email%", "%tag_unsubscribe_url%",
        "[[first_name]]", '[[data:firstname:"you"]]', '[[FIRSTNAME OR "friend"]]',
        '{name, fallback="friend"}', '{first_name, "reader"}', "{FirstName|Fallback=there}",
        "{First Name}", "{SUBSCRIBER_EMAIL}", "{$name|default('you')}", "{!firstname_fix}",
        "-name-", "-unsubscribe-", "-first_name-", "<<First Name>>", "«First_Name»",
        "[% name %]", "[% member:first_name %]", "[%Vorname]", "[{firstname}]", "[$first_name]",
        "@@name@@", "@FIRST_NAME@", "~Contact.FirstName~", "~OptOut_1~", "~$FIRSTNAME$~",
        "[unsubscribe]", "[webversion]", "[fullname]", "[Name,fallback=]",
        "[firstname, fallback=friend]", "[subscriber:firstname | default:reader]",
        "[link:subscription_unsubscribe_url]", "[Contact.First Name]", "[FNAME]", "[FIRST NAME]",
        "[USERTRACK]", "[LIST_NAME]", "[view_in_browser]", "%%=v(@name)=%%", '%%[ SET @x = "y" ]%%',
        "%%First Name%%", "%%_subscriberkey%%", "%SENDER-INFO-SINGLELINE%", "%PERS_CITY%",
        "%Subscriber:EmailAddress%", "$[FNAME|Customer]$", "$FIRST_NAME$", "$firstname$",
        "$lookup(firstname)$", "#SPCLICKTOVIEW#", "#recipient:name#", "#first_name#",
        "<%asm_group_unsubscribe_raw_url%>", "{unsubscribe}", "{subtag:name|part:first}",
    ],
)  # fmt: skip
def test_the_tag_syntaxes_of_known_programs_are_recognized(tag: str) -> None:
    assert [name for _, name in foreign_tags(f"Dear {tag}, hello")] == [tag]
    escaped = tag.replace("<", "&lt;").replace(">", "&gt;")
    (problem,) = found(f"<p>a</p>\n<p>&nbsp;Dear\n&amp; {escaped}, hello</p>")
    assert problem.line == 3
    assert f"“{tag}” is a merge tag of another program" in said_of(problem)


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("{{{unsubscribe}}}", "unsubscribe_url"), ("{{#if name}}", "subscriber.name"),
        ("{{ contact.firstname }}", "subscriber.first_name"), ("{{ mirror }}", "view_url"),
        ("{{${first_name}}}", "subscriber.first_name"), ("{% web_view %}", "view_url"),
        ('{{var:firstname:"x"}}', "subscriber.first_name"), ("{{ @TrackView }}", "view_url"),
        ("{{ .Subscriber.Name }}", "subscriber.name"), ("{% unsubscribe %}", "unsubscribe_url"),
        ("{{ first_name|default:'x' }}", "subscriber.first_name"),
        ("{{lead.First Name}}", "subscriber.first_name"),
        ("{{first_name}}", "subscriber.first_name"),
        ("{{ First Name }}", "subscriber.first_name"),
        ('{{ subscriber.name or "*|FNAME|*" }}', "subscriber.first_name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "html", ["<p>x</p>\n<p>{}</p>", '<p>x</p>\n<img alt="{}" src="https://a.com/b">']
)
def test_foreign_braces_are_distinguished_from_ours(tag: str, meant: str, html: str) -> None:
    problem, *_ = found(html.format(tag))
    assert problem.line == 2
    assert f"Use {{{{ {meant} }}}} instead" in said_of(problem)


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<unsubscribe>Leave</unsubscribe>", True), ("<webversion>Look</webversion>", False),
        ("<preferences>Change</preferences>", False), ("<firstname>", False),
        ("<<First Name>>", False), ('<span class="eloquaemail">FirstName</span>', False),
    ],
)  # fmt: skip
def test_elements_of_other_programs_are_found(html: str, blocks: bool) -> None:
    (problem,) = found(f"<p>a</p>\n<p>{html}</p>")
    assert (problem.line, problem.blocks) == (2, blocks)
    assert "is a merge tag of another program" in said_of(problem)


@pytest.mark.parametrize("name", ["address", "link", "title", "center", "o:p", "v:rect", "amp-img"])
def test_elements_of_html_are_no_merge_tags(name: str) -> None:
    assert not is_foreign_element(name)


@pytest.mark.parametrize(
    "html",
    [
        '<table background="bg.png"><tr><td>x</td></tr></table>',
        '<p style="background:url(&quot;img/bg.png&quot;)">x</p>',
        "<style>p { background: url('http://localhost/bg.png') }</style>",
        '<!--[if mso]><v:fill src="img/bg.png" /><![endif]-->',
        '<img src="https://company.com/a.png" srcset="https://company.com/a.png 1x, b.png 2x">',
        '<video poster="poster.jpg"></video>',
    ],
)
def test_images_in_styles_and_backgrounds_count(html: str) -> None:
    (finding,) = lint_content(a_content(f"<p>x</p>\n{html}"))
    assert (finding.kind, finding.problem.line) == ("image", 2)


@pytest.mark.parametrize(
    "html",
    [
        '<!--[if mso]><v:roundrect href="http://"><center>Buy</center></v:roundrect><![endif]-->',
        '<map><area href="http://localhost/" alt="Buy"></map>',
        '<a class="button">Buy</a>',
    ],
)
def test_outlook_buttons_areas_and_links_without_a_target_count(html: str) -> None:
    (finding,) = lint_content(a_content(f"<p>x</p>\n{html}"))
    assert (finding.kind, finding.problem.line) == ("link", 2)
    assert "“Buy" in said_of(finding.problem)


def test_the_finding_of_a_cid_image_says_what_to_do() -> None:
    (problem,) = found('<img src="cid:logo" alt="Logo">')
    assert said_of(problem) == (
        "Line 1: “cid:logo” refers to an attached file, but campaigns carry no attachments."
        " Put the image on your website and use its https:// address."
    )


@pytest.mark.parametrize(
    "words",
    ["Lorem ipsum dolor sit amet", "Add your text here", "[Your company]", "Insert headline here",
     "Your logo goes here", "Write a caption here"],
)  # fmt: skip
def test_placeholder_text_is_found(words: str) -> None:
    (finding,) = lint_content(a_content(f"<p>a</p>\n<p>{words}</p>"))
    assert (finding.kind, finding.problem.line) == ("starter", 2)


def test_blocking_problems_are_reported_among_any_number_of_others() -> None:
    html = '<a href="#">x</a>\n' * 200 + '<a href="#">Unsubscribe</a>'
    assert found(html)[0].blocks
    assert found(html)[0].line == 201


@pytest.mark.corpus
@pytest.mark.skipif("CORPUS_DIR" not in os.environ, reason="CORPUS_DIR is not set")
def test_real_templates_have_no_false_findings() -> None:
    """Every finding in a design in use has been reviewed."""
    paths = sorted(Path(os.environ["CORPUS_DIR"], "html-templates").glob("*/*.html.txt"))
    assert paths

    def is_right(finding: Finding) -> bool:
        message = said_of(finding.problem)
        return any(
            words in message
            for words in (
                "via.placeholder.com", "“./img/", "“Lorem ipsum”", "nsubscribe", "“[Sender_",
                "“<webversion>”", "“Do Something Sweet” has no target", ".com” is not a complete",
                "“{{",
            )
        )  # fmt: skip

    for path in paths:
        findings = lint_content(a_content(path.read_text("utf-8")))
        assert [said_of(entry.problem) for entry in findings if not is_right(entry)] == [], path


@pytest.mark.parametrize("piece", ["*|a", "[[a ", "%%a", "{a=", "<% ", "[A_", "%a_", "{{{", "#{"])
def test_hostile_text_is_checked_quickly(piece: str) -> None:
    begun = time.monotonic()
    list(foreign_tags(piece * 20_000))
    assert time.monotonic() - begun < 5


def test_what_this_installation_serves_is_not_called_unreachable() -> None:
    images = '<img src="http://127.0.0.1:8000/media/x.png"><img src="http://127.0.0.1:8001/x.png">'
    (problem,) = found(images, base_url="http://127.0.0.1:8000")
    assert "8001" in said_of(problem)
