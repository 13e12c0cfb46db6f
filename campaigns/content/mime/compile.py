"""From a campaign's content to messages: compiled once, rendered once per recipient.

The HTML is read once: template tokens are guarded, links found, the text part derived, the
footer and the rest put around. What comes out is four small programs (subject, preheader,
text, HTML) that are run for every recipient.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from jinja2 import nodes
from markupsafe import Markup

from campaigns import addresses
from campaigns.content import lint
from campaigns.content.html import links, scanner, tokens, wrapper
from campaigns.content.html.plain_text import Converted, plain_text, template_source, to_text
from campaigns.content.html.system_links import OwnLinks
from campaigns.content.html.tokens import Guarded
from campaigns.content.mime import attachments, message, quoted_printable
from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.head import Head
from campaigns.content.templating import checker
from campaigns.content.templating.checker import Available
from campaigns.content.templating.environment import HEADER, HTML_BODY, TEXT_BODY
from campaigns.content.templating.problems import (
    Field,
    Problem,
    RenderError,
    TemplateProblemError,
    found,
)
from campaigns.content.templating.program import Program, Run, compile_template
from campaigns.messages import Message, Recipient
from campaigns.tokens import Signer, pack_delivery

__all__ = [
    "Attachment",
    "Compiled",
    "Content",
    "Problem",
    "RenderError",
    "Rendered",
    "Signing",
    "TemplateProblemError",
    "check_content",
    "compile_content",
    "lint_content",
]

MAX_HTML = 1024 * 1024
MAX_TEXT = 512 * 1024
MAX_HEADER = 16 * 1024
_FIELDS: tuple[Field, ...] = ("subject", "preheader", "html")


@dataclass(frozen=True)
class Content:
    """Everything that the messages of a campaign are made of.

    `list_names` are the lists that it goes to, by id; `base_url` is where recipients reach
    this installation, without a slash at its end. The sender fields may be empty in a draft.
    `attachments` go with every message.
    """

    subject: str
    preheader: str
    html: str
    sender_name: str
    sender_address: str
    reply_to: str
    identity: str
    postal_address: str
    campaign_public_id: str
    base_url: str
    list_names: Mapping[int, str]
    track_opens: bool
    track_clicks: bool
    use_return_path: bool
    attachments: tuple[Attachment, ...] = ()


class Signing(Protocol):
    """What seals a message, in the end."""

    def sign(self, headers: Sequence[bytes], body: bytes) -> bytes:
        """The header lines to put first. `headers` with their line ends, one in each entry."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as its reader sees it."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class _Programs:
    subject: Program[str]
    preheader: Program[str]
    html: Program[bytes]
    text: Program[bytes] | None
    """None: the text cannot be derived ahead; it is made from each rendered HTML."""


def available(attributes: Collection[str] | None = None) -> Available:
    """The merge fields that templates may use, with the subscriber attributes in use."""
    return Available(
        groups={
            "subscriber": frozenset({"name", "address", "email", "attributes"}),
            "campaign": frozenset({"subject"}),
            "sender": frozenset({"name", "address", "identity", "postal_address"}),
            "list": frozenset({"name"}),
        },
        names=frozenset({"unsubscribe_url", "view_url", "preheader"}),
        attributes=None if attributes is None else frozenset(attributes),
    )


def compile_content(content: Content, signer: Signer, dkim: Signing | None = None) -> "Compiled":
    """Check and compile. Raises TemplateProblemError when anything blocks.

    Renders a trial message too, so that what can never be rendered is found here. `dkim`
    signs every message.
    """
    problems, compiled = _compile(content, signer, available(), dkim)
    problems = [problem for problem in problems if problem.blocks]
    if problems or compiled is None:
        raise TemplateProblemError(problems)
    return compiled


def check_content(content: Content, known_attributes: Collection[str]) -> list[Problem]:
    """Everything wrong with the content, warnings included, in the order of the fields.

    `known_attributes` are the subscriber attributes in use. Never raises.
    """
    problems, _ = _compile(content, Signer(["for checking only"]), available(known_attributes))
    return problems


def lint_content(content: Content, starters: Iterable[str] = ()) -> list[lint.Finding]:
    """Dead links, placeholders and merge tags of other programs, in every field. Never raises.

    `starters` are designs whose text must be replaced.
    """
    page = _page(content.html)
    subject, preheader = (
        tokens.guard(tokens.normalise(text)) for text in (content.subject, content.preheader)
    )
    return [
        *lint.lint_text("subject", subject),
        *lint.lint_text("preheader", preheader),
        *lint.lint(page),
        *lint.untouched(page, map(_page, starters)),
    ]


def _page(html: str) -> lint.Page:
    guarded = tokens.guard(tokens.spare_css(tokens.normalise(html)))
    return lint.Page(guarded, scanner.read_whole(guarded.text)[0])


def _compile(
    content: Content, signer: Signer, fields: Available, dkim: Signing | None = None
) -> tuple[list[Problem], "Compiled | None"]:
    content = replace(
        content,
        subject=tokens.normalise(content.subject),
        preheader=tokens.normalise(content.preheader),
        html=tokens.spare_css(tokens.normalise(content.html)),
    )
    sources: dict[Field, str] = {
        "subject": content.subject,
        "preheader": content.preheader,
        "html": content.html,
    }
    guards = {name: tokens.guard(source) for name, source in sources.items()}
    problems: list[Problem] = []
    for name in _FIELDS:
        tree = checker.parse(name, guards[name], sources[name])
        if isinstance(tree, nodes.Template):
            problems += checker.check(name, tree, fields)
        else:
            problems.append(tree)
    if any(problem.blocks for problem in problems):
        return problems, None
    parts, open_at = scanner.read_whole(guards["html"].text)
    rewritten = links.rewrite(guards["html"], parts, track=content.track_clicks)
    converted = to_text(guards["html"], parts, rewritten.text_targets)
    rewritten.problems += _open_ends(guards["html"], open_at, converted.hidden_in)
    if rewritten.problems:
        return problems + rewritten.problems, None
    try:
        compiled = Compiled(
            content,
            signer,
            _programs(content, guards["html"], parts, rewritten, converted),
            tuple(rewritten.links),
            dkim,
        )
        compiled.try_out()
    except RenderError as error:
        return [*problems, error.problem], None
    return problems, compiled


def _open_ends(guarded: Guarded, position: int | None, hidden_in: str) -> Iterator[Problem]:
    """What would swallow the footer: the way out must be visible in every message."""
    if position is not None:
        line = guarded.restore(guarded.text[:position]).count("\n") + 1
        yield found("html", line, "template.html_not_closed")
    elif hidden_in:
        yield found("html", 0, "template.element_not_closed", element=hidden_in)


def _programs(
    content: Content,
    guarded: Guarded,
    read: Sequence[scanner.Tag | scanner.Text],
    rewritten: links.Rewritten,
    converted: Converted,
) -> _Programs:
    """Raises RenderError."""
    parts = wrapper.Parts(converted.always)
    edits = [*rewritten.edits, *wrapper.frame(guarded, read, parts)]
    framed = links.apply(guarded.text, edits)
    constants = {f"sender.{name}": value for name, value in _sender(content).items()}
    constants["_postal"] = Markup("<br>").join(content.postal_address.strip().splitlines())
    subject = compile_template("subject", content.subject, HEADER, MAX_HEADER, constants)
    if subject.constant is not None:
        constants["campaign.subject"] = _header_text(subject.constant)
    preheader = compile_template("preheader", content.preheader, HEADER, MAX_HEADER, constants)
    if preheader.constant is not None:
        constants["preheader"] = _header_text(preheader.constant)
    html = compile_template("html", guarded.restore(framed), HTML_BODY, MAX_HTML, constants)
    text: Program[bytes] | None = None
    with suppress(RenderError):  # conditions cut across the structure of the page
        source = template_source(converted.source.strip(), guarded) + wrapper.footer_text(parts)
        text = compile_template("html", source, TEXT_BODY, MAX_TEXT, constants)
    return _Programs(subject, preheader, html, text)


def _sender(content: Content) -> dict[str, str]:
    """The merge fields about the sender."""
    return {
        "name": content.sender_name,
        "address": content.sender_address,
        "identity": content.identity,
        "postal_address": content.postal_address,
    }


def _header_text(text: str) -> str:
    return message.clean(text, message.MAX_SUBJECT)


def wire_url(url: str) -> str:
    """The address of this installation with its host as A-labels, in ASCII."""
    parts = urlsplit(url.strip().rstrip("/"))
    host = parts.hostname or ""
    if not host.isascii():
        with suppress(addresses.InvalidAddressError):
            host = addresses.parse(f"x@{host}").domain
        netloc = f"{host}:{parts.port}" if parts.port else host
        parts = parts._replace(netloc=netloc)
    return urlunsplit(parts).encode("ascii", "ignore").decode()


class Compiled:
    """A campaign's content, ready to be rendered. Safe to share between threads."""

    def __init__(
        self,
        content: Content,
        signer: Signer,
        programs: _Programs,
        tracked: tuple[links.Link, ...],
        dkim: Signing | None = None,
    ) -> None:
        self.links: tuple[str, ...] = tuple(link.target for link in tracked)
        self._content, self._programs, self._dkim = content, programs, dkim
        fixed = [(links.variable(link.number), link) for link in tracked if link.is_fixed]
        self._as_written = {variable: link.html for variable, link in fixed}
        self._as_text = {variable: link.target for variable, link in fixed}
        base = wire_url(content.base_url)
        self._own_links = OwnLinks(
            base, signer, [(variable, link.number, link.target) for variable, link in fixed]
        )
        self._shared = {"sender": _sender(content)}
        self._body = _body(content)
        self._head = Head(
            signer=signer,
            sender_name=content.sender_name,
            sender_address=content.sender_address,
            reply_to=content.reply_to,
            campaign_public_id=content.campaign_public_id,
            list_names=content.list_names,
            use_return_path=content.use_return_path,
            one_click=base.startswith("https:"),  # it works by https alone (RFC 8058)
            content_type=self._body.header,
        )

    # --- what can be asked -----------------------------------------------------------------

    def render(
        self, recipient: Recipient, *, now: datetime, message_id_domain: str | None = None
    ) -> Message:
        """The message for one recipient. Raises RenderError.

        Tracked when the recipient has a delivery. `now` becomes its date.
        """
        run = self._run(recipient, is_tracked=recipient.delivery_id > 0)
        with run:
            subject, _ = self._headers(run)
            html = self._html(run)
            text = self._text(run, html)
        body = self._body.around(quoted_printable.ended(text), quoted_printable.ended(html))
        lines = self._head.lines(
            recipient,
            subject=subject,
            unsubscribe_url=run.values["unsubscribe_url"],
            now=now,
            message_id_domain=message_id_domain,
        )
        if self._dkim is not None:
            lines.insert(0, self._dkim.sign(lines, body))
        data = b"".join((*lines, message.CRLF, body))
        return Message(
            delivery_id=recipient.delivery_id,
            mail_from=self._head.return_path(recipient.delivery_id),
            address=recipient.address,
            data=data,
            # Quoted-printable and base64 as we write them; only an address may be beyond ASCII.
            is_tidy=data.isascii(),
        )

    def preview(self, recipient: Recipient) -> Rendered:
        """What the recipient would see, with links as they were written. Raises RenderError."""
        return self._rendered(self._run(recipient, is_tracked=False))

    def render_web(self, recipient: Recipient) -> str:
        """The HTML for "view in browser": nothing tracked. Raises RenderError."""
        run = self._run(recipient, is_tracked=False)
        run.values["_in_mail"] = False
        with run:
            self._headers(run)
            return quoted_printable.decode(self._html(run))

    def try_out(self) -> None:
        """Render for nobody and for somebody. Raises RenderError."""
        for name in ("", "Alex"):
            recipient = Recipient(0, 0, 0, "alex@example.org", name)
            self.preview(recipient)

    # --- rendering -------------------------------------------------------------------------

    def _run(self, recipient: Recipient, *, is_tracked: bool) -> Run:
        content, delivery_id = self._content, recipient.delivery_id
        attributes = recipient.attributes
        values: dict[str, Any] = {
            **self._shared,
            "subscriber": {
                **attributes,
                "name": recipient.name,
                "address": recipient.address,
                "email": recipient.address,
                "attributes": attributes,
            },
            "campaign": {"subject": ""},
            "list": {"name": content.list_names.get(recipient.list_id, "")},
            "preheader": "",
            "_pixel": "",
            "_in_mail": True,
        }
        own_links = self._own_links
        own_links.add_ways_out(
            pack_delivery(recipient.subscriber_id, recipient.list_id, delivery_id), values
        )
        if is_tracked and content.track_opens:
            own_links.add_pixel(delivery_id, values)
        if not (is_tracked and content.track_clicks):
            return Run(values)
        own_links.add_clicks(delivery_id, values)
        return Run(values, partial(own_links.tracked, delivery_id))

    def _headers(self, run: Run) -> tuple[str, str]:
        """Subject and preheader; they become merge fields of what is rendered next."""
        subject = _header_text(self._programs.subject.run(run))
        run.values["campaign"] = {"subject": subject}
        preheader = _header_text(self._programs.preheader.run(run))
        run.values["preheader"] = preheader
        return subject, preheader

    def _rendered(self, run: Run) -> Rendered:
        """What will be sent, decoded again."""
        with run:
            subject, preheader = self._headers(run)
            html = self._html(run)
            text = self._text(run, html)
        return Rendered(
            subject, preheader, quoted_printable.decode(html), quoted_printable.decode(text)
        )

    def _html(self, run: Run) -> bytes:
        if run.track is None:
            run.values.update(self._as_written)
        return self._programs.html.run(run)

    def _text(self, run: Run, html: bytes) -> bytes:
        program = self._programs.text
        if program is None:
            return quoted_printable.join(
                (quoted_printable.encode(plain_text(quoted_printable.decode(html))),)
            )
        if run.track is None:
            run.values.update(self._as_text)
        return program.run(run)


def _body(content: Content) -> message.Multipart:
    """The frame of the parts, with all files in it."""
    parts = [
        (attachments.content_id_of(file), attachments.part(file)) for file in content.attachments
    ]
    return message.Multipart(
        content.campaign_public_id,
        images=[part for content_id, part in parts if content_id],
        files=[part for content_id, part in parts if not content_id],
    )
