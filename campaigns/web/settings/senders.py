"""Sender addresses: add, change, delete."""

from collections.abc import Mapping

import sqlalchemy as sa
from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.addresses import normalise
from campaigns.campaign import usage
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import accounts, senders
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason
from campaigns.web.deletion import Deletion, deletion_page, in_use, quoted
from campaigns.web.settings.blueprint import Answer, after_saving, bp
from campaigns.web.shown_addresses import shown_address
from campaigns.web.words import gettext as _
from campaigns.web.words import in_words


@bp.route("/settings/senders/new", methods=["GET", "POST"])
@access("user")
def new_sender() -> Answer:
    form = request.form
    if request.method != "POST":
        return _form(None, {})
    try:
        with transaction():
            senders.create(
                name=form.get("name", ""),
                address=form.get("address", ""),
                reply_to=form.get("reply_to", ""),
                account=accounts.find(form.get("account", "")),
                is_default="is_default" in form,
                now=utcnow(),
            )
    except InvalidInputError as error:
        return _form(None, form, error.problems), 422
    flash(_("Sender address added"), "success")
    return after_saving("settings.index")


@bp.route("/settings/senders/<public_id>", methods=["GET", "POST"])
@access("user")
def edit_sender(public_id: str) -> Answer:
    sender = _found(public_id)
    form = request.form
    if request.method != "POST":
        return _form(sender, _stored(sender))
    try:
        with transaction():
            sender = _found(public_id)
            if usage.being_sent_from(sender.id) and _is_other_address(sender):
                raise InvalidInputError({"address": Reason("from_address.being_sent")})
            senders.change(
                sender,
                name=form.get("name", ""),
                address=form.get("address", ""),
                reply_to=form.get("reply_to", ""),
                account=accounts.find(form.get("account", "")),
                is_default="is_default" in form,
            )
    except InvalidInputError as error:
        return _form(_found(public_id), form, error.problems), 422
    flash(_("Changes saved"), "success")
    return redirect(url_for("settings.index"))


@bp.route("/settings/senders/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_sender(public_id: str) -> Answer:
    sender = _found(public_id)
    if request.method != "POST":
        return _delete_page(sender)
    with transaction():
        sender = _found(public_id)
        if usage.campaigns_from_sender(sender.id):
            return _delete_page(sender), 422
        senders.delete(sender)
    flash(_("Sender address deleted"), "success")
    return redirect(url_for("settings.index"))


def _is_other_address(sender: SenderAddress) -> bool:
    return normalise(request.form.get("address", "")) != sender.address.lower()


def _stored(sender: SenderAddress) -> dict[str, str]:
    account = db.session.get_one(ProviderAccount, sender.provider_id)
    form = {
        "name": sender.name,
        "address": sender.address,
        "reply_to": sender.reply_to,
        "account": account.public_id,
    }
    return {**form, "is_default": "1"} if sender.is_default else form


def _form(
    sender: SenderAddress | None,
    form: Mapping[str, str],
    problems: Mapping[str, Reason | str] | None = None,
) -> str:
    return render_template(
        "web/settings/sender.html",
        tab="sending",
        sender=sender,
        form=form,
        problems=in_words(problems or {}),
        accounts=db.session.scalars(
            sa.select(ProviderAccount).order_by(ProviderAccount.name)
        ).all(),
    )


def _delete_page(sender: SenderAddress) -> str:
    campaigns = usage.campaigns_from_sender(sender.id)
    drafts = usage.drafts_from_sender(sender.id)
    effects = [_("Reports of campaigns sent from it stay.")]
    if sender.is_default:
        effects.insert(0, _("It is the default. The oldest remaining address becomes the default."))
    if drafts:
        effects.insert(0, _("These drafts need another sender: %(names)s.", names=quoted(drafts)))
    back = url_for("settings.edit_sender", public_id=sender.public_id)
    page = Deletion(
        title=_("Delete %(address)s", address=shown_address(sender.address)),
        button=_("Delete address"),
        back=back,
        above=[
            (url_for("settings.index"), _("Settings")),
            (back, shown_address(sender.address)),
        ],
        effects=effects,
        kept_title=_("This address is in use"),
        kept_because=in_use(campaigns),
    )
    return deletion_page(page)


def _found(public_id: str) -> SenderAddress:
    return senders.find(public_id) or abort(404)
