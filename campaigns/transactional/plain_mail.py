"""Emails built by the standard library: a subject, a text, and optionally HTML.

For transactional emails, without tracking: these are not newsletters.
"""

import functools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from campaigns.content.mime.compiled import wire_url
from campaigns.formatting import DEFAULT_LOCALE
from campaigns.inputs import one_line
from campaigns.messages import Message
from campaigns.paths import resource_root
from campaigns.wording.catalog import catalog


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of an email. `address` is also the envelope sender, which gets bounces."""

    address: str
    name: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class EmailText:
    """The content of an email. Without `html` it is plain text only."""

    subject: str
    text: str
    html: str = ""


@functools.cache
def _templates(locale: str) -> Environment:
    templates = Environment(
        extensions=["jinja2.ext.i18n"],
        loader=FileSystemLoader(resource_root() / "templates" / "mail"),
        autoescape=False,  # noqa: S701 - the templates are texts; `branded` escapes
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_translations(  # type: ignore[attr-defined]
        catalog(locale), newstyle=True
    )
    return templates


def words(name: str, values: Mapping[str, Any], *, locale: str = DEFAULT_LOCALE) -> EmailText:
    """Render templates/mail/<name>/ as text in this language. A missing value is an error."""
    templates = _templates(locale)
    subject = one_line(templates.get_template(f"{name}/subject.txt").render(values))
    text = templates.get_template(f"{name}/body.txt").render(values)
    return EmailText(subject, text.strip() + "\n")


def build(
    sender: Sender, address: str, said: EmailText, *, now: datetime, unsubscribe_url: str = ""
) -> Message:
    """Build the message. `unsubscribe_url`: for emails that people get because they are on a list.

    Line breaks in names and subjects become spaces, to prevent header injection.
    """
    domain = sender.address.rpartition("@")[2]
    is_ascii = (sender.address + sender.reply_to + address).isascii()
    mail = EmailMessage(policy=SMTP if is_ascii else SMTP.clone(utf8=True))
    mail["From"] = _mailbox(sender.address, one_line(sender.name))
    mail["To"] = _mailbox(address)
    if sender.reply_to:
        mail["Reply-To"] = _mailbox(sender.reply_to)
    mail["Subject"] = one_line(said.subject)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{secrets.token_hex(16)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(said.text, charset="utf-8", cte="quoted-printable")
    if said.html:
        mail.add_alternative(said.html, subtype="html", charset="utf-8", cte="quoted-printable")
    data = _unsubscribe_headers(unsubscribe_url) + mail.as_bytes()
    return Message(delivery_id=0, mail_from=sender.address, address=address, data=data)


def _unsubscribe_headers(url: str) -> bytes:
    """Return the headers for unsubscribing as bytes: the library would encode a long URL."""
    if not url:
        return b""
    lines = f"List-Unsubscribe: <{wire_url(url)}>\r\n"
    if url.startswith("https:"):  # one click requires it (RFC 8058)
        lines += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return lines.encode("ascii")


def _mailbox(address: str, name: str = "") -> MailAddress:
    # Not `addr_spec`, which refuses local parts beyond ASCII.
    local, _, domain = address.rpartition("@")
    return MailAddress(display_name=name, username=local, domain=domain)
