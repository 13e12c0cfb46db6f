"""A campaign's compiled content: rendered once per recipient, into a message or a preview."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from campaigns import addresses, formatting
from campaigns.content.html import links
from campaigns.content.html.plain_text import plain_text
from campaigns.content.html.system_links import OwnLinks
from campaigns.content.html.text_page import page_of_text
from campaigns.content.mime import attachments, message, quoted_printable
from campaigns.content.mime.attachments import Attachment
from campaigns.content.mime.head import Head
from campaigns.content.sources.source import ContentSource, SourceContext
from campaigns.content.templating.checker import SEGMENTS
from campaigns.content.templating.environment import HEADER
from campaigns.content.templating.filters import Labels
from campaigns.content.templating.merge_fields import MergeField
from campaigns.content.templating.problems import RenderError
from campaigns.content.templating.program import Run, TemplateProgram, compile_template
from campaigns.messages import Message, Recipient
from campaigns.tokens import Signer, pack_delivery

MAX_MEMBERSHIPS = 4_096
"""Number of combinations of segments that are remembered."""
MAX_SHOWN = 16 * 1024
"""Size limit of what a merge tag shows, in bytes."""


@dataclass(frozen=True)
class Content:
    """The source of a campaign's messages.

    `list_names`: names of its lists, by id. `base_url`: this installation's public URL, without a
    trailing slash. Sender fields may be empty in a draft. `attachments` are part of every message.
    """

    subject: str
    preheader: str
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
    echoed_header: str = ""
    """Header with `%s` for the delivery's token, for providers that rewrite the return path."""
    unsubscribe_domain: str = ""
    """Domain whose return addresses are proved to reach us; see `providers.return_domains`."""
    attachments: tuple[Attachment, ...] = ()
    language: str = formatting.DEFAULT_LOCALE
    """Locale of the footer, and of the page around content that is not a whole page."""
    source: ContentSource = field(default_factory=ContentSource)
    context: SourceContext = field(default_factory=SourceContext)
    embeds_images: bool = False
    """Whether images of the media library are parts of the message."""
    fields: tuple[MergeField, ...] = ()
    """The custom fields of subscribers."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Texts by name, which it shows as `{{ var.<name> }}`."""
    feed: Mapping[str, Any] | None = None
    """Data that it shows as `{{ feed.<path> }}`; None without a feed, or one not fetched yet."""
    known_segments: frozenset[str] | None = None
    """Public ids of the segments that it may name. None: any, as they are frozen already."""
    segment_order: tuple[str, ...] = ()
    """Public ids of the segments whose bits are frozen, in the order of the bits."""
    links_before: int = 0
    """Number of the last link of other variants: its own links come after it."""
    variants: tuple["Content", ...] = ()
    """The same in other languages, for the recipients who speak them."""

    def in_language(self, language: str) -> "Content":
        """Return the variant in this language alone, or the content itself if there is none."""
        return next((one for one in self.variants if one.language == language), self)

    def everywhere(self, change: "Callable[[Content], Content]") -> "Content":
        """Return the content with a change to it and to each of its variants."""
        return replace(change(self), variants=tuple(map(change, self.variants)))

    @property
    def shown_address(self) -> str:
        """The postal address that the email shows: that of the brand, or of the workspace."""
        return self.context.brand.postal_address.strip() or self.postal_address


class MessageSigner(Protocol):
    """Signs messages."""

    def sign(self, headers: Sequence[bytes], body: bytes) -> bytes:
        """Return the header lines to prepend. `headers`: one per item, with line breaks."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as shown to its recipient. `html` is "" if it has none."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Programs:
    """The compiled templates of a campaign."""

    subject: TemplateProgram[str]
    preheader: TemplateProgram[str]
    html: TemplateProgram[bytes] | None
    """None: a message without HTML."""
    text: TemplateProgram[bytes] | None
    """None: the text cannot be derived in advance, and is made from each rendered HTML."""


def sender_fields(content: Content) -> dict[str, str]:
    """Return the merge tags about the sender."""
    return {
        "name": content.sender_name,
        "address": content.sender_address,
        "identity": content.identity,
        "postal_address": content.shown_address,
    }


def header_text(text: str) -> str:
    """Return rendered text in a form that is safe in a header."""
    return message.clean(text, message.MAX_SUBJECT)


def wire_url(url: str) -> str:
    """Return this installation's URL in ASCII, with its host as A-labels."""
    parts = urlsplit(url.strip().rstrip("/"))
    host = parts.hostname or ""
    if not host.isascii():
        with suppress(addresses.InvalidAddressError):
            host = addresses.parse(f"x@{host}").domain
        netloc = f"{host}:{parts.port}" if parts.port else host
        parts = parts._replace(netloc=netloc)
    return urlunsplit(parts).encode("ascii", "ignore").decode()


_TAGS = re.compile(r"\btags\b")
_LOCAL = re.compile(r"\|\s*(?:date|number|money)\b")
"""The filters whose result depends on the language."""
MAX_LANGUAGES = 1_000
"""Number of names of languages that are remembered."""


@lru_cache(MAX_LANGUAGES)
def _locale_named(text: str) -> str:
    """Return the locale of a language as stored for a subscriber; "" for any other text."""
    return formatting.language_code(text)


class Compiled:
    """A campaign's content, ready to be rendered. Safe to share between threads."""

    def __init__(
        self,
        content: Content,
        signer: Signer,
        programs: Programs,
        tracked: tuple[links.Link, ...],
        written: tuple[str, ...],
        dkim: MessageSigner | None = None,
        *,
        segments: tuple[str, ...] = (),
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
        used = _used(content.fields, written)
        self._fields = {content.language: used}
        self._speaks = bool(used) or any(_LOCAL.search(text) for text in written)
        language_fields = (one.key for one in content.fields if one.is_language)
        self._language_key = next(language_fields, "language")
        self._shared: dict[str, Any] = {"sender": sender_fields(content)}
        if content.feed is not None:
            self._shared["feed"] = content.feed
        self.uses_tags = any(_TAGS.search(text) for text in written)
        """Whether the recipients' tags are needed."""
        self.segments = segments
        """Public ids of the segments that it names, in the order of `Recipient.segments`."""
        self._memberships: dict[int, dict[str, bool]] = {}
        self.language = content.language
        self.variants: dict[str, Compiled] = {}
        """The compiled variants, by language."""
        self._body = _body(content, has_html=programs.html is not None)
        self._head = Head(
            signer=signer,
            sender_name=content.sender_name,
            sender_address=content.sender_address,
            reply_to=content.reply_to,
            campaign_public_id=content.campaign_public_id,
            list_names=content.list_names,
            use_return_path=content.use_return_path,
            echoed_header=content.echoed_header,
            unsubscribe_domain=content.unsubscribe_domain,
            one_click=base.startswith("https:"),  # it requires https (RFC 8058)
            content_type=self._body.header,
        )

    def add_variants(self, variants: Iterable["Compiled"]) -> None:
        """Add compiled variants, each of which was compiled with the segments before it."""
        for one in variants:
            self.variants[one.language] = one
            self.links += one.links
            self.segments = one.segments
            self.uses_tags = self.uses_tags or one.uses_tags

    def _variant_for(self, recipient: Recipient) -> "Compiled":
        """Return the variant in the language of a recipient, or else this content."""
        language = self.language_of(recipient)
        if language == self._content.language:
            return self
        general = language.partition("_")[0]
        return self.variants.get(language) or self.variants.get(general) or self

    # --- public methods --------------------------------------------------------------------

    def render(
        self, recipient: Recipient, *, now: datetime, message_id_domain: str | None = None
    ) -> Message:
        """Return the message for one recipient. Raises RenderError.

        Tracked if the recipient has a delivery. `now` becomes its date.
        """
        if self.variants and (other := self._variant_for(recipient)) is not self:
            return other.render(recipient, now=now, message_id_domain=message_id_domain)
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
            # We write quoted-printable and base64; only an address may contain non-ASCII
            # characters.
            is_tidy=data.isascii(),
        )

    def preview(self, recipient: Recipient) -> Rendered:
        """Return a preview for the recipient, with links as written. Raises RenderError."""
        if self.variants and (other := self._variant_for(recipient)) is not self:
            return other.preview(recipient)
        return self._rendered(self._run(recipient, is_tracked=False))

    def render_web(self, recipient: Recipient) -> str:
        """Return the HTML for "View in browser", untracked. Raises RenderError."""
        if self.variants and (other := self._variant_for(recipient)) is not self:
            return other.render_web(recipient)
        run = self._run(recipient, is_tracked=False)
        run.values["_in_mail"] = False
        with run:
            subject, _ = self._headers(run)
            html = self._html(run)
            if self._programs.html is not None:
                return quoted_printable.decode(html)
            text = quoted_printable.decode(self._text(run, html))
        return page_of_text(text, subject, self._content.language)

    def show(self, tags: Iterable[str], recipient: Recipient) -> dict[str, str]:
        """Return what each merge tag shows to the recipient, without those that show nothing.

        Raises RenderError for the subject and the preheader.
        """
        run = self._run(recipient, is_tracked=False)
        found: dict[str, str] = {}
        with run:
            self._headers(run)
            for tag in tags:
                program = compile_template("subject", f"{{{{ {tag} }}}}", HEADER, MAX_SHOWN)
                with suppress(RenderError):
                    found[tag] = header_text(program.run(run))
        return {tag: text for tag, text in found.items() if text}

    def try_out(self) -> None:
        """Render for recipients with and without a name. Raises RenderError."""
        for first in ("", "Alex"):
            self.preview(Recipient(0, 0, 0, "alex@example.org", first, first_name=first))

    # --- rendering -------------------------------------------------------------------------

    def _run(self, recipient: Recipient, *, is_tracked: bool) -> Run:
        content, delivery_id = self._content, recipient.delivery_id
        attributes = recipient.attributes
        language = self.language_of(recipient) if self._speaks else content.language
        fields = self._fields_in(language)
        if fields:
            attributes = dict(attributes)
            for one in fields:
                value = one.value(attributes.get(one.key))
                if value is not None:
                    attributes[one.key] = value
        values: dict[str, Any] = {
            **self._shared,
            "subscriber": {
                **attributes,
                "name": recipient.name,
                "first_name": recipient.first_name,
                "last_name": recipient.last_name,
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
        if self.uses_tags:  # an attribute of this name comes first
            values["subscriber"].setdefault("tags", Labels(recipient.tags))
        if self.segments:
            values[SEGMENTS] = self._membership(recipient.segments)
        own_links = self._own_links
        own_links.add_system_links(
            pack_delivery(recipient.subscriber_id, recipient.list_id, delivery_id), values
        )
        if is_tracked and content.track_opens:
            own_links.add_pixel(delivery_id, values)
        if not (is_tracked and content.track_clicks):
            return Run(values, locale=language)
        own_links.add_clicks(delivery_id, values)
        return Run(values, partial(own_links.tracked, delivery_id), language)

    def language_of(self, recipient: Recipient) -> str:
        """Return the language of a recipient, or that of the campaign if it is not known."""
        stored = recipient.attributes.get(self._language_key)
        found = _locale_named(stored) if isinstance(stored, str) else ""
        return found or self._content.language

    def _fields_in(self, language: str) -> tuple[MergeField, ...]:
        """Return the fields of the content, to be shown in this language."""
        found = self._fields.get(language)
        if found is None:
            usual = self._fields[self._content.language]
            found = tuple(one.in_language(language) for one in usual)
            self._fields[language] = found
        return found

    def _membership(self, bits: int) -> dict[str, bool]:
        """Return whether a recipient is in each segment. Most recipients share a few results."""
        found = self._memberships.get(bits)
        if found is None:
            found = {
                segment: bool(bits >> position & 1)
                for position, segment in enumerate(self.segments)
            }
            if len(self._memberships) < MAX_MEMBERSHIPS:
                self._memberships[bits] = found
        return found

    def _headers(self, run: Run) -> tuple[str, str]:
        """Return subject and preheader, which become merge tags for the body."""
        subject = header_text(self._programs.subject.run(run))
        run.values["campaign"] = {"subject": subject}
        preheader = header_text(self._programs.preheader.run(run))
        run.values["preheader"] = preheader
        return subject, preheader

    def _rendered(self, run: Run) -> Rendered:
        """Return the content to be sent, decoded."""
        with run:
            subject, preheader = self._headers(run)
            html = self._html(run)
            text = self._text(run, html)
        return Rendered(
            subject, preheader, quoted_printable.decode(html), quoted_printable.decode(text)
        )

    def _html(self, run: Run) -> bytes:
        if self._programs.html is None:
            return b""
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


def _used(fields: tuple[MergeField, ...], written: tuple[str, ...]) -> tuple[MergeField, ...]:
    """Return the fields that the content may show: only those are formatted for a recipient."""
    if not fields:
        return ()
    words = set(re.findall(r"\w+", " ".join(written)))
    return tuple(one for one in fields if one.key in words)


def _body(content: Content, *, has_html: bool) -> message.Multipart | message.PlainBody:
    """Return the structure of the body, with all files."""
    parts = [
        (attachments.content_id_of(file), attachments.part(file)) for file in content.attachments
    ]
    if not has_html:
        return message.PlainBody(content.campaign_public_id, [data for _, data in parts])
    return message.Multipart(
        content.campaign_public_id,
        images=[part for content_id, part in parts if content_id],
        files=[part for content_id, part in parts if not content_id],
    )
