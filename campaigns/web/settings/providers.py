"""Provider accounts: add, change, test, delete."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.campaign import usage
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import accounts
from campaigns.providers.account_input import AccountInput
from campaigns.providers.base import UnusableAccountError
from campaigns.providers.fields import AccountField, Section
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.registry import KINDS, kind_of, stored_names, stored_values
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError
from campaigns.web.deletion import Deletion, confirm_and_delete, in_use, quoted
from campaigns.web.saving import Answer, done, locked_or_404, or_404, refused, saving, seen_again
from campaigns.web.settings.blueprint import bp, next_step
from campaigns.web.template_helpers import current_workspace
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter


@bp.route("/settings/providers/new", methods=["GET", "POST"])
@access("user")
def new_provider() -> Answer:
    if request.method != "POST":
        return _form(None, AccountInput(kind=_chosen_kind()))
    typed = _typed()
    with saving() as problems:
        accounts.create(typed, services().vault, now=utcnow())
    if problems:
        return _form(None, typed, problems), 422
    return done(_("Account added"), next_step("settings.index"))


@bp.route("/settings/providers/<public_id>", methods=["GET", "POST"])
@access("user")
def edit_provider(public_id: str) -> Answer:
    account = or_404(ProviderAccount, public_id)
    try:
        kind_of(account)
    except UnusableAccountError as error:
        flash(sentence(error.reason), "danger")
        return redirect(url_for("settings.index"))
    if request.method != "POST":
        return _form(account, AccountInput.of(account))
    typed = _typed(account)
    with saving() as problems:
        stored = locked_or_404(ProviderAccount, public_id, _stored)
        accounts.change(stored, typed, services().vault)
    if problems:
        return refused(_form(or_404(ProviderAccount, public_id), typed, problems), problems)
    return done(_("Changes saved"), url_for("settings.index"))


@bp.post("/settings/providers/test")
@access("user")
@limiter.limit("12/minute")
def test_provider() -> str:
    """Try what the form says, saved or not. Answers with a part of the page."""
    account = accounts.find(request.form.get("account", ""))
    try:
        test = accounts.connection_test(_typed(account), account, services().vault)
    except InvalidInputError as error:
        return _result(ok=False, reasons=error.problems.values())
    except (SecretUnreadableError, UnusableAccountError) as error:
        return _result(ok=False, reasons=[error.reason])
    sender = _a_sender_of(account) if account is not None else ""
    db.session.rollback()  # no transaction stays open while we talk to the server
    result = test.run(sender=sender)
    if account is not None:
        _keep_renewed(account.public_id)
    return _result(ok=result.ok, reasons=result.reasons)


@bp.route("/settings/providers/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_provider(public_id: str) -> Answer:
    return confirm_and_delete(
        lambda: _deletion(or_404(ProviderAccount, public_id)),
        lambda: _delete(or_404(ProviderAccount, public_id)),
        message=_("Account deleted"),
        to=url_for("settings.index"),
    )


def _delete(account: ProviderAccount) -> None:
    usage.forget_account(account.id)
    accounts.delete(account)


def _typed(account: ProviderAccount | None = None) -> AccountInput:
    """Return the input. Raises UnusableAccountError for a stored account of an unknown kind."""
    form = request.form
    if account is not None:
        kind_of(account)
    kind = account.kind if account is not None else _chosen_kind()
    typed = AccountInput.read(form, kind=kind, forget=form.getlist("forget"))
    if account is not None and current_workspace().demo and "name" not in form:
        # In a demo the form has only the limits: everything else stays as stored.
        return replace(AccountInput.of(account), limits=typed.limits)
    return typed


def _chosen_kind() -> str:
    kind = request.values.get("kind", "smtp")
    return kind if kind in KINDS else abort(404)


def _keep_renewed(public_id: str) -> None:
    """Store what the test may have brought, such as another refresh token."""
    try:
        if accounts.has_renewed(or_404(ProviderAccount, public_id), services().vault):
            with transaction():
                accounts.keep_renewed(or_404(ProviderAccount, public_id), services().vault)
    except (SecretUnreadableError, UnusableAccountError):
        pass  # the stored one cannot be read: the typed one was tested


def _form(
    account: ProviderAccount | None,
    typed: AccountInput,
    problems: Mapping[str, str] | None = None,
) -> str:
    kind, port = KINDS[typed.kind], services().settings.mailbox_port
    stored = stored_names(account) if account else frozenset()
    return render_template(
        "web/settings/provider.html",
        tab="sending",
        account=account,
        kind=kind,
        kinds={} if account else KINDS,
        presets=() if account else kind.presets(mailbox_port=port),
        parts=_parts(typed, stored, problems or {}),
        form=typed.fields(),
        problems=problems or {},
        seen=seen_again(_stored(account), problems) if account else "",
        stored=stored,
        stored_values=stored_values(account, now=utcnow()) if account else {},
        limits=accounts.MOST,
        has_limits=any(typed.limits.get(name, "0") not in {"0", ""} for name in accounts.MOST),
        is_secret_lost=any(typed.credentials.values()),
        demo_reason=sentence(Reason("provider.not_in_demo")) if current_workspace().demo else "",
    )


def _stored(account: ProviderAccount) -> dict[str, Any]:
    """Return what the form contains. Secrets are never shown, and change only if typed."""
    return {**AccountInput.of(account).fields(), "forget": []}


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that belong together in the form."""

    section: Section | None
    fields: Sequence[AccountField]
    is_open: bool


def _parts(
    typed: AccountInput, stored: Collection[str], problems: Collection[str]
) -> Iterator[Part]:
    """Yield the sections; one with something set or wrong is open, so that it is not overlooked."""
    form, empty = typed.fields(), AccountInput(kind=typed.kind).fields()
    of_note = {name for name in form if str(form[name]) != str(empty[name])} | {*stored, *problems}
    for section, fields in groupby(KINDS[typed.kind].fields, key=attrgetter("section")):
        together = tuple(fields)
        yield Part(section, together, is_open=any(one.name in of_note for one in together))


def _deletion(account: ProviderAccount) -> Deletion:
    back = url_for("settings.edit_provider", public_id=account.public_id)
    return Deletion(
        title=_("Delete “%(name)s”", name=account.name),
        button=_("Delete account"),
        back=back,
        above=[(url_for("settings.index"), _("Settings")), (back, account.name)],
        effects=[
            _("Campaigns can no longer be sent through this account."),
            _("Its saved passwords and keys are deleted."),
            _("Reports of campaigns sent through it stay."),
        ],
        kept_title=_("This account cannot be deleted now"),
        kept_because=_why_kept(account),
    )


def _why_kept(account: ProviderAccount) -> str:
    """Return why the account cannot be deleted now; empty if it can."""
    if in_use_now := in_use(usage.campaigns_on_account(account.id)):
        return in_use_now
    reason = sentence(accounts.why_kept(account))
    planned = usage.campaigns_planned_on(account.id)
    if not reason or not planned:
        return reason
    moved = _(
        "Scheduled or recurring campaigns need the address: %(names)s. Choose another account for"
        " it, and they are sent through that.",
        names=quoted(planned),
    )
    return f"{reason} {moved}"


def _result(*, ok: bool, reasons: Iterable[Reason | str]) -> str:
    found = {"ok": ok, "message": " ".join(map(sentence, reasons))}
    return render_template("web/settings/_test_result.html", result=found)


def _a_sender_of(account: ProviderAccount) -> str:
    return (
        db.session.scalar(
            sa.select(SenderAddress.address)
            .where(SenderAddress.provider_id == account.id)
            .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
            .limit(1)
        )
        or ""
    )
