"""Notices in plain text: where the returned email begins, whom they name and what servers said."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from campaigns.events.bounces import phrases
from campaigns.events.bounces.addresses import (
    ADDRESS,
    addresses_in,
    is_of_a_helper,
    is_of_a_server,
    tidy,
)
from campaigns.events.bounces.replies import ServerReply, reply_in
from campaigns.messages import Step
from campaigns.providers.classify import ReplyClass, classify

MAX_CHARACTERS = 100_000
MAX_RECIPIENTS = 1_000


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient whom a notice names, and its words about this recipient."""

    address: str
    reply: ServerReply


def split_copy(text: str) -> tuple[str, str]:
    """Return the notice itself, and the returned email below it ("" if there is none)."""
    text = text[:MAX_CHARACTERS]
    found = phrases.COPY_FOLLOWS.search(text)
    if found is None:
        return text, ""
    notice = text[: found.start()]
    line_end = text.find("\n", found.start())
    is_header = ":" in found[0] and text[found.start() : found.end()].endswith(":")
    copy = text[found.start() :] if is_header else text[line_end + 1 :] if line_end > 0 else ""
    if not notice.strip():
        return text, copy
    return notice, copy.lstrip("\n- ")


_BEGINS_BLOCK = re.compile(
    rf"^[\s>*•·+-]{{0,20}}[<\"'(]{{0,2}}({ADDRESS})[>\"')]{{0,2}}"
    r"(?=\s{0,4}(?:$|[:,(\[;–—-]|\.{2,}|on\b|is\b|was\b|has\b|invalid\b|unknown\b|\d{3}\b))",
    re.IGNORECASE,
)
_IN_TRANSCRIPT = re.compile(
    rf"^[\s<>]{{0,8}}[245]\d\d[ -]{{1,3}}(?:[245]\.\d+\.\d+ )?[<]({ADDRESS})>\.\.\.",
)
_NAMES_RECIPIENT = re.compile(
    r"(?:RCPT TO|recipients?\w{0,20}(?: address(?:es)?)?|delivered to|mailbox|user|address(?:es)?"
    r"|(?:message|mail|deliver(?:y|ed)?) to|rcpt|failed|errors?|\bto|\ban|\bfür|\bà|宛先|收件人"
    r"|destinataires?|empf[aä]nger\w{0,3}|destinatari[ao]s?|ontvangers?|mottagare|odbiorc\w{1,3}"
    rf"|получател\w{{1,3}})[\s:=]{{0,6}}[<\"'(\[]{{0,2}}({ADDRESS})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Others:
    """Addresses in a notice that are not recipients, unless the email was `written_to` them.

    All are in lower case.
    """

    authors: frozenset[str] = frozenset()
    """Addresses of the notice's author. Those of mail servers are never recipients either."""
    senders: frozenset[str] = frozenset()
    """Addresses of the email's sender: recipients only if the notice lists them."""
    written_to: frozenset[str] = frozenset()

    def includes(self, address: str, *, is_listed: bool = False) -> bool:
        """Return whether it cannot be that of a recipient."""
        address = address.lower()
        if address in self.written_to:
            return False
        if is_of_a_server(address) or address in self.authors:
            return True
        return not is_listed and (is_of_a_helper(address) or address in self.senders)


def lowered(addresses: Iterable[str]) -> frozenset[str]:
    """Return addresses in lower case, as `Others` has them."""
    return frozenset(one.lower() for one in addresses)


def listed_in(notice: str, others: Others) -> list[Named]:
    """Return the recipients whom a notice lists, one at the beginning of each line or block."""
    lines = notice.split("\n")
    starts = [
        (number, address)
        for number, line in enumerate(lines)
        if (address := _address_at_start(line)) and not others.includes(address, is_listed=True)
    ]
    return _by_blocks(lines, starts[:MAX_RECIPIENTS])


def mentioned_in(notice: str, others: Others) -> list[Named]:
    """Return the addresses that the sentences call recipients; if none, all that may be."""
    reply = reply_in(notice)
    before = notice.split(f"{reply.code} ", 1)[0] if reply.code else notice
    found = _mentioned(before.split("\n"), others) or _mentioned(notice.split("\n"), others)
    return [Named(one, reply) for one in found]


def _address_at_start(line: str) -> str:
    line = line[:500]
    if "@" not in line:
        return ""
    found = _IN_TRANSCRIPT.match(line) or _BEGINS_BLOCK.match(line)
    return tidy(found[1]) if found else ""


def _by_blocks(lines: list[str], starts: list[tuple[int, str]]) -> list[Named]:
    found: dict[str, str] = {}
    begins = [number for number, _ in starts] + [len(lines)]
    for (number, address), end in zip(starts, begins[1:], strict=True):
        block = _block(lines, number, end)
        if address in found and len(found[address]) >= MAX_CHARACTERS:
            continue
        found[address] = f"{found.get(address, '')}\n{block}"
    of_all = reply_in("\n".join(lines))
    return [Named(address, _reply_of(block, of_all)) for address, block in found.items()]


def _block(lines: list[str], start: int, end: int) -> str:
    """Return the words about one recipient. In a transcript, each line is about another one."""
    if _IN_TRANSCRIPT.match(lines[start][:500]):
        end = next((n for n in range(start + 1, end) if not lines[n][:1].isspace()), end)
    return "\n".join(lines[start:end])


def _reply_of(block: str, of_all: ServerReply) -> ServerReply:
    """Return the reply in the words about one recipient, or if they are too few, that in all."""
    reply = reply_in(block)
    if reply.code or reply.status:
        return replace(reply, step=reply.step or of_all.step)
    if of_all.code or of_all.status:
        return of_all
    return reply if len(_without_addresses(block)) > 12 else of_all


_ADDRESS_NOT_FOUND = re.compile(
    r"address not found|address couldn't be found|addresses? (?:was|were) not found", re.IGNORECASE
)


def step_of(text: str) -> Step:
    """Return the step that was answered, by the notice as a whole."""
    if _ADDRESS_NOT_FOUND.search(text[:2_000]) or "hard" in _stated_in(text):
        return "rcpt"
    return reply_in(text).step


_GUESSES = re.compile(r"\b(?:may|might|could|possibl\w+|probabl\w+|perhaps|if|or)\b", re.IGNORECASE)


_HAS_CODE = re.compile(r"\b[245](?:\d\d|\.\d{1,3}\.\d{1,3})\b")


def mailbox_trouble(text: str) -> ReplyClass | None:
    """Return what a whole line of a notice states about a mailbox that exists."""
    found = _stated_in(text)
    return next((one for one in found if one in ("disabled", "mailbox_full")), None)


def _stated_in(text: str) -> Iterator[ReplyClass]:
    """Yield what whole lines of a notice state in its own words, such as a heading."""
    for line in text[:2_000].split("\n"):
        is_list_item = line.lstrip()[:1] in "-•" or line.lstrip()[:2] == "* "
        if "@" in line or len(line) > 80 or is_list_item or _GUESSES.search(line):
            continue
        if not _HAS_CODE.search(line):
            yield classify(550, line, step="rcpt")


def reply_of(text: str) -> ServerReply:
    """Return the reply in a notice as a whole."""
    return reply_in(text)


def _without_addresses(text: str) -> str:
    return re.sub(r"\S{0,300}@\S{0,300}", "", text[:5_000]).strip()


def _mentioned(lines: list[str], others: Others) -> list[str]:
    called: dict[str, None] = {}
    possible: dict[str, None] = {}
    for line in lines:
        if "@" not in line:
            continue
        for found in _NAMES_RECIPIENT.finditer(line[:2_000]):
            if not others.includes(tidy(found[1])):
                called[tidy(found[1])] = None
        for address in addresses_in(line[:2_000]):
            before = line[: max(line.find(address), 0)][-80:]
            if not others.includes(address) and not phrases.QUOTED_CONTACT.search(before):
                possible[address] = None
    return list(called or possible)[:MAX_RECIPIENTS]
