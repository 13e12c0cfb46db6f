"""Tell notices of mail servers from automatic replies and from ordinary email.

No single sign is enough: people quote bounces, newsletters are about them, and spam imitates them.
"""

import re

from campaigns.events.bounces import phrases
from campaigns.events.bounces.mime import Email, first

ENOUGH = 4
"""Score from which an email that is not a report by RFC 3464 counts as a notice."""
BEGINNING = 4_000
"""Number of characters in which a notice says what it is."""

_SERVER = re.compile(
    r"mailer[-_. ]?daemon|post[-_. ]?master|mail[-_. ]?(?:er)?[-_. ]?(?:deliver\w*|daemon|system)"
    r"|maildelivery|delivery[-_. ]?sub|mdaemon|listserv|majordomo|system[-_. ]?attendant"
    r"|microsoftexchange",
    re.IGNORECASE,
)
_NULL_PATH = re.compile(r"^\s*(?:<\s*>|<?mailer-daemon[^>\s]*>?|<?#@\[\]>?)\s*$", re.IGNORECASE)
_OF_A_SERVER = (
    "x-failed-recipients",
    "x-failed-recipient",
    "x-ms-exchange-message-is-ndr",
    "x-mailer-daemon",
    "x-delivery-failure",
    "x-bounce-reason",
)
_OF_LISTS = ("list-id", "list-post", "list-unsubscribe", "list-subscribe", "x-campaign-id")
_FORWARDED = re.compile(r"^\s*(?:fwd?|wg|tr|rv|enc|i|doorst)\s?:", re.IGNORECASE)
_ANSWERED = re.compile(r"^\s*(?:re|aw|sv|antw|ref?|odp|vs|r)\s?:", re.IGNORECASE)
_OF_A_SESSION = re.compile(r"postfix smtp (?:server|client): (?:errors|protocol)", re.IGNORECASE)
"""Transcripts for the postmaster, of sessions with strangers."""
_SMTP_REPLY = re.compile(
    r"(?<![\d.])(?:55\d|45\d|42\d|50[0-4]|52\d|53\d|54\d)[\s:-]{1,3}#?(?:[245]\.\d{1,3}\.\d{1,3}|\S)"
    r"|\(#?[45]\.\d{1,3}\.\d{1,3}\)|<<<\s?[45]\d\d|rcpt to",
    re.IGNORECASE,
)
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>[^\n]*$", re.MULTILINE)


def is_notice(email: Email, text: str, *, has_copy: bool) -> bool:
    """Return whether a mail server wrote this about an email that it could not deliver."""
    subject = email.first("subject").lower()
    is_strong = (
        is_of_server(email)
        or email.kind == "multipart/report"
        or any(name in email.headers for name in _OF_A_SERVER)
        or is_null_path(email)
        or (_is_to_bounce_address(email) and _is_about_failure(subject))
    )
    return is_strong and _points(email, subject, text, has_copy) >= ENOUGH


_BOUNCE_ADDRESS = re.compile(
    r"(?:^|[\s<\"',])(?:b\+[^\s<>@]{1,200}|(?:[^\s<>@\"',]{1,60}[-+._])?"
    r"(?:bounces?|returns?|errors?|admin|owner|request)(?:[-+._=][^\s<>@]{0,200})?)@",
    re.IGNORECASE,
)


def _is_to_bounce_address(email: Email) -> bool:
    """Return whether it was sent to where bounces go, which people never see."""
    return bool(_BOUNCE_ADDRESS.search(email.first("to")[:500]))


def may_be_report(email: Email) -> bool:
    """Return whether a report in an email is its own, and not one that it passes on to a list."""
    if _is_of_list(email):
        return False
    is_report = email.kind == "multipart/report" or len(email.parts) == 1
    return is_report or is_of_server(email) or is_null_path(email)


def _is_of_list(email: Email) -> bool:
    """Return whether it went to a mailing list. List software also marks the bounces it gets."""
    if not any(name in email.headers for name in _OF_LISTS):
        return False
    receivers = email.first("to")[:500], email.first("return-path")[:500]
    is_own = is_of_server(email) and any(_BOUNCE_ADDRESS.search(one) for one in receivers)
    return not is_own


def _is_about_failure(text: str) -> bool:
    return bool(phrases.FAILED.search(text) or phrases.DELAYED.search(text))


def _points(email: Email, subject: str, text: str, has_copy: bool) -> int:
    own = _QUOTED_LINE.sub("", text[:BEGINNING]).lower()
    score = 2 * is_of_server(email)
    score += is_null_path(email)
    score += 3 * any(name in email.headers for name in _OF_A_SERVER)
    score += 2 * _is_about_failure(subject)
    score += 2 * _is_about_failure(own)
    has_reply = bool(_SMTP_REPLY.search(own))
    score += has_reply
    score += has_copy
    score += email.kind == "multipart/report"
    score += first(email.headers, "auto-submitted").lower().startswith("auto-")
    is_to_bounces = _is_to_bounce_address(email)
    score += is_to_bounces
    if not (is_of_server(email) or has_reply or has_copy or is_to_bounces):
        score -= 2  # an empty return path is easily forged
    return score - _doubts(email, subject)


def _doubts(email: Email, subject: str) -> int:
    of_server = is_of_server(email)
    doubts = 0
    if _is_of_list(email):
        doubts += 4
    if _FORWARDED.match(subject) or _OF_A_SESSION.match(subject):
        doubts += 4
    if not of_server and _ANSWERED.match(subject):
        doubts += 3
    if not is_null_path(email):
        doubts += 1
    return doubts


def is_of_server(email: Email) -> bool:
    """Return whether a mail server or its staff is the author."""
    author = email.first("from") or email.first("sender")
    return bool(_SERVER.search(author[:500])) or "<>" in author


def is_null_path(email: Email) -> bool:
    """Return whether it must not be answered: it has no return path."""
    paths = email.headers.get("return-path", [])[:5]
    return any(_NULL_PATH.match(path) for path in paths) or (not paths and is_of_server(email))


# --- automatic replies ---------------------------------------------------------------------------

_REPLY_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply-from",
    "x-mail-autoreply",
    "x-autogenerated",
    "x-ms-exchange-generated-message-source",
    "x-apple-action",
    "x-vacation",
)


def is_auto_reply(email: Email, text: str) -> bool:
    """Return whether it is a vacation note, a receipt, a challenge or another automatic reply."""
    submitted = first(email.headers, "auto-submitted").strip().lower()
    if submitted.startswith("auto-replied"):
        return True
    if any(name in email.headers for name in _REPLY_HEADERS):
        return True
    if first(email.headers, "precedence").strip().lower() in ("auto_reply", "auto-reply"):
        return True
    if any(part.kind == "message/disposition-notification" for part in email.parts):
        return True
    if any(name in email.headers for name in _OF_LISTS):
        return False
    subject = " ".join(email.first("subject").lower().split())[:300]
    if phrases.AUTO_REPLY_SUBJECT.search(subject):
        return True
    if not (is_null_path(email) or submitted.startswith("auto-") or _is_suppressing(email)):
        return False
    return any(sign.search(subject) for sign in _SUBJECTS_OF_PROGRAMS) or bool(
        phrases.CHALLENGE.search(text[:BEGINNING].lower())
    )


_SUBJECTS_OF_PROGRAMS = (phrases.ABSENCE_SUBJECT, phrases.RECEIPT_SUBJECT, phrases.CHALLENGE)


def _is_suppressing(email: Email) -> bool:
    """Return whether it asks not to be answered automatically, as automatic replies do."""
    precedence = first(email.headers, "precedence").strip().lower()
    return "x-auto-response-suppress" in email.headers or precedence in ("bulk", "junk")


_UNSUBSCRIBE = re.compile(r"\s*unsubscribe\W*", re.IGNORECASE)


def is_unsubscribe(email: Email, text: str) -> bool:
    """Return whether the subject, or the text of an email without one, is "unsubscribe"."""
    subject = email.first("subject")
    return bool(_UNSUBSCRIBE.fullmatch(subject[:100] if subject.strip() else text[:100]))
