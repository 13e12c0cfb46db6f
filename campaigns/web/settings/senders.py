"""Sender addresses: add, change, delete."""

from typing import Any

import sqlalchemy as sa
from flask import render_template, request, url_for

from campaigns.access import access
from campaigns.accounts.workspace import load_workspace
from campaigns.addresses import normalise, shown_address
from campaigns.campaign import usage
from campaigns.clock import utcnow
from campaigns.db import db
from campaigns.inputs import InvalidInputError
from campaigns.providers import senders
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.senders import SenderInput
from campaigns.reason import Reason
from campaigns.web.deletion import Deletion, confirm_and_delete, in_use, quoted
from campaigns.web.saving import Answer, done, locked_or_404, or_404, refused, saving, seen_again
from campaigns.web.settings.blueprint import bp, next_step
from campaigns.web.words import gettext as _


@bp.route("/settings/senders/new", methods=["GET", "POST"])
@access("user")
def new_sender() -> Answer:
    if request.method != "POST":
        return _form(None, SenderInput(name=load_workspace().name))
    typed = SenderInput.read(request.form)
    with saving() as problems:
        senders.create(typed, now=utcnow())
    if problems:
        return _form(None, typed, problems), 422
    return done(_("Sender address added"), next_step("settings.index"))


@bp.route("/settings/senders/<public_id>", methods=["GET", "POST"])
@access("user")
def edit_sender(public_id: str) -> Answer:
    sender = or_404(SenderAddress, public_id)
    if request.method != "POST":
        return _form(sender, SenderInput.of(sender))
    typed = SenderInput.read(request.form)
    with saving() as problems:
        _change(locked_or_404(SenderAddress, public_id, _stored), typed)
    if problems:
        return refused(_form(or_404(SenderAddress, public_id), typed, problems), problems)
    return done(_("Changes saved"), url_for("settings.index"))


@bp.route("/settings/senders/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_sender(public_id: str) -> Answer:
    return confirm_and_delete(
        lambda: _deletion(or_404(SenderAddress, public_id)),
        lambda: senders.delete(or_404(SenderAddress, public_id)),
        message=_("Sender address deleted"),
        to=url_for("settings.index"),
    )


def _change(sender: SenderAddress, typed: SenderInput) -> None:
    is_other_address = normalise(typed.address) != sender.address.lower()
    if is_other_address and usage.being_sent_from(sender.id):
        raise InvalidInputError({"address": Reason("from_address.being_sent")})
    senders.change(sender, typed)


def _stored(sender: SenderAddress) -> dict[str, Any]:
    return SenderInput.of(sender).model_dump()


def _form(
    sender: SenderAddress | None, typed: SenderInput, problems: dict[str, str] | None = None
) -> str:
    return render_template(
        "web/settings/sender.html",
        tab="sending",
        sender=sender,
        form=typed,
        problems=problems or {},
        seen=seen_again(_stored(sender), problems) if sender else "",
        accounts=db.session.execute(
            sa.select(ProviderAccount.public_id, ProviderAccount.name).order_by(
                ProviderAccount.name
            )
        ).all(),
    )


def _deletion(sender: SenderAddress) -> Deletion:
    campaigns = usage.campaigns_from_sender(sender.id)
    drafts = usage.drafts_from_sender(sender.id)
    effects = [_("Reports of campaigns sent from it stay.")]
    if sender.is_default:
        effects.insert(0, _("It is the default. The oldest remaining address becomes the default."))
    if drafts:
        effects.insert(0, _("These drafts need another sender: %(names)s.", names=quoted(drafts)))
    back = url_for("settings.edit_sender", public_id=sender.public_id)
    return Deletion(
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
