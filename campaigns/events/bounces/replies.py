"""Find the reply of a mail server in the words of a report, and classify it."""

import re
from dataclasses import dataclass

from campaigns.messages import Step
from campaigns.providers.classify import ReplyClass, classify, is_about_address

LONGEST = 1_000
"""Number of characters of a reply that are kept."""


@dataclass(frozen=True, slots=True)
class ServerReply:
    """A reply: its code (0: none), enhanced code ("": none) and words."""

    code: int = 0
    status: str = ""
    text: str = ""
    stated: str = ""
    """The status that the report states beside the reply."""
    step: Step = ""


def class_of(reply: ServerReply, *, is_final: bool) -> ReplyClass:
    """Return the class of a reply in a report about a recipient.

    `is_final` means that the server has given up: then a temporary code is no reason to wait.
    """
    status = reply.status or reply.stated
    code = reply.code or (int(status[0]) * 100 + 50 if status[:1] in ("4", "5") else 550)
    text = reply.text if reply.status else f"{reply.stated} {reply.text}"
    if is_final and status == "4.1.1" and not _LATER.search(text):
        code, text = 550, text.replace("4.1.1", "5.1.1")  # still unknown at the end
    found = classify(code, text, step=reply.step or "rcpt")
    # Without a code, the server that wrote the notice decided it: it knows its recipients.
    step = reply.step or ("" if reply.code else "rcpt")
    return "refused" if found == "hard" and not is_about_address(status, text, step) else found


_LATER = re.compile(r"try (?:it )?(?:again|later)|temporar|\blater\b", re.IGNORECASE)
_CODES = (
    "421|422|431|432|441|442|446|447|449|450|451|452|453|454|455|458|459|471"
    "|50[0-4]|51[0-7]|52[0-5]|53[0-8]|54[0-7]|55[0-9]|571"
)
_CODE = re.compile(
    rf"(?<![^\s:;(<\"'\[#>])({_CODES})(?:[\s:-]{{1,3}}#?([245]\.\d{{1,3}}\.\d{{1,3}})(?![\d.]))?"
    r"(?=[\s:;,)\]'\"<-]|$)"
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")


def reply_in(text: str) -> ServerReply:
    """Return the first reply in a text, and the words from there on."""
    head = text[: 4 * LONGEST]
    found = _CODE.search(head)
    if found is None:
        stated = _STATUS.search(head)
        status = stated[1] if stated else ""
        words = head[stated.start() :] if stated and _begins_line(head, stated) else head
        return ServerReply(0, status, _clean(words), step=_step(head, status))
    rest = head[found.start() :]
    status_of_rest = _STATUS.search(rest) or _STATUS.search(head)
    status = found[2] or (status_of_rest[1] if status_of_rest else "")
    words = _clean(rest if len(rest) > _SHORTEST else head)
    return ServerReply(int(found[1]), status, words, step=_step(head, status))


def _begins_line(text: str, found: re.Match[str]) -> bool:
    return not text[: found.start()].rpartition("\n")[2].strip(" #*-")


_SHORTEST = 12
"""Shorter texts are only a code, which the words come before."""


def _clean(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


_NO_RECIPIENT_LEFT = re.compile(
    r"no valid recipients|need rcpt\b|no recipients\b"
    r"|^550 (?:5\.1\.1 )?<?\S{1,300}@\S{1,300}\.\.\. User unknown",
    re.IGNORECASE | re.MULTILINE,
)
"""Later replies of a session in which the recipients were refused, and what sendmail concludes."""

_IN_REPLY_TO = r"\b(?:in\s+reply\s+to|after|for|response\s+to)\s+(?:pipelined\s+)?"
_STEPS: tuple[tuple[Step, re.Pattern[str]], ...] = (
    (
        "rcpt",
        re.compile(
            rf"{_IN_REPLY_TO}rcpt\b|\[rcpt_to\]"
            r"|rcpt to (?:command )?(?:generated|returned|was|fail)|sent: ?rcpt to\b"
            r"|most progress was rcpt to|\(state 14\)"
            r"|(?:>>>|-->|<<<) ?rcpt to[^\n]*\n[a-z >]{0,12}(?:<<<|<--|>>>) ?[45]"
            r"|smtp:rcpt|has rejected address|not like (?:our rcpt|recipient)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    ("rcpt", _NO_RECIPIENT_LEFT),
    (
        "dot",
        re.compile(
            r"\bend\s+of\s+(?:data|message)|smtp transmission failure has occurred"
            r"|after\s+i\s+sent\s+the\s+message|failed\s+on\s+data\b|\(state 1[5-8]\)"
            r"|\btext command|after\s+sending\s+(?:the\s+)?(?:data|message)"
            rf"|{_IN_REPLY_TO}data\b|\[data\]"
            r"|>>> ?(?:data|\.)[ \t]{0,9}\n[ >]{0,4}<<< ?[45]",
            re.IGNORECASE,
        ),
    ),
    (
        "mail",
        re.compile(
            rf"{_IN_REPLY_TO}mail\s+from|\[mail_from\]|but\s+(?:sender|my\s+name)\s+was\s+rejected"
            r"|>>> ?mail from[^\n]*\n[ >]{0,4}<<< ?[45]",
            re.IGNORECASE,
        ),
    ),
)


def _step(text: str, status: str) -> Step:
    """Return the step of the session that was answered, if the report says so."""
    head = text[: 4 * LONGEST]
    for step, sign in _STEPS:
        if sign.search(head) and not (sign is _NO_RECIPIENT_LEFT and status.startswith("5.7.")):
            return step
    return ""
