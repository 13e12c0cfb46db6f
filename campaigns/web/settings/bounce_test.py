"""The bounce test: send one email to an address that does not exist, and wait for its bounce."""

import sqlalchemy as sa
from flask import Response, render_template, request

from campaigns.access import access
from campaigns.addresses import shown_address
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine import bounce_test
from campaigns.engine.bounce_test import GIVE_UP
from campaigns.events import bounce_tests
from campaigns.events.models import Incoming
from campaigns.providers.base import ProviderTroubleError, UnusableAccountError
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.return_domains import domain_of
from campaigns.secrets import SecretUnreadableError
from campaigns.transactional.plain_mail import EmailText
from campaigns.web.saving import or_404
from campaigns.web.settings.blueprint import bp
from campaigns.web.settings.unsubscribing import unsubscribing
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter


@bp.post("/settings/providers/<public_id>/returns/test")
@access("user")
@limiter.limit("6/minute")
def send_bounce_test(public_id: str) -> str:
    account = or_404(ProviderAccount, public_id)
    sender = _sender(account, request.form.get("domain", ""))
    if sender is None:
        return _part(account, problem=_("Add a sender address for this account first."))
    with transaction():
        test = bounce_tests.begin(account.id, sender.address, now=utcnow())
    token = bounce_tests.token_of(test, services().signer)
    said = EmailText(
        _("Bounce test"),
        _("This email goes to an address that does not exist, to test whether bounces come back.")
        + "\n",
    )
    message = bounce_test.message_of(token, account, sender, said, now=test.sent_at)
    try:
        result = bounce_test.send(account, sender, message, services().vault)
    except (ProviderTroubleError, UnusableAccountError, SecretUnreadableError) as error:
        return _part(account, problem=sentence(error.reason))
    if result.outcome == "failed" and result.scope == "recipient":
        refused = _(
            "The server refused the address at once, which is seen without this setup: %(reply)s",
            reply=result.reply,
        )
        return _part(account, problem=refused)
    if result.outcome != "sent":
        return _part(account, problem=result.reply or _("The server did not answer in time."))
    return _part(account, token=token, address=shown_address(message.address))


def _sender(account: ProviderAccount, domain: str) -> SenderAddress | None:
    """Return an address of the account to send from, if possible one at this domain."""
    found = db.session.scalars(
        sa.select(SenderAddress)
        .where(SenderAddress.provider_id == account.id)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
    ).all()
    named = (one for one in found if domain and domain_of(one.address) == domain)
    return next(named, found[0] if found else None)


@bp.get("/settings/providers/<public_id>/returns/test/<token>")
@access("user")
def bounce_test_state(public_id: str, token: str) -> str | Response:
    """Return the result for the poll; 204 while nothing has come back."""
    account = or_404(ProviderAccount, public_id)
    test = bounce_tests.find(token, account.id, services().signer)
    if test is None:
        return Response(status=204)
    is_over = utcnow() - test.sent_at > GIVE_UP
    if test.returned_at is None and not is_over:
        return Response(status=204)
    row = db.session.get(Incoming, test.incoming_id) if test.incoming_id else None
    took = test.returned_at - test.sent_at if test.returned_at else None
    return _part(account, token=token, row=row, took=took, is_over=is_over)


def _part(account: ProviderAccount, **found: object) -> str:
    return render_template(
        "web/settings/_bounce_test.html",
        account=account,
        unsubscribing=unsubscribing(account),
        **found,
    )
