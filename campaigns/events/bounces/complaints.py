"""Complaints: reports by RFC 5965, and those of providers with their own format."""

import re
from dataclasses import dataclass

from campaigns.events.bounces.addresses import addresses_in, first_address
from campaigns.events.bounces.mime import Email, EmailPart, first, headers_of

PART_KIND = "message/feedback-report"
_FIRST_FIELD = re.compile(r"\s{0,20}feedback-type\s?:", re.IGNORECASE)
TYPES = ("abuse", "opt-out", "fraud", "not-spam", "auth-failure", "virus", "other")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a report says."""

    feedback_type: str
    recipients: tuple[str, ...]
    user_agent: str = ""
    ip: str = ""


def complaint_in(email: Email, returned: dict[str, list[str]]) -> Complaint | None:
    """Return the complaint that an email is, if it is one.

    `returned` are the headers of the email that it returns.
    """
    for part in email.parts:
        is_report = email.kind == "multipart/report" and _FIRST_FIELD.match(part.text)
        if part.kind == PART_KIND or is_report:
            return _of_report(part, returned)
    return _of_microsoft(email, returned)


def _of_report(part: EmailPart, returned: dict[str, list[str]]) -> Complaint:
    fields = headers_of(part.text.lstrip("\n"))
    kind = first(fields, "feedback-type").lower().strip()
    named = [
        address
        for name in ("original-rcpt-to", "removal-recipient")
        for value in fields.get(name, [])[:100]
        if (address := first_address(value))
    ]
    return Complaint(
        kind if kind in TYPES else "other" if kind else "abuse",
        tuple(dict.fromkeys(named)) or _recipients_of(returned),
        first(fields, "user-agent")[:200],
        first(fields, "source-ip")[:60],
    )


def _recipients_of(returned: dict[str, list[str]]) -> tuple[str, ...]:
    for name in ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to"):
        found = addresses_in(first(returned, name)[:4_000])
        if len(found) == 1:
            return (found[0],)
    return ()


_MICROSOFT = re.compile(r"staff@(?:hotmail|outlook)\.", re.IGNORECASE)
_SUBJECT = re.compile(r"complaint about message from|email feedback report for ip", re.IGNORECASE)


def _of_microsoft(email: Email, returned: dict[str, list[str]]) -> Complaint | None:
    """Outlook.com's junk reports attach the email, without any report."""
    is_one = "x-hmxmroriginalrecipient" in returned or _SUBJECT.search(email.first("subject"))
    if not is_one or not (_MICROSOFT.search(email.first("from")) or returned):
        return None
    if not any(part.kind == "message/rfc822" for part in email.parts):
        return None
    return Complaint("abuse", _recipients_of(returned))
