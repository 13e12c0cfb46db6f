"""Test emails: marked, untracked copies to a few addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa
from flask import abort, render_template, request

from campaigns import addresses
from campaigns.access import access
from campaigns.addresses import InvalidAddressError
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library.models import Template
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from campaigns.web.content.blueprint import bp
from campaigns.web.saving import or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

SLOW_AFTER = timedelta(seconds=20)
"""Time after which the page warns that no worker may be running."""


MAX_ADDRESSES = 10
"""Number of addresses in one request."""
_SEPARATOR = re.compile(r"[,;\n]")


@dataclass(frozen=True, slots=True)
class BadRecipient:
    """A text that is not an address, and why."""

    text: str
    why: str


def _texts() -> list[str]:
    """Return what was typed, split at commas, semicolons and line breaks."""
    return [
        text.strip() for text in _SEPARATOR.split(request.form.get("address", "")) if text.strip()
    ]


Tested = Literal["campaigns", "templates"]
_PATH = "/<any(campaigns,templates):owner>/<public_id>/content/test"
_MODELS: Mapping[Tested, type[Campaign | Template]] = {
    "campaigns": Campaign,
    "templates": Template,
}
_KEYS: Mapping[Tested, str] = {"campaigns": "campaign_id", "templates": "template_id"}
"""Names of their ids in the payload of a test email."""


@bp.post(_PATH)
@access("user")
@limiter.limit("40 per 5 minutes", cost=lambda: max(1, min(len(_texts()), MAX_ADDRESSES)))
def test_send(owner: Tested, public_id: str) -> str | tuple[str, int]:
    """Queue a test email to each address; returns fragments that poll for the results.

    With a wrong address among them nothing is sent, so that nobody gets it twice.
    """
    tested = or_404(_MODELS[owner], public_id)
    texts = _texts()
    if len(texts) > MAX_ADDRESSES:
        most = MAX_ADDRESSES
        return _refused(_("Send a test to at most %(most)s addresses at a time.", most=most))
    people, bad = _read(texts or [""])
    if bad:
        return _refused(_("Nothing was sent.") if len(texts) > 1 else "", bad)
    subscriber = _subscriber_id(request.form.get("as", ""))
    payload: dict[str, Any] = {_KEYS[owner]: tested.id, "as_subscriber_id": subscriber}
    if language := request.args.get("language", "")[:12]:
        payload["language"] = language
    with transaction():
        test_ids = [
            queue.enqueue("test", address, payload, now=utcnow()).id for address in people.values()
        ]
    for test_id in test_ids:
        services().doorbell.ring("transactional", test_id)
    # Above those of earlier tests, while the problems of this form disappear.
    results = "".join(_result(owner, public_id, test_id) for test_id in test_ids)
    return f'<div hx-swap-oob="afterbegin:#test-sent">{results}</div>'


def _read(texts: Sequence[str]) -> tuple[dict[str, str], list[BadRecipient]]:
    """Return the addresses by their normal form, and the texts that are not addresses."""
    people: dict[str, str] = {}
    bad: list[BadRecipient] = []
    for text in texts:
        try:
            address = addresses.parse(text)
        except InvalidAddressError as error:
            bad.append(BadRecipient(text[:100], sentence(error.reason)))
        else:
            people.setdefault(address.normal, address.text)
    return people, bad


def _refused(message: str, bad: Sequence[BadRecipient] = ()) -> tuple[str, int]:
    return render_template("web/content/_test_refused.html", message=message, bad=bad), 422


@bp.get(f"{_PATH}/<int:mail_id>")
@access("user")
def test_result(owner: Tested, public_id: str, mail_id: int) -> str:
    """Return the result of a test email of this campaign or template."""
    tested = or_404(_MODELS[owner], public_id)
    mail = db.session.get(TransactionalEmail, mail_id)
    if mail is None or mail.kind != "test" or mail.payload.get(_KEYS[owner]) != tested.id:
        abort(404)
    return _result(owner, public_id, mail.id, is_slow=utcnow() - mail.created_at > SLOW_AFTER)


def _result(owner: Tested, public_id: str, mail_id: int, *, is_slow: bool = False) -> str:
    return render_template(
        "web/content/_test_result.html",
        owner=owner,
        public_id=public_id,
        mail_id=mail_id,
        mail=queue.status(mail_id),
        is_slow=is_slow,
    )


def _subscriber_id(public_id: str) -> int | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber.id).where(Subscriber.public_id == public_id))
