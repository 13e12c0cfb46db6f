"""System emails in the look of the default brand, made of blocks like every other email."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.accounts.workspace import load_workspace
from campaigns.content.library.context import context_of
from campaigns.content.sources.blocks.build import SystemFooter
from campaigns.content.sources.blocks.compile import compile_document
from campaigns.content.sources.blocks.document import (
    AnyBlock,
    BlockColumn,
    BlockSection,
    ButtonBlock,
    Document,
    FooterRow,
    LogoBlock,
    TextBlock,
)
from campaigns.content.sources.source import SourceContext
from campaigns.inputs import one_line
from campaigns.transactional import written
from campaigns.transactional.plain_mail import EmailText
from campaigns.transactional.written import Paragraph

_SMALL = 13
_NO_TEXT = {"type": "doc", "content": []}


@dataclass(frozen=True, slots=True)
class EmailWording:
    """A system email as written: with merge tags. `button`: the label of its links."""

    subject: str
    text: str
    button: str = ""


@dataclass(frozen=True, slots=True)
class Dress:
    """The look of a system email, and its footer."""

    context: SourceContext
    footer: SystemFooter = field(default_factory=lambda: SystemFooter(""))


def dress(sender_name: str, *, base_url: str, language: str) -> Dress:
    """Return the default brand, and the workspace as the sender."""
    workspace = load_workspace()
    context = context_of("", None, base_url=base_url, language=language)
    address = context.brand.postal_address or workspace.postal_address
    return Dress(context, SystemFooter(workspace.name or sender_name, address.strip()))


def dressed(wording: EmailWording, values: Mapping[str, str], look: Dress) -> EmailText:
    """Return the email with the values of its merge tags, as text and as HTML."""
    parts = written.paragraphs(wording.text, values)
    subject = one_line(written.filled(wording.subject, values))
    document = _document(parts, wording.button, look)
    page = compile_document(document, look.context, _literal(look.footer)).html
    page = page.replace("{{ campaign.subject }}", html.escape(subject))
    return EmailText(subject, _text(parts, look.footer), page)


def _document(parts: list[Paragraph], label: str, look: Dress) -> Document:
    """Return the email as blocks. Below a button its URL is shown, for clients without buttons."""
    ids = iter(f"part{number}" for number in range(10_000))
    blocks: list[AnyBlock] = [LogoBlock(type="logo", id=next(ids), align="left")]
    for part in parts:
        url = written.action_of(part) if label else ""
        if url:
            blocks.append(ButtonBlock(type="button", id=next(ids), label=label, link=url))
        plain = [[[written.Piece(url)]]] if url else [part]
        blocks.append(
            TextBlock(
                type="text",
                id=next(ids),
                content=written.as_rich_text(plain),
                size=_SMALL if url else 0,
                colour="muted" if url else "",
            )
        )
    column = BlockColumn(id="column", blocks=blocks)
    section = BlockSection(
        type="section", id="section", columns=[column], padding_top=24, padding_bottom=24
    )
    footer = FooterRow(type="footer", id="footer", content=_NO_TEXT)
    return Document(rows=[section, footer])


def _literal(footer: SystemFooter) -> SystemFooter:
    return SystemFooter(
        written.literal(footer.identity),
        written.literal(footer.postal_address),
        written.literal(footer.why),
        footer.unsubscribe_url,
    )


def _text(parts: list[Paragraph], footer: SystemFooter) -> str:
    ending = [footer.why, footer.identity, footer.postal_address, footer.unsubscribe_url]
    lines = [line for line in ending if line.strip()]
    text = written.as_text(parts)
    return "\n".join([text, "", "-- ", *lines, ""]) if lines else f"{text}\n"
