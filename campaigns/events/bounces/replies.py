"""Find the reply of a mail server in the words of a report, and class it."""

import re
from dataclasses import dataclass

from campaigns.messages import Step
from campaigns.providers.classify import ReplyClass, classify

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
    if is_final and status == "4.1.1":
        code, text = 550, text.replace("4.1.1", "5.1.1")  # unknown until the end
    found = classify(code, text, step=reply.step or "rcpt")
    return "refused" if found == "hard" and not _is_sure(reply, status, text) else found


def _is_sure(reply: ServerReply, status: str, text: str) -> bool:
    """Return whether a reply by which an address is gone is about the address, for sure.

    A filter also says "unknown", but only after it saw the content, or with a code of policy.
    """
    if _OF_A_FILTER.search(text):
        return False
    if _ONLY_ABOUT_ADDRESS.search(text):
        return True
    if reply.status.startswith("5.7.") and reply.step != "rcpt":
        return bool(_ACCESS_DENIED.search(text))
    if reply.step != "dot" and _OF_DOMAIN.search(text):
        return True
    if status.startswith(("5.1.", "4.1.", "5.4.")) or reply.step == "rcpt":
        return True
    return not reply.code and reply.step != "dot"


_ONLY_ABOUT_ADDRESS = re.compile(
    r"user does ?n[o']t have an? \S{1,80} account"
    r"|\b[45]\d\d \S{1,300}@\S{1,300} rejected\.?\s{0,5}(?:\(|$)",
    re.IGNORECASE,
)
"""Yahoo accepts all recipients, and says after the content which of them do not exist."""
_OF_A_FILTER = re.compile(r"\[-\d{1,3}\]|^\s?\S{1,64}@\S{1,253} \[[a-z ]{1,60}\]", re.IGNORECASE)
"""Words of Yahoo Japan and of Mail2000, which also report what a recipient's filter refused."""
_OF_DOMAIN = re.compile(r"\b(?:domain|host|mx|dns|name service)\b", re.IGNORECASE)
_ACCESS_DENIED = re.compile(r"recipient address(?:es)? rejected ?: ?access denied", re.IGNORECASE)


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
        return ServerReply(0, status, _clean(head), step=_step(head, status))
    rest = head[found.start() :]
    status_of_rest = _STATUS.search(rest) or _STATUS.search(head)
    status = found[2] or (status_of_rest[1] if status_of_rest else "")
    words = _clean(rest if len(rest) > _SHORTEST else head)
    return ServerReply(int(found[1]), status, words, step=_step(head, status))


_SHORTEST = 12
"""Fewer characters are only a code: the words come before it."""


def _clean(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


_NO_RECIPIENT_LEFT = re.compile(r"no valid recipients|need rcpt\b|no recipients\b", re.IGNORECASE)
"""Later replies of a session in which the recipients were refused."""

_STEPS: tuple[tuple[Step, re.Pattern[str]], ...] = (
    (
        "rcpt",
        re.compile(
            r"\b(?:in reply to|after|for|response to) (?:pipelined )?rcpt\b|\[rcpt_to\]"
            r"|(?:>>>|-->|<<<) ?rcpt to[^\n]*\n[a-z >]{0,12}(?:<<<|<--|>>>) ?[45]"
            r"|smtp:rcpt|has rejected address|not like (?:our rcpt|recipient)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    ("rcpt", _NO_RECIPIENT_LEFT),
    (
        "dot",
        re.compile(
            r"\bend of (?:data|message)|smtp transmission failure has occurred"
            r"|\btext command|after sending (?:the )?(?:data|message)"
            r"|\b(?:in reply to|after|for|response to) (?:pipelined )?data\b|\[data\]"
            r"|>>> ?(?:data|\.)[ \t]{0,9}\n[ >]{0,4}<<< ?[45]",
            re.IGNORECASE,
        ),
    ),
    (
        "mail",
        re.compile(
            r"\b(?:in reply to|after|for|response to) (?:pipelined )?mail from|\[mail_from\]"
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
