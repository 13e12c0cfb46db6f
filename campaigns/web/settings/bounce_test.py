"""The test of what comes back: sends one email to an address that does not exist, and waits."""

import sqlalchemy as sa
from flask import Response, render_template

from campaigns.access import access
from campaigns.addresses import shown_address
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db
from campaigns.engine import bounce_test
from campaigns.engine.bounce_test import GIVE_UP, BounceTest
from campaigns.providers.base import ProviderTroubleError, UnusableAccountError
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.secrets import SecretUnreadableError
from campaigns.transactional.plain_mail import EmailText
from campaigns.web.saving import or_404
from campaigns.web.settings.blueprint import bp
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter


@bp.post("/settings/providers/<public_id>/returns/test")
@access("user")
@limiter.limit("6/minute")
def send_bounce_test(public_id: str) -> str:
    account = or_404(ProviderAccount, public_id)
    sender = db.session.scalar(
        sa.select(SenderAddress)
        .where(SenderAddress.provider_id == account.id)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(1)
    )
    if sender is None:
        return _part(account, problem=_("Add a sender address for this account first."))
    test = BounceTest.begin(services().signer, now=utcnow())
    said = EmailText(
        _("Bounce test"),
        _("This email goes to an address that does not exist, to test whether bounces come back.")
        + "\n",
    )
    message = bounce_test.message_of(test, account, sender, said)
    try:
        result = bounce_test.send(account, sender, message, services().vault)
    except (ProviderTroubleError, UnusableAccountError, SecretUnreadableError) as error:
        return _part(account, problem=sentence(error.reason))
    if result.outcome == "failed" and result.scope == "recipient":
        refused = _(
            "The server refused the address at once, which is seen without this set-up: %(reply)s",
            reply=result.reply,
        )
        return _part(account, problem=refused)
    if result.outcome != "sent":
        return _part(account, problem=result.reply or _("The server did not answer in time."))
    return _part(account, test=test, address=shown_address(message.address))


@bp.get("/settings/providers/<public_id>/returns/test/<token>")
@access("user")
def bounce_test_state(public_id: str, token: str) -> str | Response:
    """Return the result for the poll; 204 while nothing has come back."""
    account = or_404(ProviderAccount, public_id)
    test = BounceTest.of(services().signer, token)
    if test is None:
        return Response(status=204)
    row = bounce_test.came_back(test, account.id)
    is_over = utcnow() - test.sent_at > GIVE_UP
    if row is None and not is_over:
        return Response(status=204)
    took = row.received_at - test.sent_at if row else None
    return _part(account, test=test, row=row, took=took, is_over=is_over)


def _part(account: ProviderAccount, **found: object) -> str:
    return render_template("web/settings/_bounce_test.html", account=account, **found)
