"""Requests of real providers, with the events that another project makes of them.

The vocabulary of that project is wider than ours, and its tests do not sign everything, so:

- HTTP Basic in front of every provider is the login of the endpoint. Where the request shows that
  none was configured, the endpoint gets the login that the request sends.
- The samples of Amazon SES have placeholders as signatures, and most of SendGrid have none. They
  are signed here with keys of our own, after the login was checked.
- Metadata is replaced by our token, where the sample has any.
"""

import base64
import dataclasses
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from campaigns.events.feedback import Feedback
from campaigns.events.webhooks.kind import LoginCredentials, Post, RefusedPostError, WebhookKind
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.providers.kind import KindModel
from tests.events.webhooks import posts
from tests.events.webhooks.posts import NOW, TOKEN

MEANS: Mapping[str, str] = {
    "delivered": "delivered",
    "deferred": "deferred",
    "bounced": "bounced",
    "rejected": "bounced",  # the provider did not even try
    "failed": "bounced",
    "complained": "complained",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "queued": "unknown",
    "sent": "unknown",
    "subscribed": "unknown",
    "unknown": "unknown",
}
CLASSES: Mapping[str | None, set[str]] = {
    "bounced": {"hard"},
    "invalid": {"hard"},
    "spam": {"refused", ""},  # "" for a complaint
    "unsubscribed": {"refused", ""},
    "blocked": {"refused", "policy"},
    "other": {"transient", "throttle", "mailbox_full"},
    None: {"", "refused", "content", "sender", "transient", "throttle"},
}
"""Classes that fit a reason of the other project: no soft bounce may be hard, and vice versa."""


def _requests() -> Iterator[dict[str, Any]]:
    for kind in WEBHOOKS:
        path = Path(os.environ["CORPUS_DIR"], "webhooks", f"{kind}.json")
        yield from json.loads(path.read_text("utf-8"))


def _headers(request: dict[str, Any]) -> dict[str, str]:
    found = {"content-type": request["content_type"], **request["headers"]}
    return {
        name.lower(): base64.b64decode(value["_b64"]).decode()
        if isinstance(value, dict)
        else str(value)
        for name, value in found.items()
    }


def _login(request: dict[str, Any]) -> dict[str, str]:
    secret = request["settings"].get("WEBHOOK_SECRET")
    if secret is None:
        kind, _, sent = _headers(request).get("authorization", "").partition(" ")
        secret = base64.b64decode(sent).decode() if kind == "Basic" else "u:p"
    pairs = [one.partition(":") for one in ([secret] if isinstance(secret, str) else secret)]
    login = {"username": pairs[0][0], "password": pairs[0][2]}
    if len(pairs) > 1:
        login |= {"old_username": pairs[1][0], "old_password": pairs[1][2]}
    return login


def _clock(request: dict[str, Any]) -> datetime:
    """Return when the request was signed; samples that are signed here are so now."""
    found: Any = None
    if request["provider"] == "mailgun":
        found = re.search(r"\"?timestamp\"?(?:: |\r\n\r\n)\"?(\d+)\"?[,}\r]", request["body"])
    elif request["provider"] == "resend":
        found = re.match(r"(\d+)", _headers(request)["svix-timestamp"])
    return datetime.fromtimestamp(int(found[1]), UTC) if found else NOW


def _credentials(request: dict[str, Any]) -> LoginCredentials:
    login, provider = _login(request), request["provider"]
    model: type[LoginCredentials] = WEBHOOKS[provider].credentials
    if provider == "mailgun":
        is_old = "defaults_webhook_signing_to_api_key" in request["case"]
        key = "TEST_API_KEY" if is_old else "TEST_WEBHOOK_SIGNING_KEY"
        return model.model_validate(dict(**login, signing_key=key))
    if provider == "resend":
        secret = base64.b64encode(b"TEST_SIGNING_SECRET").decode()
        return model.model_validate(dict(**login, signing_secret=f"whsec_{secret}"))
    if provider == "sendgrid":
        key = request["settings"].get("SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY")
        if key is not None:  # then the other project checks no login
            return model.model_validate({"verification_key": key})
        ours = posts.sendgrid_credentials().verification_key
        return model.model_validate(dict(**login, verification_key=ours))
    return model.model_validate(login)


def _signed(request: dict[str, Any]) -> tuple[Post, KindModel]:
    """Return the request as posted, signed here if the sample could not be."""
    headers, body = _headers(request), request["body"].encode()
    if request["provider"] == "sendgrid" and "SENDGRID" not in str(request["settings"]):
        found = posts.by_sendgrid(body)
        return Post({**found.headers, **headers}, body, NOW), posts.NONE
    if request["provider"] != "amazon_ses":
        return Post(headers, body, NOW), posts.NONE
    # The ARN of the sample has too few digits, and its SubscribeURL ends in dots.
    fields = {
        **json.loads(body),
        "TopicArn": posts.TOPIC,
        "Timestamp": "2026-11-20T08:59:00Z",
        "SignatureVersion": "1",
        "SigningCertURL": posts.CERTIFICATE_URL,
    }
    if "SubscribeURL" in fields:
        fields["SubscribeURL"] = posts.CONFIRM_URL
    return Post(headers, json.dumps(posts.sign(fields)).encode(), NOW), posts.SES


def _is_refused(request: dict[str, Any]) -> bool:
    provider = request["provider"]
    kind: WebhookKind[Any, Any] = WEBHOOKS[provider]
    if provider == "amazon_ses":
        kind = posts.amazon_ses()
    post, settings = _signed(request)
    try:
        found = kind.verify(post, _credentials(request), settings, now=_clock(request))
    except RefusedPostError:
        return True
    assert found
    return False


METADATA: Mapping[str, tuple[str, str]] = {
    "amazon_ses": (r'\\"source\\": \\"[^"]*\\"', rf"\"source\": \"b+{TOKEN}@example.com\""),
    "brevo": (
        r'"X-Mailin-custom": "[^}]*}"',
        rf'"X-Mailin-custom": "{{\"campaigns\":\"{TOKEN}\"}}"',
    ),
    "mailgun": (r'name="custom1"\r\n\r\nvalue1', f'name="campaigns"\r\n\r\n{TOKEN}'),
    "postmark": (r'"Metadata": {', rf'"Metadata": {{"campaigns": "{TOKEN}", '),
    "sendgrid": (r'"anymail_id": "[^"]*"', f'"campaigns": "{TOKEN}"'),
    "sparkpost": (r'"rcpt_meta": {"', rf'"rcpt_meta": {{"campaigns": "{TOKEN}", "'),
    "mailjet": (r'"Payload": ""', f'"Payload": "", "CustomID": "{TOKEN}"'),
}


def _parsed(request: dict[str, Any]) -> tuple[list[Feedback], bool]:
    """Return the feedback, and whether our token was put in."""
    body = request["body"]
    if request["provider"] in METADATA:
        pattern, ours = METADATA[request["provider"]]
        body = re.sub(pattern, lambda _: ours, body)
    post = Post(_headers(request), body.encode(), NOW)
    return WEBHOOKS[request["provider"]].parse(post), TOKEN in body


def _faults(
    request: dict[str, Any], is_ours: bool, said: Feedback, due: dict[str, Any]
) -> list[str]:
    """Return the names of what differs from the expected event."""
    bare = due.get("message_id", "").strip("<>")
    is_metadata = f'"anymail_id": "{bare}"' in request["body"]
    at = datetime.fromisoformat(due["timestamp"]) if "timestamp" in due else said.at
    if at.year < 2000:  # the other project takes these seconds for milliseconds
        at = datetime.fromtimestamp(at.timestamp() * 1000, UTC)
    event_id = due.get("event_id", "")
    if request["provider"] == "mailgun" and (own := re.search(r'"id": "([^"]+)"', request["body"])):
        event_id = own[1]  # the other project takes the token of the post
    reply = " ".join((due.get("mta_response") or due.get("description") or "").split())
    right = {
        "kind": said.kind == MEANS[due["event_type"]],
        "time": abs((said.at - at).total_seconds()) < 0.001,
        "event id": said.event_id == event_id,
        "message id": not bare or bare in said.message_ids or is_metadata,
        "recipient": said.recipient == due.get("recipient", ""),
        "hardness": said.reply_class in CLASSES[due.get("reject_reason")]
        or said.kind not in ("bounced", "deferred"),
        "reply": reply.replace("Permanent: General", "") in (said.reply or said.feedback_type),
        "user agent": said.user_agent == due.get("user_agent", ""),
        "url": said.url == due.get("click_url", ""),
        "token": said.token == (TOKEN if is_ours else ""),
    }
    return [name for name, is_right in right.items() if not is_right]


@pytest.mark.corpus
@pytest.mark.skipif("CORPUS_DIR" not in os.environ, reason="CORPUS_DIR is not set")
def test_every_request_gives_the_expected_events_or_is_refused() -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for request in _requests():
        name = f"{request['provider']}: {request['case'].rpartition('.')[2]}"
        status = request["expected_status"]
        is_refused = _is_refused(request)
        if status is not None and status >= 400:
            counts["to be refused"] += 1
            counts["refused"] += is_refused
            wrong += [] if is_refused else [f"{name}: accepted"]
            continue
        counts["to be accepted"] += 1
        counts["accepted"] += not is_refused
        wrong += [f"{name}: refused"] if is_refused else []
        if status is None:  # the other project raises an error
            continue
        found, is_ours = _parsed(request)
        told = [one for one in found if one.kind != "unsubscribed" or len(found) == 1]
        counts["events due"] += len(request["expected_events"])
        if len(told) != len(request["expected_events"]):
            wrong.append(f"{name}: {len(told)} events")
        for said, due in zip(told, request["expected_events"], strict=False):
            faults = _faults(request, is_ours, said, due)
            counts["events right"] += not faults
            counts[f"events of {request['provider']}"] += 1
            counts["with our token"] += is_ours
            counts["with an opt-out"] += due.get("reject_reason") in ("spam", "unsubscribed")
            wrong += [f"{name}: {', '.join(faults)}: {dataclasses.asdict(said)}"] if faults else []
    for name, count in counts.items():
        print(f"{name}: {count}")
    assert not wrong, "\n".join(wrong)
