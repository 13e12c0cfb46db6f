"""SMTP accounts: add, change, test, delete."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.campaign import provider_usage
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import accounts, certificates
from campaigns.providers.check import CheckResult, check_login
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.presets import presets
from campaigns.secrets import SecretUnreadableError
from campaigns.web.settings.blueprint import Answer, after_saving, bp
from campaigns.web.template_helpers import current_workspace
from campaigns.web_limits import limiter


@bp.route("/settings/providers/new", methods=["GET", "POST"])
@access("user")
def new_provider() -> Answer:
    if request.method != "POST":
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
    if request.method != "POST":
        return _form(account, _stored(account))
    typed = _typed(account)
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
        login = accounts.login_to_test(_typed(account), account, services().vault)
    except InvalidInputError as error:
        return _result(CheckResult(ok=False, message=str(error)))
    except (accounts.NotInDemoError, SecretUnreadableError) as error:
        return _result(CheckResult(ok=False, message=str(error)))
    sender = _a_sender_of(account) if account is not None else ""
    db.session.rollback()  # no transaction stays open while we talk to the server
    result = check_login(login, sender=sender)
    if account is not None and login.token is not None:
        _keep_newest_token(account.public_id)
    return _result(result)


@bp.route("/settings/providers/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_provider(public_id: str) -> Answer:
    account = _found(public_id)
    if request.method != "POST":
        return _delete_page(account)
    name = account.name
    try:
        with transaction():
            account = _found(public_id)
            if provider_usage.campaigns_on_account(account.id):
                return _delete_page(account), 422
            provider_usage.forget_account(account.id)
            accounts.delete(account)
    except (accounts.AccountInUseError, accounts.NotInDemoError) as error:
        return _delete_page(_found(public_id), str(error)), 422
    flash(f"The account “{name}” is deleted.", "success")
    return redirect(url_for("settings.index"))


def _typed(account: ProviderAccount | None = None) -> accounts.AccountInput:
    form = request.form
    limits: dict[str, Any] = {name: form.get(name, "") for name in accounts.MOST}
    if account is not None and current_workspace().demo and "host" not in form:
        # The form of a demonstration has the limits only: all else stays as it is stored.
        return replace(_stored(account), **limits)
    return accounts.AccountInput(
        name=form.get("name", ""),
        host=form.get("host", ""),
        port=form.get("port", ""),
        security=form.get("security", ""),
        username=form.get("username", ""),
        password=form.get("password", ""),
        preset=form.get("preset", ""),
        **limits,
        rewrites_return_path="rewrites_return_path" in form,
        unencrypted_ok="unencrypted_ok" in form,
        drops_certificate="drops_certificate" in form,
        auth=form.get("auth", ""),
        token_url=form.get("token_url", ""),
        token_scope=form.get("token_scope", ""),
        client_id=form.get("client_id", ""),
        client_secret=form.get("client_secret", ""),
        refresh_token=form.get("refresh_token", ""),
        client_certificate=form.get("client_certificate", ""),
        client_key=form.get("client_key", ""),
    )


def _keep_newest_token(public_id: str) -> None:
    """To try an account may have brought another refresh token."""
    try:
        if accounts.has_newer_token(_found(public_id), services().vault):
            with transaction():
                accounts.keep_newest_token(_found(public_id), services().vault)
    except SecretUnreadableError:
        pass  # the stored one cannot be read: the typed one was tried


def _stored(account: ProviderAccount) -> accounts.AccountInput:
    limits: dict[str, Any] = {name: str(getattr(account, name)) for name in accounts.MOST}
    return accounts.AccountInput(
        name=account.name,
        host=account.host,
        port=str(account.port),
        security=account.security,
        username=account.username,
        preset=account.preset,
        **limits,
        rewrites_return_path=account.rewrites_return_path,
        unencrypted_ok=account.security == "none",
        auth=account.auth,
        token_url=account.token_url,
        token_scope=account.token_scope,
        client_id=account.client_id,
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
        certificate=certificates.shown(account.client_certificate) if account else None,
        now=utcnow(),
        demo_reason=accounts.DEMO if current_workspace().demo else "",
    )


def _delete_page(account: ProviderAccount, error: str = "") -> str:
    return render_template(
        "web/settings/delete_provider.html",
        tab="sending",
        account=account,
        campaigns=provider_usage.campaigns_on_account(account.id),
        planned=provider_usage.campaigns_planned_on(account.id),
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
