"""The images that emails show: anyone may load them, and they never change."""

from flask import Blueprint, Response, abort, request

from campaigns.access import access
from campaigns.content.library.storage import CACHE_CONTROL, StorageError, storage_of, type_of
from campaigns.context import services

bp = Blueprint("public_media", __name__)

CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"
RETRY_AFTER_SECONDS = 60


@bp.get("/media/<string(length=12):public_id>/<name>")
@access("public")
def file(public_id: str, name: str) -> Response:
    """Serve a file. Without a limit per client: image proxies load for thousands of recipients."""
    path = f"media/{public_id}/{name}"
    content_type = type_of(path)
    if not content_type:
        abort(404)
    if request.if_none_match.contains(name):
        return _for_ever(Response(status=304), name)
    try:
        data = storage_of(services().settings).get(path)
    except StorageError:
        return _short(503)
    return _short(404) if data is None else _for_ever(Response(data, mimetype=content_type), name)


def _for_ever(answer: Response, name: str) -> Response:
    answer.set_etag(name)
    headers = answer.headers
    headers["Cache-Control"] = CACHE_CONTROL
    headers["Content-Security-Policy"] = CSP
    # Webmail shows it on its own pages.
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _short(status: int) -> Response:
    """Answer without a page, as an image is expected; caches must ask again."""
    answer = Response(status=status)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
