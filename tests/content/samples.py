"""Content with fixed defaults, and messages parsed by the standard library."""

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from campaigns.content.mime.compile import Compiled, Content, compile_content
from campaigns.content.sources.source import ContentSource
from campaigns.content.templating.problems import Problem, RenderError
from campaigns.messages import Message, Recipient
from campaigns.tokens import Signer
from campaigns.wording import Words

NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
SIGNER = Signer(["a-key-for-tests-only-that-is-long-enough"])

_CONTENT = Content(
    subject="Hello {{ subscriber.name or 'friend' }}",
    preheader="",
    source=ContentSource("html", "<p>Hello {{ subscriber.name or 'friend' }}</p>"),
    sender_name="Example News",
    sender_address="news@example.org",
    reply_to="",
    identity="Example Ltd",
    postal_address="1 Example Road\nExample Town",
    campaign_public_id="abc123",
    base_url="https://news.example.org",
    list_names={1: "Weekly", 2: "Products"},
    track_opens=True,
    track_clicks=True,
    use_return_path=True,
)


def a_content(html: str | None = None, **values: Any) -> Content:
    if html is not None:
        values["source"] = ContentSource("html", html)
    return replace(_CONTENT, **values)


def compiled(html: str | None = None, **values: Any) -> Compiled:
    return compile_content(a_content(html, **values), SIGNER)


def a_recipient(name: str = "Alice", delivery_id: int = 7, **attributes: Any) -> Recipient:
    return Recipient(delivery_id, 5, 1, "alice@example.org", name, attributes)


def parsed(message: Message) -> EmailMessage:
    return email.message_from_bytes(message.data, policy=email.policy.default)


def part(message: Message, kind: str) -> str:
    body = parsed(message).get_body((kind,))
    assert body is not None
    text = body.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def shown(html: str, recipient: Recipient | None = None, **values: Any) -> str:
    """The HTML of the author, without the wrapper around it."""
    whole = compiled(f"<html><body>{html}</body></html>", **values).preview(
        recipient or a_recipient()
    )
    return whole.html.partition("<body>")[2].partition("<table role=")[0]


def text_of(html: str, recipient: Recipient | None = None, **values: Any) -> str:
    """The text part without its footer."""
    text = compiled(html, **values).preview(recipient or a_recipient()).text
    return text.partition("\n\n----------\nYou are receiving")[0]


@contextmanager
def rendering_fails(match: str) -> Iterator[None]:
    """Expect a RenderError whose sentence contains this pattern."""
    with pytest.raises(RenderError) as caught:
        yield
    assert re.search(match, words(caught.value.problem))


def words(problem: Problem) -> str:
    """The English sentence of a problem."""
    return Words().of(problem.located)
