"""Static files: one hash for all, cached for a year, compressed as the client prefers."""

import asyncio
import gzip
import re
from pathlib import Path
from urllib.parse import urljoin

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.app import create_app
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.server.front import Front
from campaigns.web.static_files import STYLES, Tree, asset, quick_answer, tree
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_list
from tests.server.asgi import Exchange

STYLE = "vendor/tabler/tabler.min.css"
FIRST_LOAD_BYTES = 250_000


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("br;q=0.5, gzip;q=1", "gzip"),
        ("*", "br"),
        ("identity", None),
        ("", None),
    ],
)
def test_a_client_gets_its_preferred_encoding(
    client: FlaskClient, accepted: str, coding: str | None
) -> None:
    answer = client.get(asset(STYLE), headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert decode(answer.data) == (Path("static") / STYLE).read_bytes()


def test_a_file_is_cached_for_a_year_without_revalidation(client: FlaskClient) -> None:
    answer = client.get(asset("css/app.css"))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_head_gives_the_length_of_get(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "br"}
    got = client.get(asset(STYLE), headers=headers)
    head = client.head(asset(STYLE), headers=headers)
    assert head.data == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.data))


def test_a_range_request_gets_the_whole_file(client: FlaskClient) -> None:
    answer = client.get(asset("css/app.css"), headers={"Range": "bytes=0-9"})
    assert answer.status_code == 200
    assert len(answer.data) > 10


def test_fonts_are_sent_uncompressed(client: FlaskClient) -> None:
    path = asset("vendor/inter/latin.woff2")
    answer = client.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Type"] == "font/woff2"


@pytest.mark.parametrize("old", ["/static/0123456789ab/css/app.css", "/static/css/app.css"])
def test_an_old_url_redirects_to_the_current_file(client: FlaskClient, old: str) -> None:
    answer = client.get(old)
    assert answer.status_code == 302
    assert answer.location == asset("css/app.css")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/static/{}/css/none.css", "/static/{}/../pyproject.toml", "/static/{}/", "/static/x"]
)
def test_a_missing_file_is_an_uncached_404(client: FlaskClient, path: str) -> None:
    answer = client.get(path.format(tree().hash))
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_any_change_in_the_tree_changes_every_url(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "a.css").write_text("a {}", "utf-8")
    first = Tree(tmp_path).hash
    assert Tree(tmp_path).hash == first
    (tmp_path / "b.js").write_text("1", "utf-8")
    second = Tree(tmp_path).hash
    (tmp_path / "b.js").rename(tmp_path / "c.js")
    assert len({first, second, Tree(tmp_path).hash}) == 3


def test_files_named_by_styles_are_in_the_same_tree(client: FlaskClient) -> None:
    style = asset("css/app.bundle.css")
    named = re.findall(r'url\("([^"]+)"\)', client.get(style).text)
    assert named
    for one in named:
        assert client.get(urljoin(style, one)).status_code == 200


def test_style_sheets_that_belong_together_are_one_file() -> None:
    files = tree().files
    for name, parts in STYLES.items():
        held = files[name].identity
        assert held == b"\n".join(files[part].identity for part in parts)


def test_no_selector_of_tabler_makes_browsers_style_the_whole_page_again() -> None:
    assert b":has(" not in tree().files[STYLE].identity, "run bin/trim-tabler, then bin/compress"


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    with pytest.raises(KeyError):
        asset("css/none.css")


def test_the_web_server_sends_the_same_files(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path)
    app = create_app(settings)
    exchange = asyncio.run(_asked(app, settings, asset(STYLE)))
    assert exchange.status == 200
    assert exchange.headers["content-encoding"] == "br"
    assert exchange.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert brotli.decompress(exchange.body) == (Path("static") / STYLE).read_bytes()


async def _asked(app: Flask, settings: Settings, path: str) -> Exchange:
    front = Front(app, settings)
    exchange = Exchange(path, headers={"accept-encoding": "br"})
    try:
        await front(exchange.scope, exchange.receive, exchange.send)
    finally:
        front.close()
    return exchange


def test_what_was_compressed_before_is_the_file_beside_it() -> None:
    """`bin/compress` was run after the last change of static/vendor."""
    before = sorted(Path("static").rglob("*.br"))
    assert Path(f"static/{STYLE}.br") in before
    for path in before:
        assert brotli.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()
    kinds = (".js", ".css")
    large = {
        name
        for name, file in tree().files.items()
        if name.startswith("vendor/") and name.endswith(kinds) and len(file.identity) > 2**16
    }
    assert large <= {path.with_suffix("").relative_to("static").as_posix() for path in before}


def test_what_was_compressed_before_has_no_address_of_its_own(client: FlaskClient) -> None:
    assert client.get(f"{asset(STYLE)}.br").status_code == 404


def test_a_static_file_needs_no_thread_unless_it_takes_long_to_compress(tmp_path: Path) -> None:
    (tmp_path / "large.js").write_bytes(b"large" * 20_000)
    (tmp_path / "small.js").write_bytes(b"small")
    (tmp_path / "known.js").write_bytes(b"known" * 20_000)
    (tmp_path / "known.js.br").write_bytes(brotli.compress(b"known" * 20_000))
    files = Tree(tmp_path).files
    quick = {
        (name, coding)
        for name in files
        for coding in ("br", "gzip")
        if files[name].is_quick(coding)
    }
    assert quick == {("small.js", "br"), ("small.js", "gzip"), ("known.js", "br")}
    files["large.js"].content("gzip")
    assert files["large.js"].is_quick("gzip")


@pytest.mark.parametrize("name", ["css/none.css", "../pyproject.toml", "", "css/app.css/"])
def test_the_quick_answer_leaves_what_is_not_there_to_the_app(name: str) -> None:
    assert quick_answer(f"{tree().hash}/{name}", "br") is None
    assert quick_answer(name, "br") is None


def test_the_first_load_of_the_home_page_stays_under_250_kb(owner_client: FlaskClient) -> None:
    with transaction():
        a_campaign(a_list("News"))
    page = owner_client.get("/")
    names = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert any(name.endswith("latin.woff2") for name in names)
    sizes = {
        name: len(owner_client.get(name, headers={"Accept-Encoding": "br"}).data) for name in names
    }
    assert len(page.data) + sum(sizes.values()) < FIRST_LOAD_BYTES, sizes
