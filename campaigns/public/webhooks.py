"""Events of providers: verified, stored and answered at once; a job reads them.

Some providers request the URL before they use it, so GET and HEAD are answered and do nothing.
"""

from typing import Any

from flask import Blueprint, Response, abort, g, request

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.events.incoming import MAX_BYTES
from campaigns.events.models import WebhookEndpoint
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.kind import Post, RefusedPostError
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.public.pages import handle_errors, private, sentence
from campaigns.reason import Reason
from campaigns.web_limits import client_network, limiter

bp = Blueprint("public_webhooks", __name__)
handle_errors(bp)

MOST = "6000/minute"
"""Limit of posts from one network; a provider that is asked to wait sends again later."""
MOST_REFUSED = "60/minute"


@bp.url_value_preprocessor
def _allow_large(_: str | None, values: dict[str, Any] | None) -> None:
    """Allow batches of events, but only at an address that exists."""
    if request.method == "POST" and values and endpoints.find(values["public_id"]) is not None:
        request.max_content_length = MAX_BYTES


def _client() -> str:
    return f"hooks:{client_network()}"


def _stranger() -> str:
    """Count by URL and network: one wrong set-up must not block the right ones of a provider."""
    public_id = (request.view_args or {})["public_id"]
    return f"refused-hooks:{public_id[:32]}:{client_network()}"


def _is_refused(response: Response) -> bool:
    """Return whether the post or its URL is at fault, as opposed to the database being down."""
    return response.status_code in {401, 403, 404, 406, 413} or "is_refused" in g


@bp.route("/hooks/<public_id>", methods=["GET", "POST"], strict_slashes=False)
@access("public")
@limiter.limit(MOST, methods=["POST"], key_func=_client)
@limiter.limit(MOST_REFUSED, methods=["POST"], key_func=_stranger, deduct_when=_is_refused)
def receive(public_id: str) -> Response:
    """Take a provider's post."""
    if request.method != "POST":
        return _answer(200, "OK")
    endpoint = endpoints.find(public_id)
    if endpoint is None:
        abort(404)
    now = utcnow()
    headers = {name.lower(): value for name, value in request.headers.items()}
    post = Post(headers, request.get_data(cache=False), now)
    try:
        name = endpoints.verify(endpoint, post, services().vault, now=now)
    except RefusedPostError as error:
        return _refuse(endpoint, post, error.reason, error.status)
    with transaction(durable=True):  # the provider does not send it again
        incoming_id = endpoints.accept(endpoint, post, name, now=now)
    if incoming_id is not None:
        services().doorbell.ring("incoming")
    elif (status := WEBHOOKS[endpoint.kind].status_of_repeated) != 200:
        return _refuse(endpoint, post, Reason("webhook.repeated"), status)
    return _answer(200, "OK")


def _refuse(endpoint: WebhookEndpoint, post: Post, reason: Reason, status: int) -> Response:
    g.is_refused = True
    with transaction():
        endpoints.refuse(endpoint, post, reason, now=post.received_at)
    answer = _answer(status, sentence(reason))
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Basic realm=webhook"
    if status == 503:
        answer.headers["Retry-After"] = "60"
    return answer


def _answer(status: int, text: str) -> Response:
    return private(Response(f"{text}\n", status=status, mimetype="text/plain"))
