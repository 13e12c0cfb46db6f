"""The first page of the settings: how email is sent, and from whom."""

import sqlalchemy as sa
from flask import render_template

from campaigns.access import access
from campaigns.accounts.workspace import load_workspace
from campaigns.clock import utcnow
from campaigns.db import db
from campaigns.providers.accounts import limits_of
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.registry import summary_of
from campaigns.providers.senders import freemail_warning
from campaigns.reports import returns
from campaigns.throttling.loading import next_tries
from campaigns.web.counting import counting
from campaigns.web.settings.blueprint import bp
from campaigns.web.settings.listening import listening

MOST = 200
"""More accounts or senders than this are not shown: nobody has them."""


@bp.get("/settings")
@access("user")
def index() -> str:
    accounts = db.session.scalars(
        sa.select(ProviderAccount).order_by(ProviderAccount.name).limit(MOST)
    ).all()
    senders = db.session.execute(
        sa.select(SenderAddress, ProviderAccount)
        .join(ProviderAccount, ProviderAccount.id == SenderAddress.provider_id)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.address)
        .limit(MOST)
    ).all()
    with counting() as counts:
        healths = returns.healths(accounts, counts, listening=listening(), now=utcnow())
    return render_template(
        "web/settings/index.html",
        tab="sending",
        accounts=accounts,
        healths=healths,
        limits_of=limits_of,
        summary_of=summary_of,
        next_tries=next_tries([account.id for account in accounts]),
        senders=[
            (sender, account, freemail_warning(sender.address, account.settings.get("host", "")))
            for sender, account in senders
        ],
        has_postal_address=bool(load_workspace().postal_address.strip()),
    )
