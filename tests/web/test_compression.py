"""Pages are compressed where nothing of the request can be in them."""

import gzip

import brotli
import pytest
from flask.testing import FlaskClient

from campaigns.db import transaction
from campaigns.web.csrf import masked, unmasked
from tests.factories import a_list

DECODE = {"br": brotli.decompress, "gzip": gzip.decompress}


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_page_is_compressed_as_the_browser_accepts_it(
    owner_client: FlaskClient, coding: str
) -> None:
    answer = owner_client.get("/lists", headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert {"Accept-Encoding", "Cookie"} <= set(answer.vary)
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert DECODE[coding](answer.data).decode().endswith("</html>")


def test_a_browser_without_compression_gets_the_page_and_caches_know(
    owner_client: FlaskClient,
) -> None:
    answer = owner_client.get("/lists")
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.vary
    assert answer.text.endswith("</html>")


def test_head_says_what_get_would_send(owner_client: FlaskClient) -> None:
    answer = owner_client.head("/lists", headers={"Accept-Encoding": "br"})
    assert answer.data == b""
    assert answer.headers["Content-Encoding"] == "br"
    assert 1000 < int(answer.headers["Content-Length"]) < 20_000


@pytest.mark.parametrize("path", ["/subscribers?q=ada", "/lists?", "/no-such-page"])
def test_a_page_that_may_show_text_of_its_url_is_not_compressed(
    owner_client: FlaskClient, path: str
) -> None:
    answer = owner_client.get(path, headers={"Accept-Encoding": "br"})
    is_bare = path.endswith("?")  # browsers send such a URL without a query
    assert ("Content-Encoding" in answer.headers) == is_bare


def test_an_answer_to_a_form_is_not_compressed(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/lists/new", data={"name": ""}, headers={"Accept-Encoding": "br"})
    assert len(answer.data) > 1000
    assert "Content-Encoding" not in answer.headers


def test_an_export_is_streamed_as_it_is(owner_client: FlaskClient) -> None:
    with transaction():
        a_list("News")
    with owner_client.get(
        "/suppressions/export.csv", headers={"Accept-Encoding": "br"}, buffered=False
    ) as answer:
        assert answer.status_code == 200
        assert answer.mimetype == "text/csv"
        assert answer.is_streamed
        assert "Content-Encoding" not in answer.headers


def test_a_masked_token_is_the_token_and_looks_different_each_time() -> None:
    token = "IjEyMzQ1Njc4OTAi.aRsTuV.abc-DEF_123"
    sent = {masked(token) for _ in range(50)}
    assert len(sent) == 50
    assert {unmasked(one) for one in sent} == {token}
    assert not any(token[:8] in one for one in sent)


@pytest.mark.parametrize("sent", ["", "a", "IjEy.a.b", "é", "\x00", "AAA=", "_" * 1001, "////"])
def test_what_is_no_masked_token_is_no_error(sent: str) -> None:
    assert isinstance(unmasked(sent), str)


def test_each_page_has_another_form_of_the_token(owner_client: FlaskClient) -> None:
    pages = [owner_client.get("/lists").text for _ in range(2)]
    first, second = (page.split('data-csrf="')[1].split('"')[0] for page in pages)
    assert first != second
    assert unmasked(first).split(".")[0] == unmasked(second).split(".")[0]
    assert unmasked(first).split(".")[0] not in pages[0]
