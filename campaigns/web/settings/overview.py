"""The first page of the settings: how mail leaves, and from whom."""

import sqlalchemy as sa
from flask import render_template

from campaigns.access import access
from campaigns.db import db
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.web.settings.blueprint import bp


@bp.get("/settings")
@access("user")
def index() -> str:
    accounts = db.session.scalars(sa.select(ProviderAccount).order_by(ProviderAccount.name)).all()
    senders = db.session.scalars(sa.select(SenderAddress).order_by(SenderAddress.address)).all()
    names = {account.id: account.name for account in accounts}
    return render_template(
        "web/settings/index.html", accounts=accounts, senders=senders, names=names
    )
