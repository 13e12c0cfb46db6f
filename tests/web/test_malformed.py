"""No request causes a 500; malformed requests are refused as such."""

import re
import traceback
from collections.abc import Iterator
from contextvars import Context
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask, got_request_exception
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from campaigns.accounts import users
from campaigns.app import PUBLIC_REQUEST_BYTES
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.tokens import DeliveryRef, click_path
from campaigns.web_limits import limiter
from tests.architecture.source import ROOT
from tests.factories import (
    a_campaign,
    a_delivery,
    a_list,
    a_provider,
    a_sender,
    a_series,
    a_signed_domain,
    a_subscriber,
)
from tests.web.visits import visit

# PostgreSQL refuses other values than SQLite.
pytestmark = pytest.mark.runs_on("sqlite", "postgresql")

BAD_VALUES = [
    "a%00b", "%FF%FE%zz", "9223372036854775808", "9" * 40, "9999-12-31T23:59", "2026-13-45",
]  # fmt: skip
"""Percent-encoded, as values of queries and forms."""

FORM = "application/x-www-form-urlencoded"

BAD_BODIES = {
    "a part without a name": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--\r\n",
    ),
    "a part without headers": ("multipart/form-data; boundary=x", b"--x\r\n\r\nvalue\r\n--x--\r\n"),
    "a part without disposition": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Type: text/plain\r\n\r\nvalue\r\n--x--\r\n",
    ),
    "a file without a name": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; filename="a.csv"\r\n\r\nvalue\r\n--x--\r\n',
    ),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n--x--\r\n"),
    "an empty boundary": ("multipart/form-data; boundary=", b"--\r\n\r\n----\r\n"),
    "a boundary beyond ASCII": ("multipart/form-data; boundary=\xff\xfe", b"--\xff\xfe\r\n"),
    "a long boundary": ("multipart/form-data; boundary=" + "x" * 5000, b"--x\r\n"),
    "another boundary": ("multipart/form-data; boundary=y", b"--x\r\n\r\n--x--\r\n"),
    "cut off": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nval',
    ),
    "an unknown charset": (
        "multipart/form-data; boundary=x",
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
            b"Content-Type: text/plain; charset=nonsense\r\n\r\nv\r\n--x--\r\n"
        ),
    ),
    "an odd charset": (
        "multipart/form-data; boundary=x",
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
            b"Content-Type: text/plain; charset=utf-16\r\n\r\nv\xff\xd8\r\n--x--\r\n"
        ),
    ),
    "a bad length in a part": (
        "multipart/form-data; boundary=x",
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
            b"Content-Length: abc\r\n\r\nv\r\n--x--\r\n"
        ),
    ),
    "bad header bytes in a part": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="\xff\0"\r\n\xff: \0\r\n\r\nv\r\n--x--\r\n',
    ),
    "an encoded name": (
        "multipart/form-data; boundary=x",
        (
            b"--x\r\nContent-Disposition: form-data; name*=nonsense''%ff; filename*=utf-8''%ff\r\n"
            b"\r\nv\r\n--x--\r\n"
        ),
    ),
    "too many parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n' * 1500 + b"--x--\r\n",
    ),
    "no form at all": ("application/x-www-form-urlencoded", b"\x00\xff=\xfe&&&=%&%zz=%00"),
    "bad JSON": ("application/json", b'{"a": '),
    "deep JSON": ("application/json", b"[" * 100_000),
    "no type": ("", b"\x00\x01\x02"),
    "an odd type": (";;;=\xff", b"a=b"),
}

BAD_HEADERS = [
    {"Range": "bytes=9-1,-,abc"}, {"Range": "bytes=" + "9" * 5000 + "-"},
    {"If-Modified-Since": "Mon, 99 Foo 99999 99:99:99 XYZ"},
    {"If-Modified-Since": "Mon, 01 Jan 0000 00:00:00 GMT"}, {"If-Range": "\xff\xfe"},
    {"If-None-Match": '"\xff", W/, *'}, {"Content-Type": "\xff/\x01; charset=nonsense"},
    {"Content-Length": "abc"}, {"Content-Length": "-5"}, {"Content-Length": "9" * 30},
    {"Cookie": "campaigns=\xff\xfe; =; ;;a=\x01"}, {"Cookie": "campaigns=.eJw.x.y"},
    {"Cookie": "campaigns=" + "A" * 5000}, {"Accept": "\xff;q=abc, */*;q=9e999"},
    {"Accept-Language": "\xff;q=x"}, {"Accept-Encoding": ";;;,,,"},
    {"Authorization": "Basic \xff"}, {"Authorization": "Digest a=\xff"},
    {"Referer": "http://[::1"}, {"Referer": "\xff"}, {"Origin": "http://["},
    {"User-Agent": "\x00\xff"}, {"Host": "\xff"}, {"Host": "a:b:c"}, {"Host": "localhost:99999999"},
    {"Host": ""}, {"Host": "["}, {"Host": "localhost:"}, {"X-Forwarded-For": "\xff"},
    {"HX-Request": "true", "HX-Current-URL": "http://[", "HX-Target": "\xff"},
    {"Date": "x"}, {"Cache-Control": "max-age=abc"}, {"X-CSRFToken": "\xff\x00"},
]  # fmt: skip


@pytest.fixture
def data(app: Flask) -> dict[str, list[str]]:
    """Data behind every URL: the values that each part of a rule may have."""
    with transaction() as session:
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        provider = a_provider()
        sender = a_sender(provider=provider)
        sent = a_campaign(news, sender=sender, status="sent")
        draft = a_campaign(news, sender=sender)
        delivery = a_delivery(sent, alice, status="sent", list_id=news.id)
        series = a_series(news)
        domain = a_signed_domain()
        users.create_user("owner@example.org", "correct horse battery", now=utcnow())
        session.flush()
    signer = services().signer
    ref = DeliveryRef(alice.id, news.id, delivery.id).pack()
    return {
        "/campaigns": [sent.public_id, draft.public_id],
        "/lists": [news.public_id],
        "/s": [news.public_id],
        "/subscribers": [alice.public_id],
        "/settings/providers": [provider.public_id],
        "/settings/senders": [sender.public_id],
        "/settings/domains": [domain.public_id],
        "/calendar": [series.public_id],
        "/u": [signer.sign("unsubscribe", ref)],
        "/v": [signer.sign("view", ref)],
        "/c": click_path(signer, delivery.id, 1, "https://shop.example/").split("/")[:1],
    }


class Prober:
    """Sends a browser's requests, each in its own context, and records failures."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        app.testing = False
        app.config["PROPAGATE_EXCEPTIONS"] = False
        self._client = client
        self.failures: dict[str, str] = {}
        self.codes: set[int] = set()
        self._error: BaseException | None = None
        got_request_exception.connect(self._note, app)

    def _note(self, _: Flask, exception: BaseException) -> None:
        self._error = exception

    def ask(self, method: str, path: str, query: str = "", **values: Any) -> int:
        self._error = None
        what = f"{method} {path[:80]}?{query[:80]} {str(values)[:200]}"
        environ = {"QUERY_STRING": query, **values.pop("environ", {})}
        try:
            answer = Context().run(
                self._client.open, "/", method=method,
                environ_overrides={"PATH_INFO": _wsgi(path), **environ}, buffered=True, **values,
            )  # fmt: skip
            code = answer.status_code
        except Exception as error:  # noqa: BLE001 (whatever a WSGI server would get to see)
            self._error, code = error, 500
        if code >= 500:
            place = traceback.extract_tb(self._error.__traceback__)[-1] if self._error else ""
            key = f"{type(self._error).__name__}: {str(self._error)[:200]} at {place}"
            self.failures.setdefault(key, what)
        self.codes.add(code)
        return code


def _wsgi(path: str) -> str:
    """Decode a percent-encoded path as a WSGI server does."""
    return unquote_to_bytes(path).decode("latin-1")


@pytest.fixture(params=["stranger", "owner"])
def prober(app: Flask, client: FlaskClient, data: object, request: Any) -> Iterator[Prober]:
    if request.param == "owner":
        form = {"address": "owner@example.org", "password": "correct horse battery"}
        assert client.post("/login", data=form).status_code == 302
    limiter.enabled = False
    yield Prober(app, client)
    limiter.enabled = True


def all_rules(app: Flask) -> list[Rule]:
    """Every route, with those that delete something last."""
    last = re.compile("delete|discard|end$|logout|leave|retire|empty")
    rules = app.url_map.iter_rules()
    return sorted(rules, key=lambda rule: (bool(last.search(rule.rule)), rule.rule))


def paths_of(rule: Rule, data: dict[str, list[str]]) -> list[str]:
    """The existing URLs of this route."""
    values = next((ids for start, ids in data.items() if rule.rule.startswith(f"{start}/")), ["x"])
    fill = {"mail_id": "1", "message_id": "1", "number": "1", "local": "2026-11-30T09:00",
            "name": "failed", "key": "yahoo-complaints", "filename": "css/app.css",
            "key_id": "1", "target": "aHR0cHM6Ly94"}  # fmt: skip

    def put(found: re.Match[str]) -> str:
        return fill.get(found.group(1), "\0")

    path = re.sub(r"<(?:[^<>:]*(?:\([^)]*\))?:)?(\w+)>", put, rule.rule)
    return [path.replace("\0", value) for value in values]


@cache
def names_in_source() -> list[str]:
    """Every name that a view reads from a query or form."""
    call = re.compile(
        r"""(?:args|form|values|fields|typed|sent)(?:\.get|\.getlist|\.get_all)?[(\[]\s*"([\w.-]+)\""""
    )
    texts = [
        path.read_text("utf-8")
        for folder in ("web", "public")
        for path in (ROOT / "campaigns" / folder).rglob("*.py")
    ]
    inputs = re.compile(r"""name="([\w.-]+)\"""")
    texts += [inputs.sub(r'form["\1"]', path.read_text("utf-8"))
              for path in (ROOT / "templates").rglob("*.html")]  # fmt: skip
    return sorted({name for text in texts for name in call.findall(text)})


EXCLUDED = {"csrf_token", "host"}
"""The token would end every test at the door; a host would be looked up in the DNS."""


def ask_everywhere(app: Flask, prober: Prober, data: dict[str, list[str]], value: str) -> None:
    """Try this value in every part of every URL, query and form."""
    fields = "&".join(f"{name}={value}" for name in names_in_source() if name not in EXCLUDED)
    for rule in all_rules(app):
        methods = sorted((rule.methods or set()) & {"GET", "POST"})
        bad_path = re.sub(r"<[^>]*>", lambda _: value[:1000], rule.rule)
        for method in methods:
            if bad_path != rule.rule:
                prober.ask(method, bad_path)
            for path in paths_of(rule, data):
                if method == "GET":
                    prober.ask(method, path, fields)
                else:
                    prober.ask(method, path, data=fields.encode(), content_type=FORM)


ALLOWED = {200, 204, 302, 303, 308, 400, 401, 404, 405, 409, 413, 416, 422, 423, 429}


@pytest.mark.process
@pytest.mark.parametrize("value", BAD_VALUES)
def test_no_odd_value_causes_a_server_error(
    app: Flask, prober: Prober, data: dict[str, list[str]], value: str
) -> None:
    ask_everywhere(app, prober, data, value)
    assert prober.failures == {}
    assert prober.codes <= ALLOWED


@pytest.mark.parametrize("path", ["/login", "/", "/subscribers", "/static/css/app.css", "/s/x"])
def test_no_header_causes_a_server_error(app: Flask, prober: Prober, path: str) -> None:
    for headers in BAD_HEADERS:
        environ = {_variable(name): value for name, value in headers.items()}
        for method in ("GET", "POST"):
            prober.ask(method, path, environ=environ)
    assert prober.failures == {}


def _variable(name: str) -> str:
    variable = name.upper().replace("-", "_")
    return variable if name in {"Content-Type", "Content-Length"} else f"HTTP_{variable}"


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_malformed_body_is_refused_before_login(app: Flask, name: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True  # the CSRF check reads the form first
    content_type, body = BAD_BODIES[name]
    prober = Prober(app, app.test_client())
    for path in ("/login", "/welcome", "/imports", "/s/x", "/u/x", "/confirm/x", "/nothing"):
        prober.ask("POST", path, data=body, content_type=content_type)
    assert prober.failures == {}
    assert prober.codes <= {302, 400, 404, 405, 413, 422}


def test_forms_without_a_login_are_small(app: Flask, owner_client: FlaskClient) -> None:
    """Two megabytes of percent signs take more than a second to parse."""
    app.config["WTF_CSRF_ENABLED"] = True
    unsubscribe = services().signer.sign("unsubscribe", DeliveryRef(1, 1, 1).pack())
    with transaction():
        sign_up = a_list("Open", is_public=True).public_id
    for path in ("/login", "/forgot", "/welcome", "/reset/x", f"/s/{sign_up}", f"/u/{unsubscribe}"):
        for body, code in ((b"a=" + b"%" * PUBLIC_REQUEST_BYTES, 413), (b"a=b", None)):
            answer = visit(app.test_client(), path, "POST", data=body, content_type=FORM)
            assert (answer.status_code == 413) is (code == 413), path
    app.config["WTF_CSRF_ENABLED"] = False
    form = {"name": "News", "description": "x" * 2 * PUBLIC_REQUEST_BYTES}
    assert visit(owner_client, "/lists/new", "POST", data=form).status_code != 413
