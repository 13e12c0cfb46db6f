"""The log of webhook posts and returned emails: what came, what followed, and replay."""

import json
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from campaigns.access import access
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import incoming
from campaigns.events.models import INCOMING_STATES, Incoming
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.providers.models import ProviderAccount
from campaigns.reports import incoming_log
from campaigns.web.downloads import download
from campaigns.web.page_links import page_links
from campaigns.web.saving import or_404
from campaigns.web.settings.blueprint import bp
from campaigns.web.words import gettext as _

MAX_SHOWN = 64 * 1024
"""Bytes of a body that its page shows."""


@bp.get("/settings/providers/<public_id>/returns/log")
@access("user")
def incoming_of_account(public_id: str) -> str:
    """Show the posts and emails of one account."""
    account = or_404(ProviderAccount, public_id)
    return _list(account, "settings.incoming_of_account", {"public_id": public_id})


@bp.get("/settings/incoming")
@access("user")
def shared_incoming() -> str:
    """Show the emails that belong to no account in particular."""
    return _list(None, "settings.shared_incoming", {})


def _list(account: ProviderAccount | None, endpoint: str, here: dict[str, Any]) -> str:
    wanted = request.args.get("state", "")
    state = wanted if wanted in INCOMING_STATES else ""
    before, after = request.args.get("before"), request.args.get("after")
    account_id = account.id if account else None
    page = incoming_log.page(account_id, state, before=before, after=after)
    filtered = {**here, "state": state} if state else here
    previous, following = page_links(endpoint, page, **filtered)
    return render_template(
        "web/settings/incoming.html",
        tab="sending",
        account=account,
        rows=page.rows,
        titles=titles(),
        state=state,
        states=[("", url_for(endpoint, **here))]
        + [(one, url_for(endpoint, **here, state=one)) for one in INCOMING_STATES],
        previous=previous,
        following=following,
        is_narrowed=bool(state or before or after),
    )


def titles() -> dict[str, str]:
    """Return the proper name of each source."""
    ways = {"imap": "IMAP", "pop3": "POP3", "lmtp": "LMTP", "smtp": "SMTP", "pipe": _("Pipe")}
    return {key: kind.title for key, kind in WEBHOOKS.items()} | ways


@bp.get("/settings/incoming/<public_id>")
@access("user")
def incoming_row(public_id: str) -> str:
    row = or_404(Incoming, public_id)
    account = db.session.get(ProviderAccount, row.account_id) if row.account_id else None
    return render_template(
        "web/settings/incoming_row.html",
        tab="sending",
        row=row,
        account=account,
        titles=titles(),
        findings=incoming_log.findings(row, services().signer),
        most_findings=incoming_log.MAX_FINDINGS,
        text=_shown(row.body),
        is_cut=len(row.body) > MAX_SHOWN,
    )


def _shown(body: bytes) -> str:
    """Return the beginning of a body as text; JSON in lines of its own."""
    text = body[:MAX_SHOWN].decode("utf-8", "replace")
    if len(body) <= MAX_SHOWN:
        text = _indented(text)
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\ufffd"
        for char in text.replace("\r", "")
    )


def _indented(text: str) -> str:
    try:
        found: Any = json.loads(text)
        return json.dumps(found, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


@bp.get("/settings/incoming/<public_id>/download")
@access("user")
def download_incoming(public_id: str) -> Response:
    row = or_404(Incoming, public_id)
    ending = "eml" if row.channel == "email" else "txt"
    return download(row.body, f"{row.source}-{row.public_id}.{ending}")


@bp.post("/settings/incoming/<public_id>/replay")
@access("user")
def replay_incoming(public_id: str) -> BaseResponse:
    """Read it once more, such as after an update. What it reported before is not recorded twice."""
    or_404(Incoming, public_id)
    with transaction():
        number = incoming.replay(public_id)
    if number is None:
        flash(_("Only what was processed or failed can be replayed."), "warning")
    else:
        services().doorbell.ring("incoming", number)
        flash(_("Replay started"), "success")
    return redirect(url_for("settings.incoming_row", public_id=public_id))
