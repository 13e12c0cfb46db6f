"""Refuse malformed requests before a view sees them."""

import re
from collections.abc import Iterable

from flask import request
from flask_babel import lazy_gettext
from werkzeug.exceptions import BadRequest

from campaigns.context import services
from campaigns.methods import Request

_PARSING = (ValueError, LookupError, TypeError, AttributeError)
"""Errors that the form parsers raise for malformed forms."""
_FOR_ANY_HOST = {
    "static",
    "public_health.health",
    "public_media.file",
    "public_track.open_pixel",
    "public_track.click",
}
_PORT = re.compile(r":[0-9]*$")


class CheckedRequest(Request):
    """A request that raises BadRequest when a malformed form is read."""

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
        except _PARSING:
            raise BadRequest from None
        names = [*self.form, *self.files]
        if not all(isinstance(name, str) for name in names):  # a part without a name
            raise BadRequest
        values = (value for found in self.form.listvalues() for value in found)
        files = (file.filename or "" for found in self.files.listvalues() for file in found)
        _refuse_nul((*names, *values, *files))


def check_path_and_query() -> None:
    """Refuse NUL characters, which databases do not accept as text."""
    values = (value for found in request.args.listvalues() for value in found)
    _refuse_nul((request.path, *request.args, *values))


def _refuse_nul(texts: Iterable[str]) -> None:
    if any("\0" in text for text in texts):
        raise BadRequest


class UnknownHostError(BadRequest):
    """The Host header contains an unknown name."""

    name = lazy_gettext("Unknown host name")
    description = lazy_gettext(
        "This installation does not answer under this host name."
        " Set PUBLIC_URL to its address, or add the name to TRUSTED_HOSTS, and restart."
    )


def check_host() -> None:
    """Refuse unknown host names, as responses may contain the name (links, redirects).

    Except for health, which load balancers request by IP address, and for static files, opens and
    clicks, whose responses never contain it.
    """
    if request.endpoint in _FOR_ANY_HOST:
        return
    name = _PORT.sub("", request.host.lower()).strip("[]")
    if name not in services().settings.known_hosts:
        raise UnknownHostError
