"""Read an email that came back, by the strongest evidence first.

1. Notifications of Amazon SES, which are data.
2. Reports by RFC 3464 (deliveries) and RFC 5965 (complaints).
3. The notices of mail servers in plain words: recipients by flufl.bounce and by our own rules.
4. Automatic replies.

Anything else is unknown, and has no consequences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

from campaigns.events.bounces import (
    amazon,
    complaints,
    delivery_status,
    notice,
    phrases,
    signs,
    traces,
)
from campaigns.events.bounces.addresses import addresses_in, first_address
from campaigns.events.bounces.detectors import detected
from campaigns.events.bounces.mime import Email, EmailPart, first, headers_of, read, text_of_html
from campaigns.events.bounces.replies import ServerReply, class_of
from campaigns.events.bounces.values import BounceVerdict, Kind, Report, storable
from campaigns.messages import Step

_RETURNED = (
    "message/rfc822",
    "text/rfc822-headers",
    "text/rfc822-header",
    "message/rfc822-headers",
)
_WEIGHT: dict[Kind, int] = {"bounce": 0, "delay": 1, "delivered": 2}


def classify(raw: bytes) -> BounceVerdict:
    """Return what a returned email says. Never fails, whatever it contains."""
    found: BounceVerdict = storable(_classified(read(raw)))
    return found


def _classified(email: Email) -> BounceVerdict:
    text = _text(email)
    own, copy = notice.split_copy(text)
    returned = _returned(email) or headers_of(copy)
    verdict = replace(_verdict(email, own, returned), return_domain=traces.return_domain(email))
    if verdict.kind == "unknown":
        asked = traces.envelope_tokens(email) if signs.is_unsubscribe(email, own) else ()
        return replace(verdict, is_unsubscribe=bool(asked), tokens=asked)
    return replace(
        verdict,
        message_ids=verdict.message_ids or traces.message_ids(email, returned),
        tokens=traces.tokens(email, returned, copy),
    )


def _verdict(email: Email, own: str, returned: dict[str, list[str]]) -> BounceVerdict:
    if found := amazon.verdict_of(own):
        return found
    if signs.may_be_report(email) and (found := _by_statuses(email, own)):
        return found
    if complaint := complaints.complaint_in(email, returned):
        return _of_complaint(complaint)
    is_auto_reply = signs.is_auto_reply(email, own)
    is_of_person = is_auto_reply and not returned and not signs.is_of_server(email)
    if not is_of_person and signs.is_notice(email, own, has_copy=bool(returned)):
        return _by_words(email, own, returned)
    if is_auto_reply:
        return BounceVerdict(
            "auto-reply", (Report("auto-reply", first_address(email.first("from"))),)
        )
    return BounceVerdict()


def _of_complaint(complaint: complaints.Complaint) -> BounceVerdict:
    reports = tuple(Report("complaint", one) for one in complaint.recipients)
    return BounceVerdict(
        "complaint",
        reports or (Report("complaint"),),
        feedback_type=complaint.feedback_type,
        user_agent=complaint.user_agent,
        ip=complaint.ip,
    )


# --- reports -------------------------------------------------------------------------------------


def _by_statuses(email: Email, own: str) -> BounceVerdict | None:
    found = (
        status
        for part in email.parts
        if delivery_status.is_status(part.kind, part.text)
        for status in delivery_status.statuses(part.text)
    )
    statuses = list(islice(found, notice.MAX_RECIPIENTS))
    if not statuses:
        return None
    reports = sorted(
        _of_statuses(statuses, own, may_be_only=True), key=lambda one: _WEIGHT[one.kind]
    )
    return BounceVerdict(reports[0].kind, tuple(reports), sent_at=statuses[0].at)


class _OwnWords:
    """What a notice says in its own words, read only once even for a thousand recipients."""

    def __init__(self, own: str, recipients: Iterable[str]) -> None:
        self._own, self._recipients = own, recipients

    @cached_property
    def listed(self) -> dict[str, ServerReply]:
        """The recipients that it lists, in lower case, with what it says about each."""
        others = notice.Others(written_to=notice.lowered(self._recipients))
        named = reversed(notice.listed_in(self._own, others))
        return {one.address.lower(): one.reply for one in named}

    @cached_property
    def only_one(self) -> str:
        """The recipient that it lists, for a report that does not name one."""
        listed = notice.listed_in(self._own, notice.Others())
        return listed[0].address if len(listed) == 1 else ""

    @cached_property
    def reply(self) -> ServerReply:
        return notice.reply_of(self._own)

    @cached_property
    def step(self) -> Step:
        return notice.step_of(self._own)

    def reply_about(self, address: str, reply: ServerReply) -> ServerReply:
        """Return the reply as the notice has it, for a report which states only a status."""
        said = self.listed.get(address.lower())
        if said is None:
            is_about_one = len(self.listed) == 1
            of_one = next(iter(self.listed.values())) if is_about_one else reply
            said = of_one if self.listed else self.reply
        if not said.code and delivery_status.is_specific(reply.stated):
            return reply  # the words around the address may be about anything
        return replace(said, stated=reply.stated)


def _of_statuses(
    statuses: Sequence[delivery_status.RecipientStatus], own: str, *, may_be_only: bool
) -> list[Report]:
    recipients = [one.recipients for one in statuses]
    said = _OwnWords(own, {final or original for original, final in recipients})
    reports = [_of_status(one, said) for one in statuses]
    if may_be_only and len(reports) == 1 and reports[0].reply_class == "hard":
        other = notice.mailbox_trouble(own)  # the server's own words are more precise
        return [replace(reports[0], reply_class=other or "hard")]
    return reports


def _of_status(status: delivery_status.RecipientStatus, said: _OwnWords) -> Report:
    reply = status.reply
    original, final = status.recipients
    if len(reply.text) < 4 or not any(letter.isalpha() for letter in reply.text):
        reply = said.reply_about(final or original, reply)
    elif not reply.step:
        reply = replace(reply, step=said.step)
    return _report(status.kind, original or final or said.only_one, reply)


def _report(kind: Kind, recipient: str, reply: ServerReply) -> Report:
    return Report(
        kind,
        recipient,
        class_of(reply, is_final=kind == "bounce") if kind in ("bounce", "delay") else "",
        reply.status or reply.stated,
        reply.code,
        reply.text,
    )


# --- notices -------------------------------------------------------------------------------------


def _by_words(email: Email, own: str, returned: dict[str, list[str]]) -> BounceVerdict:
    kind = _kind_of_notice(email, own)
    if in_text := list(islice(delivery_status.statuses(own), notice.MAX_RECIPIENTS)):
        reports = tuple(_of_statuses(in_text, own, may_be_only=False))
        return BounceVerdict(reports[0].kind, reports)
    others = _others(email, returned)
    named = _listed(email, own, others)
    if not named and (inner := _passed_on(email)):
        return inner
    named = named or _mentioned(email, own, others)
    if not named:
        reply = _of_subject(email, own)
        named = [notice.Named(one, reply) for one in _written_to(returned)]
        named = named or [notice.Named("", reply)]
    return BounceVerdict(kind, tuple(_report(kind, one.address, one.reply) for one in named))


def _others(email: Email, returned: dict[str, list[str]]) -> notice.Others:
    of_sender = first(returned, "from") + " " + first(returned, "return-path")
    return notice.Others(
        notice.lowered(addresses_in(email.first("from"))),
        notice.lowered(addresses_in(email.first("to") + " " + of_sender)),
        notice.lowered(addresses_in(first(returned, "to")[:4_000])),
    )


def _listed(email: Email, own: str, others: notice.Others) -> list[notice.Named]:
    """Return the recipients that a header states, or that the notice lists."""
    listed = notice.listed_in(own, others)
    headers = email.headers.get("x-failed-recipients", [])[:100]
    stated = [one for value in headers for one in addresses_in(value)]
    return _with_replies(stated, listed, own) if stated else listed


def _mentioned(email: Email, own: str, others: notice.Others) -> list[notice.Named]:
    """Return the recipients that a detector finds, or that the sentences mention."""
    if found := [one for one in detected(email, own) if not others.includes(one)]:
        return _with_replies(found, [], own)
    return notice.mentioned_in(own, others)


def _passed_on(email: Email) -> BounceVerdict | None:
    """Return what a notice says that another server passed on, without naming recipients."""
    if email.is_inner:
        return None
    raw = next((part.body for part in email.parts if part.kind in _RETURNED), b"")
    raw = raw or notice.split_copy(_text(email))[1].encode("utf-8", "replace")
    inner = replace(read(raw), is_inner=True)
    if not (signs.is_of_server(inner) and inner.kind == "multipart/report"):
        return None
    own, copy = notice.split_copy(_text(inner))
    found = _verdict(inner, own, _returned(inner) or headers_of(copy))
    return found if found.kind in ("bounce", "delay") else None


def _with_replies(addresses: list[str], listed: list[notice.Named], own: str) -> list[notice.Named]:
    replies = {one.address.lower(): one.reply for one in listed}
    of_all = notice.reply_of(own)
    return [
        notice.Named(address, replies.get(address.lower(), of_all))
        for address in dict.fromkeys(addresses)
    ]


def _written_to(returned: dict[str, list[str]]) -> list[str]:
    """Return the one recipient of the returned email, for a notice that names nobody.

    Not that of a notice which a gateway passed on.
    """
    found = addresses_in(first(returned, "to")[:4_000])
    is_notice = "report" in first(returned, "content-type").lower()
    return found if len(found) == 1 and not is_notice else []


def _of_subject(email: Email, own: str) -> ServerReply:
    """Return the reply in a notice that names nobody: often its subject has the words."""
    reply = notice.reply_of(own)
    if reply.code or reply.status or class_of(reply, is_final=True) != "refused":
        return reply
    return notice.reply_of(email.first("subject"))


def _kind_of_notice(email: Email, own: str) -> Kind:
    subject = email.first("subject").lower()
    beginning = own[: signs.BEGINNING].lower()
    is_delay = phrases.DELAYED.search(subject) or phrases.DELAYED.search(beginning)
    if is_delay and not phrases.GAVE_UP.search(beginning):
        return "delay"
    return "bounce"


# --- what it consists of -------------------------------------------------------------------------


def _text(email: Email) -> str:
    """Return the words of the notice itself: its text before the returned email."""
    plain: list[str] = []
    html: list[str] = []
    for part in email.parts:
        if part.kind in _RETURNED:
            break
        if _is_attachment(part):
            continue
        if part.kind == "text/plain":
            plain.append(part.text)
        elif part.kind == "text/html":
            html.append(text_of_html(part.text[: notice.MAX_CHARACTERS]))
    words = "\n".join(plain)
    return words if words.strip() else "\n".join(html)


def _is_attachment(part: EmailPart) -> bool:
    return first(part.headers, "content-disposition").lower().lstrip().startswith("attachment")


def _returned(email: Email) -> dict[str, list[str]]:
    """Return the headers of the returned email, if it is a part."""
    for part in email.parts:
        if part.kind in _RETURNED:
            return headers_of(part.text.lstrip("\n"))
    return {}
