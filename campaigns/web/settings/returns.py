"""What comes back through an account: its webhook, its mailbox, and their state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import Response, render_template, request, url_for

from campaigns import formatting
from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db
from campaigns.events.bounces.feedback import feedback_of
from campaigns.events.models import IntakeMailbox, WebhookEndpoint
from campaigns.events.policy import FEWEST
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.endpoints import EndpointInput
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.inputs import InvalidInputError
from campaigns.intake import mailboxes
from campaigns.intake.mailboxes import IntakeMailboxInput
from campaigns.intake.reader import BATCH, FoundEmail, MailboxLogin, MailboxTroubleError
from campaigns.intake.service import open_mailbox
from campaigns.providers import return_domains
from campaigns.providers.fields import AccountField
from campaigns.providers.models import ProviderAccount
from campaigns.reports import feedback_rates, incoming_log, returns
from campaigns.reports.feedback_rates import FeedbackLine
from campaigns.reports.returns import ReturnHealth
from campaigns.secrets import SecretUnreadableError
from campaigns.web.counting import counting
from campaigns.web.deletion import Deletion, confirm_and_delete
from campaigns.web.list_page import BOUNCES, COMPLAINTS, Rate, rate
from campaigns.web.saving import (
    Answer,
    done,
    locked_or_404,
    or_404,
    refused,
    saving,
    seen_in,
    seen_of,
)
from campaigns.web.settings.blueprint import bp
from campaigns.web.settings.incoming import titles
from campaigns.web.settings.listening import listener, listening
from campaigns.web.settings.unsubscribing import unsubscribing
from campaigns.web.template_helpers import locale
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name, ngettext, sentence
from campaigns.web_limits import limiter


@bp.get("/settings/providers/<public_id>/returns", endpoint="returns")
@access("user")
def index(public_id: str) -> str:
    return _page(or_404(ProviderAccount, public_id))


@bp.get("/settings/providers/<public_id>/returns/state")
@access("user")
def returns_state(public_id: str) -> str | Response:
    """Return the light for the poll; 204 if nothing has changed."""
    account = or_404(ProviderAccount, public_id)
    health = _health(account)
    if request.args.get("stamp") == _stamp(health):
        return Response(status=204)
    return render_template(
        "web/settings/_returns_state.html",
        account=account,
        health=health,
        stamp=_stamp(health),
        recent=incoming_log.recent(account.id),
        titles=titles(),
        is_part=True,
    )


def _health(account: ProviderAccount) -> ReturnHealth:
    with counting() as counts:
        return returns.health(account, counts, listening=listening(), now=utcnow())


def _stamp(health: ReturnHealth) -> str:
    """Return a text that changes with the light, and every minute, as it shows an age."""
    return f"{health.stamp}-{int(utcnow().timestamp()) // 60}"


def _postfix_line() -> str:
    lmtp = services().settings.intake_lmtp
    return f"bounces.example.org  lmtp:inet:{lmtp}" if lmtp else ""


# --- webhook --------------------------------------------------------------------------------------


@bp.post("/settings/providers/<public_id>/returns/webhook")
@access("user")
def create_webhook(public_id: str) -> Answer:
    with saving() as problems:
        kind = request.form.get("kind", "")
        account = locked_or_404(ProviderAccount, public_id, _webhook_settings)
        endpoints.create(account, kind, services().vault, now=utcnow())
    if problems:
        return refused(_page(or_404(ProviderAccount, public_id), problems=problems), problems)
    return done(_("Webhook created"), _address(public_id, "webhook"))


@bp.post("/settings/providers/<public_id>/returns/webhook/save")
@access("user")
def save_webhook(public_id: str) -> Answer:
    account = or_404(ProviderAccount, public_id)
    endpoint = or_404(WebhookEndpoint, request.form.get("endpoint", ""), account_id=account.id)
    typed = EndpointInput.read(endpoint.kind, request.form)

    def save() -> None:
        locked = locked_or_404(ProviderAccount, public_id, _webhook_settings)
        endpoints.save(locked, typed, services().vault, now=utcnow())

    problems = _saved(save)
    if problems:
        page = _page(or_404(ProviderAccount, public_id), typed=typed, problems=problems)
        return refused(page, problems)
    return done(_("Changes saved"), _address(public_id, "webhook"))


@bp.post("/settings/providers/<public_id>/returns/webhook/renew")
@access("user")
def renew_webhook(public_id: str) -> Answer:
    """Create another password. The old one works until the next change."""
    account = or_404(ProviderAccount, public_id)
    endpoint = or_404(WebhookEndpoint, request.form.get("endpoint", ""), account_id=account.id)
    problems = _saved(lambda: endpoints.renew_login(endpoint, services().vault))
    if problems:
        return _page(or_404(ProviderAccount, public_id), problems=problems), 422
    return done(_("Password replaced"), _address(public_id, "webhook"))


@bp.route("/settings/providers/<public_id>/returns/webhook/delete", methods=["GET", "POST"])
@access("user")
def delete_webhook(public_id: str) -> Answer:
    account = or_404(ProviderAccount, public_id)
    return confirm_and_delete(
        lambda: _deletion(
            account,
            title=_("Delete webhook"),
            effects=[
                _("Its URL stops working. Remove it at the provider, too."),
                _("Everything received so far is kept."),
            ],
        ),
        lambda: endpoints.delete(or_404(WebhookEndpoint, _endpoint_id(account))),
        message=_("Webhook deleted"),
        to=_address(public_id),
    )


def _endpoint_id(account: ProviderAccount) -> str:
    endpoint = endpoints.of_account(account.id)
    return endpoint.public_id if endpoint else ""


def _deletion(account: ProviderAccount, *, title: str, effects: list[str]) -> Deletion:
    back = _address(account.public_id)
    return Deletion(
        title=title,
        button=title,
        back=back,
        above=[
            (url_for("settings.index"), _("Settings")),
            (url_for("settings.edit_provider", public_id=account.public_id), account.name),
            (back, _("Bounces and complaints")),
        ],
        effects=effects,
    )


def _saved(save: Callable[[], object]) -> dict[str, str]:
    """Save in one transaction; return what is wrong, if anything."""
    try:
        with saving() as problems:
            save()
    except SecretUnreadableError as error:
        return {"": sentence(error.reason)}
    return problems


# --- mailbox --------------------------------------------------------------------------------------


@bp.post("/settings/providers/<public_id>/returns/mailbox")
@access("user")
def save_mailbox(public_id: str) -> Answer:
    typed = IntakeMailboxInput.read(request.form)

    def save() -> None:
        _save_mailbox(locked_or_404(ProviderAccount, public_id, _mailbox_settings), typed)

    problems = _saved(save)
    if problems:
        page = _page(or_404(ProviderAccount, public_id), mailbox_form=typed, problems=problems)
        return refused(page, problems)
    return done(_("Mailbox saved"), _address(public_id, "mailbox"))


def _mailbox_settings(account: ProviderAccount) -> dict[str, Any] | None:
    mailbox = mailboxes.of_account(account.id)
    return mailboxes.typed_from(mailbox).model_dump() if mailbox else None


def _save_mailbox(account: ProviderAccount, typed: IntakeMailboxInput) -> IntakeMailbox:
    return mailboxes.save(
        mailboxes.of_account(account.id),
        typed,
        services().vault,
        account_id=account.id,
        now=utcnow(),
    )


@bp.post("/settings/providers/<public_id>/returns/mailbox/test")
@access("user")
@limiter.limit("12/minute")
def test_mailbox(public_id: str) -> str:
    """Open the mailbox as typed, saved or not, and say what is in it. Nothing there changes."""
    account = or_404(ProviderAccount, public_id)
    try:
        login = _login_as_typed(account)
        found = _look_into(login)
    except InvalidInputError as error:
        return _result(" ".join(map(sentence, error.problems.values())))
    except (SecretUnreadableError, MailboxTroubleError) as error:
        return _result(sentence(error.reason))
    return _result(_found_words(login, found), ok=True)


def _login_as_typed(account: ProviderAccount) -> MailboxLogin:
    """Return the login of the form; its empty secrets are the stored ones. Stores nothing."""
    try:
        mailbox = _save_mailbox(account, IntakeMailboxInput.read(request.form))
        return mailboxes.login_of(mailbox, services().vault)
    finally:
        db.session.rollback()  # nor does a transaction stay open while we talk to the server


def _look_into(login: MailboxLogin) -> list[FoundEmail]:
    reader = open_mailbox(login)
    try:
        return list(reader.read())
    finally:
        reader.close()


def _found_words(login: MailboxLogin, found: list[FoundEmail]) -> str:
    now = utcnow()
    bounces = sum(
        any(one.kind in {"bounced", "complained"} for one in feedback_of(email.raw, now))
        for email in found
    )
    opened = _("%(user)s at %(host)s can be read.", user=login.username, host=login.host)
    if not found:
        waiting = _("No emails are waiting.")
        return f"{opened} {waiting}"
    waiting = ngettext("%(count)s email is waiting.", "%(count)s emails are waiting.", len(found))
    if len(found) >= BATCH:
        waiting = _("The first %(count)s waiting emails were read.", count=len(found))
    returned = ngettext(
        "%(count)s is a bounce or a complaint.", "%(count)s are bounces or complaints.", bounces
    )
    return f"{opened} {waiting} {returned}"


def _result(message: str, *, ok: bool = False) -> str:
    return render_template("web/settings/_test_result.html", result={"ok": ok, "message": message})


@bp.route("/settings/providers/<public_id>/returns/mailbox/delete", methods=["GET", "POST"])
@access("user")
def delete_mailbox(public_id: str) -> Answer:
    account = or_404(ProviderAccount, public_id)
    return confirm_and_delete(
        lambda: _deletion(
            account,
            title=_("Delete mailbox"),
            effects=[
                _("Its emails stay on its server and are no longer read."),
                _("Its saved password is deleted."),
            ],
        ),
        lambda: mailboxes.delete(or_404(IntakeMailbox, _mailbox_id(account))),
        message=_("Mailbox deleted"),
        to=_address(public_id),
    )


def _mailbox_id(account: ProviderAccount) -> str:
    mailbox = mailboxes.of_account(account.id)
    return mailbox.public_id if mailbox else ""


# --- the page -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookField:
    """A field of a webhook, and what it takes."""

    about: AccountField
    type: str


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as the page shows it."""

    endpoint: WebhookEndpoint
    seen: str
    title: str
    url: str
    """The URL to paste; empty if its password cannot be read."""
    has_login: bool
    fields: list[WebhookField]
    form: Mapping[str, Any]
    stored: frozenset[str]
    events: tuple[str, ...]

    @property
    def is_unfinished(self) -> bool:
        """Return whether a key is missing, so that posts are refused."""
        return any(
            one.about.is_required
            and one.about.name not in self.stored
            and not self.form.get(one.about.name)
            for one in self.fields
        )


def _webhook_settings(account: ProviderAccount) -> dict[str, Any] | None:
    endpoint = endpoints.of_account(account.id)
    return dict(endpoint.settings) if endpoint else None


def _webhook(
    endpoint: WebhookEndpoint, typed: EndpointInput | None, problems: Mapping[str, str]
) -> WebhookView | None:
    kind = WEBHOOKS.get(endpoint.kind)
    if kind is None:  # stored by a newer version
        return None
    settings = services().settings
    try:
        url = endpoints.url_of(endpoint, services().vault, base_url=settings.base_url)
        has_login = bool(endpoints.login_of(endpoint, services().vault)[1])
    except SecretUnreadableError:
        url, has_login = "", False
    names = kind.credentials.model_fields
    types = {
        name: "box" if model.annotation is bool else "text"
        for name, model in kind.settings.model_fields.items()
    }
    return WebhookView(
        endpoint,
        seen_in(dict(endpoint.settings), problems, is_typed=typed is not None),
        kind.title,
        url,
        has_login,
        [
            WebhookField(one, "secret" if one.name in names else types[one.name])
            for one in kind.fields
        ],
        dict(typed.settings) if typed else dict(endpoint.settings),
        frozenset(endpoint.credentials),
        tuple(kind.events),
    )


def _page(
    account: ProviderAccount,
    *,
    typed: EndpointInput | None = None,
    mailbox_form: IntakeMailboxInput | None = None,
    problems: Mapping[str, str] | None = None,
) -> str:
    endpoint, mailbox = endpoints.of_account(account.id), mailboxes.of_account(account.id)
    problems = problems or {}
    webhook = _webhook(endpoint, typed, problems) if endpoint else None
    stored_form = mailboxes.typed_from(mailbox) if mailbox else IntakeMailboxInput(is_on=True)
    health = _health(account)
    suggested = account.preset.replace("-", "_")
    return render_template(
        "web/settings/returns.html",
        tab="sending",
        account=account,
        health=health,
        stamp=_stamp(health),
        recent=incoming_log.recent(account.id),
        titles=titles(),
        kinds=WEBHOOKS,
        kind=suggested if suggested in WEBHOOKS else "",
        webhook=webhook,
        webhook_seen=seen_of(_webhook_settings(account)),
        mailbox=mailbox,
        mailbox_form=(mailbox_form or stored_form).model_dump(),
        mailbox_seen=seen_in(
            _mailbox_settings(account), problems, is_typed=mailbox_form is not None
        ),
        mailbox_stored=frozenset(mailbox.credentials) if mailbox else frozenset(),
        is_secret_lost=_has_secrets(typed, mailbox_form),
        is_mailbox_open=mailbox_form is not None,
        listener=listener(),
        listening=listening(),
        postfix_line=_postfix_line(),
        domain_options=[(one, one) for one in return_domains.domains_of(account.id)],
        unsubscribing=unsubscribing(account),
        **_rates(account),
        is_public=services().settings.base_url.startswith("https://"),
        problems=problems,
    )


def _has_secrets(webhook: EndpointInput | None, mailbox: IntakeMailboxInput | None) -> bool:
    """Return whether a password or key was typed into one of the forms."""
    return bool(
        (webhook and any(webhook.credentials.values()))
        or (mailbox and (mailbox.password or mailbox.client_secret or mailbox.refresh_token))
    )


@dataclass(frozen=True, slots=True)
class RateLine:
    """A line of the rates, judged as mailbox providers do."""

    label: str
    sent: int
    soft: int
    hard: Rate
    complaints: Rate


def _rates(account: ProviderAccount) -> dict[str, Any]:
    now = utcnow()
    return {
        "providers": [
            _rate_line(mailbox_name(str(one.key)), one)
            for one in feedback_rates.by_mailbox_provider(account.id, now=now)
        ],
        "days": [
            _rate_line(
                formatting.date(one.key, locale()) if isinstance(one.key, date) else one.key, one
            )
            for one in feedback_rates.by_day(account.id, now=now)
        ],
        "rate_days": feedback_rates.DAYS,
    }


def _rate_line(label: str, line: FeedbackLine) -> RateLine:
    return RateLine(
        label,
        line.sent,
        line.soft,
        _judged(line.hard, line.sent, BOUNCES),
        _judged(line.complaints, line.sent, COMPLAINTS),
    )


def _judged(part: int, whole: int, limits: tuple[float, float]) -> Rate:
    """Return a rate. A complaint or two of a hundred emails say nothing, whatever their share."""
    found = rate(part, whole, limits)
    return found if part >= FEWEST["complaints"]["alarm"] else replace(found, level="good")


def _address(public_id: str, part: str = "") -> str:
    return url_for("settings.returns", public_id=public_id, _anchor=part or None)
