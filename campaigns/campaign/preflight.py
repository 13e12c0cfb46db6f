"""Preflight: everything that is looked at before a campaign may leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from campaigns import formatting, hosts
from campaigns.accounts.workspace import load_workspace
from campaigns.audience import subscribers
from campaigns.campaign.drafts import Arithmetic, chosen_lists
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.content.lint import Finding
from campaigns.content.mime.compile import (
    Content,
    RenderError,
    TemplateProblemError,
    check_content,
    compile_content,
    lint_content,
)
from campaigns.content.templating.checker import MAX_PROBLEMS
from campaigns.content.templating.problems import Field, Problem
from campaigns.db import db
from campaigns.messages import Recipient
from campaigns.paths import resource_root
from campaigns.providers.domains import standing
from campaigns.providers.domains.standing import DomainView
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.tokens import Signer

Level = Literal["ok", "warning", "problem"]
Fix = Literal["audience", "message", "content", "senders", "domains", "workspace", ""]
"""Where it is put right: a section of the campaign, or a page of the settings."""

SUBJECT_LENGTH = range(10, 79)
CLIPPED_BYTES = 102 * 1024
"""From this size on Gmail cuts the mail off, and the unsubscribe link with it."""
NEARLY_CLIPPED_BYTES = 90 * 1024
MAX_FINDINGS = 12
EXAMPLE = Recipient(0, 0, 0, "reader@example.org")


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the preflight: what was checked, what was found, where to fix it.

    `problems` of the content follow the text, `hidden` more of them are not shown; None: an
    unknown number.
    """

    name: str
    level: Level
    text: str
    fix: Fix = ""
    problems: tuple[Problem, ...] = ()
    hidden: int | None = 0

    @property
    def blocks(self) -> bool:
        return self.level == "problem"


def preflight(
    campaign: Campaign, arithmetic: Arithmetic, *, base_url: str, signer: Signer
) -> list[Check]:
    """Every check, in the order of the sections. A `problem` keeps the campaign from leaving."""
    content = content_of(campaign, base_url=base_url)
    sender = db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None
    return [
        _audience(campaign, arithmetic),
        _sender(sender),
        *_signature(sender),
        _subject(campaign.subject),
        _preheader(campaign.preheader),
        *_content(content, signer),
        _postal_address(),
        _public_url(base_url),
    ]


def _audience(campaign: Campaign, arithmetic: Arithmetic) -> Check:
    if arithmetic.recipients > 0:
        return Check("Audience", "ok", f"{_people(arithmetic.recipients)} will get it.")
    if not chosen_lists(campaign.id).included:
        return Check("Audience", "problem", "No list is chosen yet.", "audience")
    text = "Nobody is left: the lists are empty, or everybody on them is excluded or suppressed."
    return Check("Audience", "problem", text, "audience")


def warnings_of(sender: SenderAddress) -> list[str]:
    """What the checks have against mail from this address."""
    return [check.text for check in (_sender(sender), *_signature(sender)) if check.level != "ok"]


def _sender(sender: SenderAddress | None) -> Check:
    if sender is None:
        has_any = db.session.query(SenderAddress.id).first() is not None
        return Check(
            "Sender",
            "problem",
            "No sender address is chosen." if has_any else "No sender address is set up yet.",
            "message" if has_any else "senders",
        )
    account = db.session.get(ProviderAccount, sender.provider_id)
    if account is not None and account.trouble:
        text = f"The account “{account.name}” is not working. Open Settings to see why."
        return Check("Sender", "warning", text, "senders")
    return Check("Sender", "ok", f"From {sender.name} <{sender.address}>.".replace("  ", " "))


def _signature(sender: SenderAddress | None) -> list[Check]:
    """Whether it is signed with DKIM. No row without a sender, nor for mailboxes for everybody."""
    if sender is None:
        return []
    domain = standing.look_up(sender.address)
    if domain.signing:
        return [_signed(domain)]
    if domain.freemail:
        return []
    account = db.session.get(ProviderAccount, sender.provider_id)
    if account is not None and account.rewrites_return_path:
        text = (
            f"Left to “{account.name}”: such services sign once {domain.name} is confirmed there."
        )
        return [Check("Signature", "ok", text)]
    text = f"Mail from {domain.name} is not signed with DKIM, as Gmail, Yahoo and Outlook ask."
    return [Check("Signature", "warning", text, "domains")]


def _signed(domain: DomainView) -> Check:
    selectors = [key.selector for key in domain.signing]
    word = "selector" if len(selectors) == 1 else "selectors"
    text = f"Signed by DKIM for {domain.name} ({word} {' and '.join(selectors)})"
    if domain.standing == "broken":
        text += ", but the record is not in DNS as it should be: receivers cannot check it."
        return Check("Signature", "warning", text, "domains")
    return Check("Signature", "ok", f"{text}.")


def _subject(subject: str) -> Check:
    length = len(subject.strip())
    if not length:
        return Check("Subject", "problem", "The subject is empty.", "message")
    if "test" in subject.lower().replace(":", " ").split():
        text = "The subject says “test”. Is it the one you mean to send?"
        return Check("Subject", "warning", text, "message")
    if length < SUBJECT_LENGTH.start:
        text = f"The subject is very short ({length} characters). Say a little more."
        return Check("Subject", "warning", text, "message")
    if length >= SUBJECT_LENGTH.stop:
        text = f"The subject has {length} characters; most inboxes cut it off after about 78."
        return Check("Subject", "warning", text, "message")
    return Check("Subject", "ok", f"“{subject.strip()}”")


def _preheader(preheader: str) -> Check:
    if preheader.strip():
        return Check("Preheader", "ok", f"“{preheader.strip()}”")
    text = "None: inboxes will show the first words of the mail beside the subject."
    return Check("Preheader", "warning", text, "message")


def _content(content: Content, signer: Signer) -> list[Check]:
    if not content.html.strip():
        return [Check("Content", "problem", "The campaign has no content yet.", "content")]
    found = check_content(content, subscribers.known_attributes())
    rows = _template(found)
    findings = lint_content(content, _starters())
    rows += [*_merge_tags(findings), *_starter_text(findings)]
    if any(problem.blocks for problem in found):
        return [*rows, *_lost(findings)]
    try:
        html = compile_content(content, signer).preview(EXAMPLE).html
    except TemplateProblemError as error:
        return [*rows, *_template(error.problems)]
    except RenderError as error:
        return [*rows, *_template([error.problem])]
    return [*rows, _size(html), *_links_and_images(html, findings), _unsubscribe()]


def _merge_tags(findings: Sequence[Finding]) -> list[Check]:
    """Merge tags of other programs, and ours where an editor has mangled them."""
    return [
        row
        for kind in ("field", "merge tag")
        if (row := _row("Merge tags", [found for found in findings if found.kind == kind]))
    ]


def _template(found: Sequence[Problem]) -> list[Check]:
    """One row for the mistakes in the template of each field, what blocks first."""
    names: dict[Field, str] = {"subject": "Subject", "preheader": "Preheader", "html": "Content"}
    of = {field: [problem for problem in found if problem.field == field] for field in names}
    rows = [
        _listed(
            name,
            [problem for problem in of[field] if problem.blocks is blocks],
            is_complete=len(of[field]) < MAX_PROBLEMS,
        )
        for blocks in (True, False)
        for field, name in names.items()
    ]
    return [row for row in rows if row is not None]


def _row(name: str, found: Sequence[Finding], lead: str = "") -> Check | None:
    """One row for findings of a kind. None without any."""
    return _listed(name, [finding.problem for finding in found], lead)


def _listed(
    name: str, found: Sequence[Problem], lead: str = "", *, is_complete: bool = True
) -> Check | None:
    """Return one row for problems of a kind. None without any."""
    if not found:
        return None
    hidden = max(0, len(found) - MAX_FINDINGS)
    return Check(
        name,
        level="problem" if any(problem.blocks for problem in found) else "warning",
        text=lead,
        fix="content" if any(problem.field == "html" for problem in found) else "message",
        problems=tuple(found[:MAX_FINDINGS]),
        hidden=hidden if is_complete or not hidden else None,
    )


def _starter_text(findings: Sequence[Finding]) -> list[Check]:
    """Text of the design that the campaign began with, which nobody has replaced."""
    row = _row("Starter text", [found for found in findings if found.kind == "starter"])
    return [row] if row else []


@lru_cache(maxsize=1)
def _starters() -> tuple[str, ...]:
    folder = resource_root() / "templates" / "newsletter"
    return tuple(path.read_text("utf-8") for path in sorted(folder.glob("*.html")))


def _size(html: str) -> Check:
    size = len(html.encode())
    written = formatting.size(size, formatting.DEFAULT_LOCALE)
    limit = formatting.size(CLIPPED_BYTES, formatting.DEFAULT_LOCALE)
    if size >= CLIPPED_BYTES:
        text = f"The email is {written}: Gmail cuts it off at {limit} and hides the footer."
        return Check("Size", "warning", text, "content")
    if size >= NEARLY_CLIPPED_BYTES:
        text = f"The email is {written}: close to the {limit} at which Gmail cuts it off."
        return Check("Size", "warning", text, "content")
    return Check("Size", "ok", f"{written}: small enough for every inbox.")


def _lost(findings: Sequence[Finding]) -> list[Check]:
    """Links and images that nobody can open, and those that were never replaced."""
    of = {
        kind: [found for found in findings if found.kind == kind]
        for kind in ("link", "image", "placeholder")
    }
    dead, lost = len(of["link"]), len(of["image"])
    lead = f"{_count(lost, 'image', 'images')} will not be shown to everybody."
    rows = (
        _row("Links", of["link"], f"{_count(dead, 'link leads', 'links lead')} nowhere."),
        _row("Placeholders", of["placeholder"]),
        _row("Images", of["image"], lead),
    )
    return [row for row in rows if row is not None]


def _links_and_images(html: str, findings: Sequence[Finding]) -> list[Check]:
    tree = LexborHTMLParser(html)
    links, images = tree.css("a"), tree.css("img")
    mute = sum("alt" not in image.attributes for image in images)
    rows = _lost(findings)
    names = {row.name for row in rows}
    if not names & {"Links", "Placeholders"}:
        text = f"{_count(len(links), 'link')}, each with a target."
        rows.insert(0, Check("Links", "ok", text))
    if mute:
        text = (
            f"{_count(mute, 'image has', 'images have')} no alternative text: "
            "readers without images see nothing there."
        )
        rows.append(Check("Images", "warning", text, "content"))
    elif images and "Images" not in names:
        rows.append(Check("Images", "ok", f"{_count(len(images), 'image')} with alternative text."))
    return rows


def _unsubscribe() -> Check:
    return Check("Unsubscribe link", "ok", "In the footer and in the header of every mail.")


def _postal_address() -> Check:
    if load_workspace().postal_address.strip():
        return Check("Postal address", "ok", "In the footer of every mail, as the law asks.")
    text = "Your postal address is missing: the law asks for it in every newsletter."
    return Check("Postal address", "problem", text, "workspace")


def _public_url(base_url: str) -> Check:
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}" if parts.port else "")
    if hosts.fault_of(host):
        is_here = host.lower() == "localhost" or host.startswith(("127.", "[::1]"))
        who = "only this computer" if is_here else "only your own network"
        text = (
            f"Links lead to {base_url}: {who} can open them. "
            "Set PUBLIC_URL before you write to others."
        )
        return Check("Public address", "warning", text)
    if parts.scheme != "https":
        text = f"Links lead to {base_url}, without encryption. PUBLIC_URL should be https."
        return Check("Public address", "warning", text)
    return Check("Public address", "ok", f"Links lead to {base_url}.")


def _people(count: int) -> str:
    return _count(count, "person", "people")


def _count(count: int, one: str, many: str = "") -> str:
    written = formatting.number(count, formatting.DEFAULT_LOCALE)
    return f"{written} {one if count == 1 else many or one + 's'}"
