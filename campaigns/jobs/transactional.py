"""Send one email to one person: a confirmation, a test email, an alert."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa
import structlog

from campaigns import formatting, wording
from campaigns.accounts import password_resets, users
from campaigns.addresses import normalise
from campaigns.audience import subscribers, subscriptions, suppressions
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.campaign import content_segments
from campaigns.campaign.expand_content import content_of, content_of_template
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library.models import Brand, Template
from campaigns.content.library.storage import storage_of
from campaigns.content.mime.compile import (
    Content,
    Problem,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.content.mime.embedded_images import embed
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine import restore_guard
from campaigns.engine.limiter import limiter
from campaigns.engine.provider_pool import keep_renewed_secrets
from campaigns.engine.signing import sign_message, signing_for
from campaigns.jobs import leases
from campaigns.jobs.runtime import job
from campaigns.jobs.time_limit import JobTimeLimitError
from campaigns.messages import Message, Recipient, SendResult
from campaigns.providers import health
from campaigns.providers.base import ProviderTroubleError, UnusableAccountError, send_one
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.registry import open_provider
from campaigns.reason import Parameter, Reason
from campaigns.secrets import SecretUnreadableError
from campaigns.self_service import signup
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import GrantRequest
from campaigns.tokens import ConfirmRef, DeliveryRef
from campaigns.transactional import account_mail, list_emails, queue
from campaigns.transactional.branded import Dress, EmailWording, dress, dressed
from campaigns.transactional.plain_mail import EmailText, Sender, build, words
from campaigns.transactional.queue import ClaimedEmail

log = structlog.get_logger()

ACCOUNT_MAIL = ("password_reset", "password_changed")
"""Emails to users. They may use any working account."""
MAX_ATTEMPTS = 60
"""Attempts after which the email itself must be crashing the process: more than in a day's
outage."""
ONE_PERSON = "person"
"""A separate group, so that holds on mailbox groups do not affect transactional emails."""
LIMIT_TIMEOUT_SECONDS = 2.0
"""Time that an email waits for a rate limit before it is deferred, in seconds."""
SENDING_TIMEOUT_SECONDS = 100.0
"""Time limit for sending, in seconds, shorter than BODY_LEASE: no other worker may take over."""


class CannotSendError(Exception):
    """The email cannot or must not be sent, and why."""

    def __init__(self, code: str, **params: Parameter) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)


class _NobodyError(Exception):
    """The email has no recipient: nothing is sent, and the address is not stored."""


class _NotOursError(Exception):
    """Another process has taken over the email: it must not be sent here."""


@job("transactional")
def deliver(mail_id: int) -> None:
    """Send this email if it is due. Does nothing if it is finished or being sent."""
    if not restore_guard.guard().may_send(is_sending=True):
        return  # the sweep rings again
    with transaction():
        lost = queue.give_up_lost(mail_id, now=utcnow())
        mail = None if lost else queue.claim(mail_id, now=utcnow())
    if mail is None:
        return
    if mail.attempt > MAX_ATTEMPTS:
        _finish(mail, "failed", Reason("transactional.gave_up", {"count": MAX_ATTEMPTS}))
        return
    try:
        with leases.renewed(lambda now: queue.renew(mail, now=now)):
            sender = _sender_for(mail)
            message = _signed(_BUILDERS[mail.kind](mail, sender), sender)
            result = _send(mail, sender, message)
    except _NobodyError:
        with transaction():
            queue.delete([mail.id])
    except (CannotSendError, SecretUnreadableError, UnusableAccountError) as error:
        _finish(mail, "failed", error.reason)
    except ProviderTroubleError as trouble:
        _defer(mail, trouble.reason)
    except _NotOursError:
        log.warning("email was taken over by another process", mail=mail.id)
    except (Exception, JobTimeLimitError):
        db.session.rollback()
        with transaction():
            queue.note_crash(mail, now=utcnow())
        raise
    else:
        _settle(mail, result)


def _signed(message: Message, sender: SenderAddress) -> Message:
    """Sign a message with DKIM if the sender's domain has a key. Raises SecretUnreadableError."""
    signing = signing_for(sender.address, services().vault)
    if signing is None:
        return message
    return replace(message, data=sign_message(message.data, signing))


def _send(mail: ClaimedEmail, sender: SenderAddress, message: Message) -> SendResult:
    account = db.session.get(ProviderAccount, sender.provider_id)
    if account is None:
        raise CannotSendError("transactional.no_sender")
    keep_renewed_secrets(account)
    _take_a_token(account)
    provider = open_provider(account, services().vault, apart=True)

    def before_body(_: Message) -> None:
        with transaction():
            ours = queue.begin_body(mail, now=utcnow())
            if ours and mail.kind in _CHECKS:
                # A slow server may have taken a minute and a half so far.
                _CHECKS[mail.kind](mail)
        if not ours:
            raise _NotOursError

    db.session.rollback()  # no transaction stays open while sending
    try:
        result = send_one(
            provider, message, before_body=before_body, timeout=SENDING_TIMEOUT_SECONDS
        )
    finally:
        provider.close()
    if result.outcome == "sent" and account.trouble_count:
        with transaction():
            health.clear(account.id)  # campaigns may use the account again at once
    return result


def _take_a_token(account: ProviderAccount) -> None:
    """Wait for the account's limits, which count these emails too. Raises ProviderTroubleError."""
    until = time.monotonic() + LIMIT_TIMEOUT_SECONDS
    while True:
        plan = load_plan(account.id, now=utcnow())
        if plan.is_free:
            return
        grant = limiter().acquire(GrantRequest(account.id, 0, {ONE_PERSON: 1}), plan)
        if grant.total:
            if grant.paces.account is not None:
                time.sleep(grant.paces.account.delay)
            return
        if time.monotonic() + grant.wait_seconds > until:
            raise ProviderTroubleError(grant.holds[ONE_PERSON].why, permanent=False)
        time.sleep(grant.wait_seconds)


def _settle(mail: ClaimedEmail, result: SendResult) -> None:
    reply = {"reply": result.reply}
    if result.outcome == "sent":
        _finish(mail, "sent", Reason("transactional.accepted", reply))
    elif result.outcome == "unknown":
        _finish(mail, "unknown", queue.NO_ANSWER)
    elif result.outcome == "failed" and result.scope == "recipient":
        _finish(mail, "failed", Reason("transactional.refused", reply))
    elif result.outcome == "failed":
        _defer(mail, Reason("status.sender_refused", reply))
    elif result.outcome == "deferred" and mail.kind == "test":
        # Greylisting needs a second attempt; until then, the user sees why the test has not
        # arrived.
        _try_again(mail, Reason("transactional.deferred", reply))
    else:
        _defer(mail, Reason("transactional.not_taken", reply))


def _defer(mail: ClaimedEmail, reason: Reason) -> None:
    """Defer an email whose account does not work. A test fails at once: its user is waiting."""
    if mail.kind == "test":
        _finish(mail, "failed", reason)
    else:
        _try_again(mail, reason)


def _try_again(mail: ClaimedEmail, reason: Reason) -> None:
    with transaction():
        queue.try_again(mail, now=utcnow(), reason=reason)
    log.info("email deferred", mail=mail.id, kind=mail.kind, reason=reason.pack())


def _finish(mail: ClaimedEmail, outcome: queue.Outcome, reason: Reason) -> None:
    with transaction():
        queue.finish(mail, outcome, now=utcnow(), reason=reason)
    log.info("email finished", mail=mail.id, kind=mail.kind, outcome=outcome, reason=reason.pack())


# --- senders and content ---------------------------------------------------------------------


def _sender_for(mail: ClaimedEmail) -> SenderAddress:
    """Return the sender of what a test shows, else the default one. Raises CannotSendError.

    An alert about an account uses a sender with another account.
    """
    if mail.kind == "alert" and mail.payload.get("sender_id"):
        chosen = db.session.get(SenderAddress, mail.payload["sender_id"])
        if chosen is not None:
            return chosen
    if mail.kind in ACCOUNT_MAIL and (working := account_mail.working_sender()) is not None:
        return working
    if mail.kind == "test" and (own := _tested_sender(mail)) is not None:
        return own
    found = db.session.scalar(
        sa.select(SenderAddress)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )
    if found is None:
        raise CannotSendError("transactional.no_sender")
    return found


def _tested_sender(mail: ClaimedEmail) -> SenderAddress | None:
    """Return the sender of the campaign that is tested, or of the template's brand."""
    own = sa.select(SenderAddress)
    if "template_id" in mail.payload:
        own = own.join(Brand, Brand.sender_id == SenderAddress.id)
        own = own.join(Template, Template.brand_id == Brand.id)
        return db.session.scalar(own.where(Template.id == mail.payload["template_id"]))
    own = own.join(Campaign, Campaign.sender_id == SenderAddress.id)
    return db.session.scalar(own.where(Campaign.id == mail.payload["campaign_id"]))


def _refuse_suppressed(address: str) -> None:
    if suppressions.is_suppressed(normalise(address)):
        raise CannotSendError("transactional.suppressed")


def _confirmation(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build the neutral double opt-in email, without advertising and tracking.

    Anyone can type anyone's address into a form. So nothing typed there is in this email, except
    the address; otherwise our server would send a stranger's words and links to others.
    """
    _check_confirmation(mail)
    ref = ConfirmRef(
        mail.payload["subscriber_id"], mail.payload["list_id"], mail.payload["sent_at"]
    )
    entry = db.session.get_one(AudienceList, ref.list_id)
    look = _look(sender, entry.language)
    token = services().signer.sign("confirm", ref.pack())
    values = {
        **_about_list(entry, sender, look),
        "confirm_url": f"{services().settings.base_url}/confirm/{token}",
    }
    own = list_emails.wording_of(entry, "confirm", days=signup.CONFIRM_WITHIN.days)
    said = list_emails.shown("confirm", own, values, look, entry, "")
    return build(_from(sender), mail.address, said, now=utcnow())


def _welcome(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build the welcome email after a confirmation, with a way to unsubscribe."""
    _check_welcome(mail)
    entry = db.session.get_one(AudienceList, mail.payload["list_id"])
    person = db.session.get_one(Subscriber, mail.payload["subscriber_id"])
    token = services().signer.sign("unsubscribe", DeliveryRef(person.id, entry.id, 0).pack())
    url = f"{services().settings.base_url}/u/{token}"
    look = _look(sender, entry.language)
    merged = subscribers.merge_data(person)
    values = {
        **_about_list(entry, sender, look),
        "subscriber.first_name": merged["first_name"],
        "subscriber.name": merged["name"],
    }
    own = list_emails.wording_of(entry, "welcome", days=signup.CONFIRM_WITHIN.days)
    said = list_emails.shown("welcome", own, values, look, entry, url)
    return build(_from(sender), mail.address, said, now=utcnow(), unsubscribe_url=url)


def _look(sender: SenderAddress, language: str) -> Dress:
    return dress(sender.name, base_url=services().settings.base_url, language=language)


def _about_list(entry: AudienceList, sender: SenderAddress, look: Dress) -> dict[str, str]:
    return {
        "list.name": entry.name,
        "sender.name": sender.name,
        "sender.identity": look.footer.identity,
    }


def _test(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build a test email: marked as a test, without tracking."""
    _refuse_suppressed(mail.address)
    settings = services().settings
    content = _tested_content(mail)
    if language := mail.payload.get("language"):
        content = content.in_language(language)
    content = content.everywhere(lambda one: _as_test(one, sender))
    try:
        content = content.everywhere(lambda one: embed(one, storage_of(settings)))
        compiled = compile_content(content, services().signer)
        list_id = min(content.list_names, default=0)
        return compiled.render(_test_recipient(mail, list_id, compiled.segments), now=utcnow())
    except TemplateProblemError as error:
        raise _cannot_use(error.problems) from None
    except RenderError as error:
        raise _cannot_use([error.problem]) from None


def _tested_content(mail: ClaimedEmail) -> Content:
    """Return the content of the campaign or the template. Raises CannotSendError."""
    settings = services().settings
    if "template_id" in mail.payload:
        template = db.session.get(Template, mail.payload["template_id"])
        if template is None:
            raise CannotSendError("transactional.template_deleted")
        return content_of_template(
            template, base_url=settings.base_url, media_url=settings.media_url
        )
    campaign = db.session.get(Campaign, mail.payload["campaign_id"])
    if campaign is None:
        raise CannotSendError("transactional.campaign_deleted")
    return content_of(campaign, base_url=settings.base_url, media_url=settings.media_url)


def _as_test(content: Content, sender: SenderAddress) -> Content:
    marked = {"subject": content.subject}
    return replace(
        content,
        subject=wording.Words().sentence("transactional.test_subject", marked),
        sender_name=sender.name,
        sender_address=sender.address,
        reply_to=sender.reply_to,
        track_opens=False,
        track_clicks=False,
        use_return_path=False,
    )


def _cannot_use(problems: Iterable[Problem]) -> CannotSendError:
    located = tuple(problem.located for problem in problems)
    return CannotSendError("status.content_problem", problem=located)


def _test_recipient(mail: ClaimedEmail, list_id: int, segments: Sequence[str]) -> Recipient:
    """Return the test recipient, with a chosen subscriber's data, but with inactive links."""
    as_id = mail.payload.get("as_subscriber_id")
    stand_in = db.session.get(Subscriber, as_id) if as_id else None
    return Recipient(
        delivery_id=0,
        subscriber_id=0,
        list_id=list_id,
        address=mail.address,
        segments=content_segments.bits_of_one(segments, stand_in, now=utcnow()),
        **subscribers.merge_data(stand_in),
    )


def _alert(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build an alert to the owner of this installation, which ignores suppressions."""
    said = EmailText(mail.payload["subject"], mail.payload["text"])
    return build(_from(sender), mail.address, said, now=utcnow())


def _password_reset(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build the email with a password reset link. Its token exists only in this message."""
    now = utcnow()
    expires_at = mail.created_at + password_resets.GOOD_FOR
    with transaction():
        user = users.find_user(mail.address)
        if user is None:
            raise _NobodyError
        if expires_at <= now:
            raise CannotSendError("transactional.link_expired")
        token = password_resets.begin(user.id, expires_at=expires_at, now=now)
    link = f"{services().settings.base_url}/reset/{token}"
    good_for = formatting.duration(password_resets.GOOD_FOR, formatting.DEFAULT_LOCALE)
    said = words("password_reset", {"link": link, "good_for": good_for})
    return build(_from(sender), user.address, _dressed_account_mail(said, sender), now=now)


def _password_changed(mail: ClaimedEmail, sender: SenderAddress) -> Message:
    """Build the notice of a changed password."""
    link = f"{services().settings.base_url}/forgot"
    said = words("password_changed", {"link": link})
    return build(_from(sender), mail.address, _dressed_account_mail(said, sender), now=utcnow())


def _dressed_account_mail(said: EmailText, sender: SenderAddress) -> EmailText:
    button = wording.Words().sentence("list_email.set_password_button")
    look = _look(sender, formatting.DEFAULT_LOCALE)
    return dressed(EmailWording(said.subject, said.text, button), {}, look)


def _from(sender: SenderAddress) -> Sender:
    return Sender(sender.address, sender.name, sender.reply_to)


def _check_confirmation(mail: ClaimedEmail) -> None:
    """Raise CannotSendError if this person must no longer be asked."""
    _refuse_suppressed(mail.address)
    list_id, subscriber_id = mail.payload["list_id"], mail.payload["subscriber_id"]
    is_known = (
        db.session.get(AudienceList, list_id, populate_existing=True) is not None
        and db.session.get(Subscriber, subscriber_id, populate_existing=True) is not None
    )
    if not is_known:
        raise CannotSendError("transactional.subscriber_deleted")
    if subscriptions.state(list_id, subscriber_id) != "pending":
        raise CannotSendError("transactional.not_pending")


def _check_welcome(mail: ClaimedEmail) -> None:
    """Raise CannotSendError if this person has left the list already."""
    _refuse_suppressed(mail.address)
    list_id, subscriber_id = mail.payload["list_id"], mail.payload["subscriber_id"]
    if subscriptions.state(list_id, subscriber_id) != "subscribed":
        raise CannotSendError("transactional.not_subscribed")


_CHECKS: dict[str, Callable[[ClaimedEmail], None]] = {
    "confirm": _check_confirmation,
    "welcome": _check_welcome,
    "test": lambda mail: _refuse_suppressed(mail.address),
}
"""Checks that run when an email is built, and again right before its body is sent."""
_BUILDERS: dict[str, Callable[[ClaimedEmail, SenderAddress], Message]] = {
    "confirm": _confirmation,
    "welcome": _welcome,
    "test": _test,
    "alert": _alert,
    "password_reset": _password_reset,
    "password_changed": _password_changed,
}
