"""From a campaign's content to messages: compiled once, rendered once per recipient.

The HTML is read once: template tokens are guarded, links found, the text part derived, the
footer and the rest put around. What comes out is four small programs (subject, preheader,
text, HTML) that are run for every recipient.
"""

import hashlib
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from jinja2 import nodes
from markupsafe import Markup

from campaigns import addresses
from campaigns.content import frame, guard, links, markup, mime, sandbox
from campaigns.content.guard import Guarded
from campaigns.content.limits import RenderError
from campaigns.content.problems import Field, Problem, TemplateProblemError, sentence
from campaigns.content.sandbox import HTML, PLAIN, Available, Program, TemplateRunError
from campaigns.content.text import Converted, plain_text, template_source, tidy, to_text
from campaigns.messages import Message, Recipient
from campaigns.tokens import DeliveryRef, Signer, bounce_local_part, click_path, open_token

__all__ = [
    "Compiled",
    "Content",
    "Problem",
    "RenderError",
    "Rendered",
    "TemplateProblemError",
    "check_content",
    "compile_content",
]

MAX_HTML = 1024 * 1024
MAX_TEXT = 512 * 1024
MAX_HEADER = 16 * 1024
_FIELDS: tuple[Field, ...] = ("subject", "preheader", "html")
_NUMBER = struct.Struct(">Q")


@dataclass(frozen=True)
class Content:
    """Everything that the messages of a campaign are made of.

    `list_names` are the lists that it goes to, by id; `base_url` is where recipients reach
    this installation, without a slash at its end. The sender fields may be empty in a draft.
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


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as its reader sees it."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class _Programs:
    subject: Program
    preheader: Program
    html: Program
    text: Program | None
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


def compile_content(content: Content, signer: Signer) -> "Compiled":
    """Check and compile. Raises TemplateProblemError when anything blocks.

    Renders a trial message too, so that what can never be rendered is found here.
    """
    problems, compiled = _compile(content, signer, available())
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


def _compile(
    content: Content, signer: Signer, fields: Available
) -> tuple[list[Problem], "Compiled | None"]:
    content = replace(
        content,
        subject=guard.normalise(content.subject),
        preheader=guard.normalise(content.preheader),
        html=guard.spare_css(guard.normalise(content.html)),
    )
    sources: dict[Field, str] = {
        "subject": content.subject,
        "preheader": content.preheader,
        "html": content.html,
    }
    guards = {name: guard.guard(source) for name, source in sources.items()}
    problems: list[Problem] = []
    for name in _FIELDS:
        tree = sandbox.parse(name, guards[name], sources[name])
        if isinstance(tree, nodes.Template):
            problems += sandbox.check(name, tree, fields)
        else:
            problems.append(tree)
    if any(problem.blocks for problem in problems):
        return problems, None
    parts, open_at = markup.read_whole(guards["html"].text)
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
        )
        compiled.try_out()
    except TemplateRunError as error:
        return [*problems, error.problem], None
    return problems, compiled


def _open_ends(guarded: Guarded, position: int | None, hidden_in: str) -> Iterator[Problem]:
    """What would swallow the footer: the way out must be visible in every message."""
    if position is not None:
        line = guarded.restore(guarded.text[:position]).count("\n") + 1
        yield sentence(
            "html",
            line,
            "A comment, tag or style sheet that begins here or later never ends. Use -->, > or"
            " </style> where it ends.",
        )
    elif hidden_in:
        yield sentence(
            "html",
            0,
            f"A hidden <{hidden_in}> is never closed, so all after it would be invisible. Use"
            f" </{hidden_in}> where it ends.",
        )


def _programs(
    content: Content,
    guarded: Guarded,
    read: Sequence[markup.Tag | markup.Text],
    rewritten: links.Rewritten,
    converted: Converted,
) -> _Programs:
    """Raises TemplateRunError."""
    parts = frame.Parts(converted.always)
    edits = [*rewritten.edits, *frame.frame(guarded, read, parts)]
    framed = links.apply(guarded.text, edits)
    text: Program | None = None
    with suppress(TemplateRunError):  # conditions cut across the structure of the page
        source = template_source(converted.source.strip(), guarded) + frame.footer_text(parts)
        text = sandbox.compile_template("html", source, PLAIN, MAX_TEXT)
    return _Programs(
        subject=sandbox.compile_template("subject", content.subject, PLAIN, MAX_HEADER),
        preheader=sandbox.compile_template("preheader", content.preheader, PLAIN, MAX_HEADER),
        html=sandbox.compile_template("html", guarded.restore(framed), HTML, MAX_HTML),
        text=text,
    )


def _wire_address(address: str) -> tuple[str, str]:
    """(address with A-labels, its domain). Takes what it gets: drafts have no sender yet."""
    address = mime.clean_address(address)
    try:
        parsed = addresses.parse(address)
    except addresses.InvalidAddressError:
        domain = address.rpartition("@")[2].encode("ascii", "ignore").decode().lower()
        return address, domain or "localhost"
    return parsed.text, parsed.domain


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


@dataclass(slots=True)
class _Run:
    """One rendering: the recipient's values, and how links are tracked (if they are)."""

    values: dict[str, Any]
    track: Callable[[int, str], str] | None


class Compiled:
    """A campaign's content, ready to be rendered. Safe to share between threads."""

    def __init__(
        self,
        content: Content,
        signer: Signer,
        programs: _Programs,
        found: tuple[links.Link, ...],
    ) -> None:
        self.links: tuple[str, ...] = tuple(link.target for link in found)
        self._content, self._signer, self._programs = content, signer, programs
        self._base = wire_url(content.base_url)
        self._sender, self._domain = _wire_address(content.sender_address)
        self._fixed = [
            (link.number, links.variable(link.number), link.target)
            for link in found
            if link.is_fixed
        ]
        self._as_written = {
            links.variable(link.number): link.html for link in found if link.is_fixed
        }
        self._as_text = {
            links.variable(link.number): link.target for link in found if link.is_fixed
        }
        self._shared = {
            "sender": {
                "name": content.sender_name,
                "address": content.sender_address,
                "identity": content.identity,
                "postal_address": content.postal_address,
            },
            "_postal": Markup("<br>").join(content.postal_address.strip().splitlines()),
        }
        self._multipart = mime.Multipart(content.campaign_public_id)
        self._list_ids: dict[int, bytes] = {}
        self._first_headers = self._from_headers()
        self._last_headers = self._constant_headers()
        self._date = (0, b"")

    # --- what can be asked -----------------------------------------------------------------

    def render(
        self, recipient: Recipient, *, now: datetime, message_id_domain: str | None = None
    ) -> Message:
        """The message for one recipient. Raises RenderError.

        Tracked when the recipient has a delivery. `now` becomes its date.
        """
        run = self._run(recipient, is_tracked=recipient.delivery_id > 0)
        rendered = self._rendered(run, recipient)
        unsubscribe = run.values["unsubscribe_url"]
        data = b"".join(
            (
                self._first_headers,
                mime.mailbox("To", recipient.name, recipient.address),
                mime.unstructured("Subject", mime.clean(rendered.subject, mime.MAX_SUBJECT)),
                self._date_header(now),
                self._message_id(recipient, now, message_id_domain or self._domain),
                self._list_id(recipient.list_id),
                b"List-Unsubscribe: <%b>\r\n" % unsubscribe.encode("ascii"),
                self._last_headers,
                *self._multipart.body(rendered.text, rendered.html),
            )
        )
        return Message(
            delivery_id=recipient.delivery_id,
            mail_from=self._return_path(recipient.delivery_id),
            address=recipient.address,
            data=data,
        )

    def preview(self, recipient: Recipient) -> Rendered:
        """What the recipient would see, with links as they were written. Raises RenderError."""
        return self._rendered(self._run(recipient, is_tracked=False), recipient)

    def render_web(self, recipient: Recipient) -> str:
        """The HTML for "view in browser": nothing tracked. Raises RenderError."""
        run = self._run(recipient, is_tracked=False)
        run.values["_in_mail"] = False
        return self._html(run)

    def try_out(self) -> None:
        """Render for nobody and for somebody. Raises TemplateRunError."""
        for name in ("", "Alex"):
            recipient = Recipient(0, 0, 0, "alex@example.org", name)
            self.preview(recipient)

    # --- rendering -------------------------------------------------------------------------

    def _run(self, recipient: Recipient, *, is_tracked: bool) -> _Run:
        content, delivery_id = self._content, recipient.delivery_id
        ref = DeliveryRef(recipient.subscriber_id, recipient.list_id, delivery_id).pack()
        values: dict[str, Any] = {
            **self._shared,
            "subscriber": {
                **recipient.attributes,
                "name": recipient.name,
                "address": recipient.address,
                "email": recipient.address,
                "attributes": recipient.attributes,
            },
            "campaign": {"subject": ""},
            "list": {"name": content.list_names.get(recipient.list_id, "")},
            "unsubscribe_url": f"{self._base}/u/{self._signer.sign('unsubscribe', ref)}",
            "view_url": f"{self._base}/v/{self._signer.sign('view', ref)}",
            "preheader": "",
            "_pixel": "",
            "_in_mail": True,
        }
        if is_tracked and content.track_opens:
            values["_pixel"] = self._pixel(delivery_id)
        if not (is_tracked and content.track_clicks):
            return _Run(values, None)
        track = partial(self._tracked, delivery_id)
        for number, variable, target in self._fixed:
            values[variable] = track(number, target)
        return _Run(values, track)

    def _tracked(self, delivery_id: int, number: int, target: str) -> str:
        return f"{self._base}/c/{click_path(self._signer, delivery_id, number, target)}"

    def _pixel(self, delivery_id: int) -> Markup:
        url = f"{self._base}/o/{open_token(self._signer, delivery_id)}.gif"
        return Markup(  # noqa: S704 - a token of ours
            f'<img src="{url}" width="1" height="1" alt=""'
            ' style="display:block;width:1px;height:1px;border:0">'
        )

    def _headers(self, run: _Run) -> tuple[str, str]:
        """Subject and preheader; they become merge fields of what is rendered next."""
        subject = mime.clean(self._programs.subject.run(run.values), mime.MAX_SUBJECT)
        run.values["campaign"] = {"subject": subject}
        preheader = mime.clean(self._programs.preheader.run(run.values), mime.MAX_SUBJECT)
        run.values["preheader"] = preheader
        return subject, preheader

    def _html(self, run: _Run) -> str:
        self._headers(run)
        return self._run_html(run)

    def _run_html(self, run: _Run) -> str:
        if run.track is None:
            run.values.update(self._as_written)
        return self._programs.html.run(run.values, run.track)

    def _rendered(self, run: _Run, recipient: Recipient) -> Rendered:
        subject, preheader = self._headers(run)
        html = self._run_html(run)
        return Rendered(subject, preheader, html, self._text(run, html))

    def _text(self, run: _Run, html: str) -> str:
        if self._programs.text is None:
            return plain_text(html)
        if run.track is None:
            run.values.update(self._as_text)
        return tidy(self._programs.text.run(run.values, run.track)).lstrip("\n")

    # --- headers ---------------------------------------------------------------------------

    def _from_headers(self) -> bytes:
        content = self._content
        headers = mime.mailbox("From", content.sender_name, self._sender)
        if content.reply_to:
            headers += mime.mailbox("Reply-To", "", _wire_address(content.reply_to)[0])
        return headers

    def _constant_headers(self) -> bytes:
        campaign = mime.clean(self._content.campaign_public_id, 64).replace(":", "")
        sender_id = hashlib.sha256(self._domain.encode()).hexdigest()[:12]
        one_click = b""
        if self._base.startswith("https:"):  # one click works by https alone (RFC 8058)
            one_click = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return (
            one_click
            + f"Feedback-ID: {campaign}:campaigns:bulk:{sender_id}\r\n".encode("ascii", "replace")
            + b"Precedence: bulk\r\n"
            + self._multipart.header
        )

    def _date_header(self, now: datetime) -> bytes:
        second, header = self._date
        if second != (this := int(now.timestamp())):
            text = format_datetime(now.astimezone(UTC))
            header = f"Date: {text}\r\n".encode("ascii")
            self._date = (this, header)
        return header

    def _message_id(self, recipient: Recipient, now: datetime, domain: str) -> bytes:
        """The same for every try of a delivery. Test sends differ by recipient and moment."""
        payload = _NUMBER.pack(recipient.delivery_id)
        if not recipient.delivery_id:
            payload += f"{recipient.address} {now.isoformat()}".encode("utf-8", "replace")
        payload += self._content.campaign_public_id.encode()
        unique = self._signer.signature("message_id", payload).hex()
        return f"Message-ID: <{unique}@{domain}>\r\n".encode("ascii", "ignore")

    def _list_id(self, list_id: int) -> bytes:
        header = self._list_ids.get(list_id)
        if header is None:
            name = self._content.list_names.get(list_id, "")
            header = self._list_ids[list_id] = mime.list_id(name, list_id, self._domain)
        return header

    def _return_path(self, delivery_id: int) -> str:
        if delivery_id and self._content.use_return_path:
            return f"{bounce_local_part(self._signer, delivery_id)}@{self._domain}"
        return self._sender
