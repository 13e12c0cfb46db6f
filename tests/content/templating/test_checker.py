"""Templates: what they can do, what is refused with a sentence, and limits of time and size."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.html.tokens import guard, normalise
from campaigns.content.mime.compile import RenderError, TemplateProblemError, check_content
from campaigns.content.templating.environment import PLAIN
from tests.content.samples import a_content, a_recipient, compiled, rendering_fails, shown, words


def problems(html: str, *attributes: str) -> list[str]:
    found = check_content(a_content(html), attributes)
    return [words(problem) for problem in found if problem.blocks]


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("{{ subscriber.name }}", "Alice"),
        ("{{ subscriber.nickname or 'friend' }}", "friend"),
        ("{{ subscriber.nickname|default('you') }}", "you"),
        ("{{ subscriber.city|upper }}", "KÖLN"),
        ("{{ subscriber.attributes.city }}", "Köln"),
        ("{{ subscriber['first name'] }}", "Al"),
        ("{{ subscriber.email }} {{ subscriber.address }}", "alice@example.org alice@example.org"),
        ("{% for x in subscriber.items %}{{ loop.index }}{{ x }}{% endfor %}", "1a2b"),
        ("{% for x in subscriber.items %}{{ loop.length }}{% endfor %}", "22"),
        ("{% for x in subscriber.none %}x{% else %}nothing{% endfor %}", "nothing"),
        ("{% for x in subscriber.items if x == 'b' %}{{ x }}{% endfor %}", "b"),
        ("{% if subscriber.age > 17 %}adult{% else %}child{% endif %}", "adult"),
        ("{% if subscriber.age == 42 %}yes{% endif %}", "yes"),
        ("{% if subscriber.missing > 17 %}adult{% else %}child{% endif %}", "child"),
        ("{% if 'a' in subscriber.items %}yes{% endif %}", "yes"),
        ("{{ subscriber.age + 1 }} {{ subscriber.age * 2 }}", "43 84"),
        ("{{ subscriber.missing + 1 }}{{ 1 / 0 }}", ""),
        ("{{ subscriber.deep.er.est }}", ""),
        ("{{ subscriber.since|date('%d %B %Y') }}", "03 February 2024"),
        ("{% set x = 'a' ~ 1 %}{{ x }}", "a1"),
        ("{{ 3.14159|round(2) }} {{ '7'|int + 1 }}", "3.14 8"),
        ("{{ subscriber.items|join(', ') }}", "a, b"),
        ("{{ 'one two three'|truncate(8) }} {{ 'o\\'neil'|title }}", "one two… O&#39;neil"),
        ("{{ subscriber.none_value }}", ""),
        ("{{ sender.name }}, {{ list.name }}", "Example News, Weekly"),
        ("{{ campaign.subject }}", "Hello Alice"),
        ("{# a comment #}x", "x"),
    ],
)  # fmt: skip
def test_a_template_renders(template: str, result: str) -> None:
    attributes: dict[str, Any] = {
        "city": "Köln",
        "first name": "Al",
        "items": ["a", "b"],
        "age": "42",
        "since": "2024-02-03",
        "none_value": None,
    }
    assert shown(template, a_recipient(**attributes)) == result


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a\n\n{{ foo }}", "Line 3: Unknown merge tag {{ foo }}. Available: campaign.subject"),
        ("{{ name }}", "Did you mean {{ subscriber.name }}?"),
        ("{{ first_name }}", "Did you mean {{ subscriber.first_name }}?"),
        ("{{ LastName }}", "Did you mean {{ subscriber.last_name }}?"),
        ("{{ email_address }}", "Did you mean {{ subscriber.email }}?"),
        ("{{ unsubscribe_link }}", "Did you mean {{ unsubscribe_url }}?"),
        ("{{ contact.first_name }}", "{{ contact.first_name }}. Did you mean {{ subscriber.first"),
        ("{{ sender.adress }}", "Did you mean {{ sender.address }}?"),
        ("\n{{ subscriber.name|uper }}", "Line 2: There is no filter called uper. Did you mean"),
        ("{% if subscriber.name %}", "never closed"),
        ("{{ }}", "A merge tag is empty"),
        ("{{ subscriber.name ", "never closed"),
        ("{# x", "A comment {# is never closed"),
        ("{% frobnicate %}", "There is no {% frobnicate %} tag"),
        ("<p {{ subscriber.name }}>", "cannot stand alone inside an HTML tag"),
        ("<script>{{ subscriber.name }}</script>", "cannot be used in a script"),
    ],
)
def test_an_error_is_explained_with_its_line(template: str, words: str) -> None:
    found = problems(template)
    assert found
    assert words in found[0]


def test_the_list_of_merge_fields_is_given_once() -> None:
    first, second, third = problems("{{ one }}\n{{ one }}\n{{ sender.adress }}")
    assert "Available: campaign.subject" in first
    assert second == "Line 2: Unknown merge tag {{ one }}."
    assert third.endswith("Did you mean {{ sender.address }}?")


def test_the_same_mistake_is_told_once_for_each_line() -> None:
    found = check_content(
        a_content("{% if subscriber.cty %}{{ subscriber.cty }}{% endif %}\n{{ subscriber.cty }}"),
        ["city"],
    )
    assert [problem.line for problem in found] == [1, 2]


def test_an_unknown_attribute_is_only_a_warning() -> None:
    found = check_content(a_content("{{ subscriber.cty }}"), ["city"])
    assert [(problem.blocks, problem.line) for problem in found] == [(False, 1)]
    assert "Did you mean {{ subscriber.city }}?" in words(found[0])
    compiled("{{ subscriber.cty }}")


def test_all_problems_of_all_fields_are_reported_together() -> None:
    content = a_content("{{ one }}{{ two }}", subject="{{ three }}", preheader="{{ four ")
    found = check_content(content, [])
    assert [problem.field for problem in found] == ["subject", "preheader", "html", "html"]
    with pytest.raises(TemplateProblemError) as caught:
        compiled("{{ one }}", subject="{{ two }}")
    assert len(caught.value.problems) == 2


TEN = "[1,1,1,1,1,1,1,1,1,1]"
ATTACKS = {
    "string multiplication": "{{ 'x' * 1000000000 }}",
    "number multiplication": "{{ 999999999999 * 999999999999 }}",
    "powers": "{{ 9 ** 9 ** 9 }}",
    "percent format": "{{ '%0999999999d' % 3 }}",
    "format filter": "{{ '%0999999999d'|format(3) }}",
    "format method": "{{ '{:>999999999}'.format(1) }}",
    "lipsum": "{{ lipsum(n=2000) }}",
    "range": "{% for i in range(1000000000) %}{% endfor %}",
    "empty nested loops": f"{{% for a in {TEN} %}}{{% for b in {TEN} %}}{{% for c in {TEN} %}}"
    f"{{% for d in {TEN} %}}{{% for e in {TEN} %}}" + "{% endfor %}" * 5,
    "empty loops at the limit": f"{{% for a in {TEN} %}}{{% for b in {TEN} %}}"
    f"{{% for c in {TEN} %}}{{% for d in {TEN} %}}" + "{% endfor %}" * 4,
    "many nested loops": "{% for a in [1,1] %}" * 25 + "{% endfor %}" * 25,
    "doubling by ~": "{% set x = 'aaaaaaaa' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}",
    "doubling by +": "{% set x = 'aaaaaaaa' %}" + "{% set x = x + x %}" * 60 + "{{ x }}",
    "growing by join": "{% set x = 'aaaaaaaa' %}" + "{% set x = x|join(x) %}" * 60 + "{{ x }}",
    "a loop over text": "{% for a in 'abc' %}x{% endfor %}",
    "endless output": "{% for a in [" + "1," * 300 + "1] %}{% for b in [1,2,3,4] %}"
    + "y" * 2000 + "{% endfor %}{% endfor %}",
    "nested lists": "{{ " + "[" * 300 + "]" * 300 + " }}",
    "parentheses": "{{ " + "(" * 1900 + "1" + ")" * 1900 + " }}",
    "many nots": "{{ " + "not " * 900 + "1 }}",
    "a long sum": "{{ 1" + "+1" * 1900 + " }}",
    "a filter chain": "{{ 'a'" + "|upper" * 600 + " }}",
    "an attribute chain": "{{ subscriber" + ".a" * 1900 + " }}",
    "a huge number": "{{ " + "9" * 3900 + " }}",
    "a huger number": "{{ " + "9" * 100000 + " }}",
    "infinity": "{{ 1e308 * 10 }}",
    "a huge source": "a" * 600_000,
    "a class walk": "{{ ''.__class__.__mro__ }}",
    "a globals walk": "{{ subscriber.__init__.__globals__ }}",
    "a class by item": "{{ subscriber['__class__'] }}",
    "the template itself": "{{ self._TemplateReference__context }}",
    "attr filter": "{{ subscriber|attr('__class__') }}",
    "truncate": "{{ 'abc'|truncate(99999999999) }}",
    "round": "{{ 1.5|round(999999999) }}",
    "date": "{{ '2026-01-01'|date('%99999999d') }}",
    "center": "{{ 'a'|center(999999999) }}",
    "too many tags": "{{ 1 }}" * 3000,
    "nested ifs": "{% if 1 %}" * 300 + "{% endif %}" * 300,
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "extends": "{% extends 'x' %}",
    "macro": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "block": "{% block a %}{% endblock %}",
    "block set": "{% set x %}aaa{% endset %}",
    "filter block": "{% filter upper %}a{% endfilter %}",
    "call block": "{% call a() %}{% endcall %}",
    "with": "{% with a = 1 %}{% endwith %}",
    "recursive loop": "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "slice": "{{ 'abc'[::1] }}",
    "dict": "{{ {'a': 1} }}",
    "a printed list": "{{ [1, 2] }}",
    "printed attributes": "{{ subscriber.attributes }}",
    "raw": "{% raw %}{{ x }}{% endraw %}",
    "many openings": "{{" * 200_000,
    "many statements": "{%" * 200_000,
    "many comments": "{#" * 200_000,
    "blanks in a tag": "{{" + " " * 500_000 + "}}",
    "blanks before a tag": " " * 500_000 + "{%- if",
    "blanks before raw": ("{%-" + " " * 100 + "raw") * 4000,
    "an endless string": "{{ '" + "\\'" * 200_000,
    "brackets": "{{ " + "[(" * 100_000,
    "keyword arguments": "{{ subscriber.name|default(**subscriber) }}",
    "chained comparison": "{{ 1 < 2 < 3 }}",
    "replaced subscriber": "{% set subscriber = 1 %}",
    "replaced unsubscribe link": "{% set unsubscribe_url = 'x' %}",
    "our own variables": "{{ _l1 }}{{ _postal }}",
    "our own filters": "{{ 'x'|_link(1, True) }}",
    "a loop over our own variables": "{% for _pixel in [1] %}{% endfor %}",
    "no escaping": "{% autoescape false %}{{ subscriber.name }}{% endautoescape %}",
    "safe filter": "{{ subscriber.name|safe }}",
    "a loop in a link": '<a href="{% for x in [1, 2] %}a{% endfor %}">x</a>',
    "slow filters in loops": f"{{% for a in {TEN} %}}{{% for b in {TEN} %}}{{% for c in {TEN} %}}"
    "{% set x = subscriber.address ~ 'a' %}"
    + "{% set x = x|title|upper|lower|title|striptags %}" * 250
    + "{% endfor %}" * 3,
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_ends_fast_with_a_sentence(attack: str) -> None:
    begun = time.process_time()
    found = problems(attack)
    assert time.process_time() - begun < 6
    assert found
    assert all(message.endswith(".") for message in found)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_in_the_subject_is_found(attack: str) -> None:
    if "<" not in attack:
        assert [found.field for found in check_content(a_content(subject=attack), [])][:1] == [
            "subject"
        ]


@pytest.mark.parametrize(
    "text",
    ["<", "<!--", "<!--[if mso]>", "<style>", "<a href='", '<a href="', "<a ", "</", "<!", "&#",
     "</style>", "<div>", "<ul><li>", "-->", "<a href='https://a.example/'>", "\n", " ", "<a =",
     "<p title='&lt"],
)  # fmt: skip
def test_hostile_html_is_read_in_linear_time(text: str) -> None:
    begun = time.process_time()
    check_content(a_content(text * (200_000 // len(text))), [])
    assert time.process_time() - begun < 8, "anything but linear time takes minutes"


def test_values_of_subscribers_are_limited() -> None:
    ready = compiled("{{ subscriber.a ~ subscriber.a }}")
    with rendering_fails(match="64 KB"):
        ready.preview(a_recipient(a="x" * 40_000))
    ready = compiled(
        "{% for x in subscriber.a %}{% for y in subscriber.a %}{% endfor %}{% endfor %}"
    )
    with rendering_fails(match="Line 1: The loops repeat"):
        ready.preview(a_recipient(a=[1] * 200))
    with rendering_fails(match="Line 2: A whole list"):
        compiled("\n{{ subscriber.a }}").preview(a_recipient(a=["x"]))


@pytest.mark.parametrize(
    "value", [0, 1.5, "", "x", True, None, [], ["a"], [["a"]], {"a": 1}, "7", "nan"]
)
@pytest.mark.parametrize(
    "use",
    ["x < 3", "x == 3", "x in 'abc'", "'a' in x", "x is odd", "x is divisibleby(2)", "x|length",
     "x|first", "x|int", "x|float", "x|round", "x|abs", "x|default('d')", "x.a", "x[0]",
     "x and 1", "not x"],
)  # fmt: skip
def test_no_attribute_value_breaks_a_condition(use: str, value: object) -> None:
    ready = compiled("{% set x = subscriber.x %}{% if " + use + " %}a{% else %}b{% endif %}c")
    try:
        page = ready.preview(a_recipient(x=value)).html
    except RenderError as error:
        page = words(error.problem)  # nested lists are refused with a sentence
    assert ">ac<" in page or ">bc<" in page or "A list contains other lists" in page


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "{#", "#}", "-", "'", '"', "\\", "{", "}", "(", ")", "[", "]",
             " ", "\n", "x", "if x", "endif", "subscriber.name", "|", "<p>", "1"]
        ),
        max_size=25,
    ).map("".join)
)  # fmt: skip
def test_the_checker_reads_the_same_tokens_as_the_template_engine(source: str) -> None:
    source = normalise(source)
    guarded = guard(source)
    assert guarded.restore(guarded.text) == source
    try:
        lexed = list(PLAIN.lex(source))
        PLAIN.parse(source)
    except Exception:  # noqa: BLE001 - whatever cannot be read is refused before
        return
    kinds = {"variable_begin": "value", "block_begin": "statement", "comment_begin": "comment"}
    seen = [kinds[kind] for _, kind, _ in lexed if kind in kinds]
    assert [token.kind for token in guarded.tokens] == seen


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_checked_without_an_exception(html: str, subject: str) -> None:
    check_content(a_content("<p>{% if x %}" + html, subject="{{" + subject), ["city"])
    check_content(a_content(html, subject=subject), ["city"])


@pytest.mark.parametrize("text", ['{{ "\\ud800" }}', '{{ subscriber.name or "\\udc00x" }}'])
def test_half_a_surrogate_pair_is_refused_with_a_sentence(text: str) -> None:
    (problem,) = problems(text)
    assert "half of a character" in problem
    assert problems('{{ "\\u00e9" }}') == []
