"""SMTP accounts: add, change, test, delete."""

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.accounts.texts import InvalidInputError
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.limits import limiter
from campaigns.providers import accounts
from campaigns.providers.check import CheckResult, check_login
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.presets import presets
from campaigns.secrets import SecretUnreadableError
from campaigns.sending import provider_use
from campaigns.web.settings.blueprint import Answer, after_saving, bp
from campaigns.web.template_helpers import current_workspace


@bp.route("/settings/providers/new", methods=["GET", "POST"])
@access("user")
def new_provider() -> Answer:
    if request.method == "GET":
        return _form(None, accounts.AccountInput(port="587"))
    typed = _typed()
    try:
        with transaction():
            accounts.create(typed, services().vault, now=utcnow())
    except InvalidInputError as error:
        return _form(None, typed, error.problems), 422
    except accounts.NotInDemoError:
        return _form(None, typed), 422
    flash("The account is saved.", "success")
    return after_saving("settings.index")


@bp.route("/settings/providers/<public_id>", methods=["GET", "POST"])
@access("user")
def edit_provider(public_id: str) -> Answer:
    account = _found(public_id)
    if request.method == "GET":
        return _form(account, _stored(account))
    typed = _typed()
    try:
        with transaction():
            accounts.change(_found(public_id), typed, services().vault)
    except InvalidInputError as error:
        return _form(_found(public_id), typed, error.problems), 422
    except accounts.NotInDemoError as error:
        return _form(_found(public_id), typed, {"": str(error)}), 422
    flash("Saved. Sending goes on with it from the next message.", "success")
    return redirect(url_for("settings.index"))


@bp.post("/settings/providers/test")
@access("user")
@limiter.limit("12/minute")
def test_provider() -> str:
    """Try what the form says, saved or not. Answers with a part of the page."""
    account = accounts.find(request.form.get("account", ""))
    try:
        login = accounts.login_to_test(_typed(), account, services().vault)
    except InvalidInputError as error:
        return _result(CheckResult(ok=False, message=str(error)))
    except (accounts.NotInDemoError, SecretUnreadableError) as error:
        return _result(CheckResult(ok=False, message=str(error)))
    sender = _a_sender_of(account) if account is not None else ""
    db.session.rollback()  # no transaction stays open while we talk to the server
    return _result(check_login(login, sender=sender))


@bp.route("/settings/providers/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_provider(public_id: str) -> Answer:
    account = _found(public_id)
    if request.method == "GET":
        return _delete_page(account)
    name = account.name
    try:
        with transaction():
            account = _found(public_id)
            if provider_use.campaigns_on_account(account.id):
                return _delete_page(account), 422
            provider_use.forget_account(account.id)
            accounts.delete(account)
    except (accounts.AccountInUseError, accounts.NotInDemoError) as error:
        return _delete_page(_found(public_id), str(error)), 422
    flash(f"The account “{name}” is deleted.", "success")
    return redirect(url_for("settings.index"))


def _typed() -> accounts.AccountInput:
    form = request.form
    return accounts.AccountInput(
        name=form.get("name", ""),
        host=form.get("host", ""),
        port=form.get("port", ""),
        security=form.get("security", ""),
        username=form.get("username", ""),
        password=form.get("password", ""),
        preset=form.get("preset", ""),
        **{name: form.get(name, "") for name in accounts.MOST},
        rewrites_return_path="rewrites_return_path" in form,
        unencrypted_ok="unencrypted_ok" in form,
    )


def _stored(account: ProviderAccount) -> accounts.AccountInput:
    return accounts.AccountInput(
        name=account.name,
        host=account.host,
        port=str(account.port),
        security=account.security,
        username=account.username,
        preset=account.preset,
        **{name: str(getattr(account, name)) for name in accounts.MOST},
        rewrites_return_path=account.rewrites_return_path,
        unencrypted_ok=account.security == "none",
    )


def _form(
    account: ProviderAccount | None,
    form: accounts.AccountInput,
    problems: dict[str, str] | None = None,
) -> str:
    return render_template(
        "web/settings/provider.html",
        tab="sending",
        account=account,
        form=form,
        problems=problems or {},
        presets=presets(services().settings.mailbox_port),
        limits=accounts.MOST,
        demo_reason=accounts.DEMO if current_workspace().demo else "",
    )


def _delete_page(account: ProviderAccount, error: str = "") -> str:
    return render_template(
        "web/settings/delete_provider.html",
        tab="sending",
        account=account,
        campaigns=provider_use.campaigns_on_account(account.id),
        error=error or accounts.why_kept(account),
    )


def _result(result: CheckResult) -> str:
    return render_template("web/settings/_test_result.html", result=result)


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


def _found(public_id: str) -> ProviderAccount:
    return accounts.find(public_id) or abort(404)
