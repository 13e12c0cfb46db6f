"""Content is compiled once, until anything that it is made from changes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from campaigns.content.cache import ContentCache
from campaigns.content.mime.compile import check_content, compile_content
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, MediaFile, SourceContext
from tests.content.samples import NOW, SIGNER, a_content, a_recipient

MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)


def test_the_most_recent_values_are_kept() -> None:
    made = iter(range(10))
    cache = ContentCache[int](2)
    found = [cache.get(name, lambda: next(made)) for name in ("a", "b", "a", "c", "a", "b")]
    assert found == [0, 1, 0, 2, 0, 3]
    assert len(cache) == 2


def test_readers_at_the_same_time_share_one_value() -> None:
    made: list[int] = []
    cache = ContentCache[int](2)

    def make() -> int:
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get("one", make), range(100)))
    assert set(found) == {1}


def test_nobody_waits_for_another_campaign() -> None:
    cache, begun, end = ContentCache[str](2), Event(), Event()

    def slowly() -> str:
        begun.set()
        end.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "one", slowly)
        assert begun.wait(10)
        assert cache.get("other", lambda: "quick") == "quick"
        end.set()
        assert slow.result() == "slow"


def test_what_could_not_be_made_is_tried_again() -> None:
    cache = ContentCache[int](2)
    with pytest.raises(ZeroDivisionError):
        cache.get("one", lambda: 1 // 0)
    assert cache.get("one", lambda: 2) == 2


def test_a_page_is_compiled_again_when_source_or_context_change() -> None:
    source, context = ContentSource("mjml", MJML.format("media:aBcDeF123456")), SourceContext()
    page = compile_source(source, context)
    assert compile_source(replace(source), replace(context)) is page
    file = MediaFile("https://news.example/a.png", 1, 1)
    with_image = compile_source(source, replace(context, media={"aBcDeF123456": file}))
    assert page.problems
    assert with_image.problems == ()
    assert compile_source(replace(source, text=MJML.format("x")), context) is not page


def test_checking_and_sending_share_a_compilation_but_not_their_keys() -> None:
    content = a_content(source=ContentSource("mjml", MJML.format("{{ subscriber.cty }}")))
    (warning,) = check_content(content, ["city"])
    assert not warning.blocks
    message = compile_content(content, SIGNER).render(a_recipient(), now=NOW)
    assert compile_content(content, SIGNER).render(a_recipient(), now=NOW).data == message.data
    assert check_content(content, ["cty"]) == []
