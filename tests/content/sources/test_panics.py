"""A compiler in Rust may panic; a request to stop, such as a time limit, still passes."""

import secrets
from collections.abc import Callable

import mjml
import pytest

from campaigns.content.sources.mjml import mjml_to_html
from tests.content.sources.blocks.documents import block, codes, compiled, rich

PAGE = "<mjml><mj-body><mj-section><mj-column/></mj-section></mj-body></mjml>"


class PanicException(BaseException):
    """A panic, by its name in Rust."""


class TimeIsOverError(BaseException):
    """A request to stop."""


def of_mjml() -> list[str]:
    return [problem.reason.code for problem in mjml_to_html(PAGE).problems]


def of_blocks() -> list[str]:
    page = block("text", content=rich(secrets.token_hex(8)))  # not cached
    return codes(compiled(page))


@pytest.mark.parametrize(
    ("found", "code"), [(of_mjml, "mjml.not_compiled"), (of_blocks, "blocks.not_compiled")]
)
def test_panics_become_problems_and_requests_to_stop_pass(
    found: Callable[[], list[str]], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[type[BaseException]] = [PanicException]

    def fails(*_: object, **__: object) -> None:
        raise raised[0]

    monkeypatch.setattr(mjml, "mjml2html", fails)
    assert found() == [code]
    raised[0] = TimeIsOverError
    with pytest.raises(TimeIsOverError):
        found()
