"""A disk that fills up in mid-campaign: sending stops, says so once, and resumes automatically."""

import http.client
import re
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import psycopg
import pytest

from campaigns.accounts import users
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests import servers
from tests.arrivals import (
    FEWER_RECIPIENTS,
    Arrivals,
    arrivals,
    launch,
    longest_pause_here,
    pause_after,
    send_the_rest,
)
from tests.product import Product, running_product
from tests.small_disk import small_disk
from tests.smtp_server import ScriptedServer
from tests.supervisor.helpers import wait_until

pytestmark = pytest.mark.process

PROCESSES = 3
"""The processes that write without a request: two workers and the clock."""
RECIPIENTS_FOR_TWO = 2 * FEWER_RECIPIENTS
"""Enough for a test with two faults."""
ADDRESS, PASSWORD = "owner@example.org", "a long enough pass phrase"
FULL = "The disk of the data directory is full."
ROOM = "The disk of the data directory has room again"
REDIS_FULL = "Redis cannot write to its disk"
REDIS_BACK = "Redis is back"
DATABASE_FULL = "The database cannot write, because its disk is full."
DATABASE_BACK = "The database is back"


class Browser:
    """A logged-in client of a running product."""

    def __init__(self, url: str) -> None:
        self._host = urllib.parse.urlsplit(url).netloc
        self._cookie = ""

    def get(self, path: str) -> tuple[int, str]:
        return self._send("GET", path, None)

    def post(self, path: str, **form: str) -> tuple[int, str]:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path)[1])
        assert token is not None
        return self._send("POST", path, {"csrf_token": token.group(1), **form})

    def _send(self, method: str, path: str, form: dict[str, str] | None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode(form) if form is not None else None
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        jar = SimpleCookie(self._cookie)
        for line in answer.msg.get_all("Set-Cookie", []):
            jar.load(line)
        self._cookie = "; ".join(f"{name}={value.coded_value}" for name, value in jar.items())
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text


def log_in(product: Product) -> Browser:
    app = create_app(product.settings)
    with app.app_context():
        with transaction():
            users.create_user(ADDRESS, PASSWORD, now=utcnow())
        db.session.remove()
        db.engine.dispose()
    browser = Browser(product.url)
    assert browser.post("/login", address=ADDRESS, password=PASSWORD)[0] == 302
    return browser


def pages_without_arguments(product: Product) -> list[str]:
    rules = create_app(product.settings).url_map.iter_rules()
    return sorted(
        str(rule) for rule in rules if not rule.arguments and "GET" in (rule.methods or ())
    )


@contextmanager
def in_mid_campaign(
    data: Path, *, recipients: int = FEWER_RECIPIENTS, **environment: str
) -> Iterator[tuple[Product, ScriptedServer, Arrivals]]:
    with (
        arrivals() as (sink, watched),
        running_product(DATA_DIR=str(data), SEND_WORKERS="1", **environment) as product,  # type: ignore[arg-type]
    ):
        # A job that first runs on a full disk may not run again within this test.
        wait_until(lambda: product.log.read_text().count("worker started") >= 2, "both workers")
        launch(product.settings, sink, watched, recipients=recipients)
        yield product, sink, watched


def check_that_sending_stops(watched: Arrivals) -> None:
    wait_until(watched.have_stopped, "sending stops")
    time.sleep(4)  # long enough for a repeated message to be logged


def check_pause(watched: Arrivals) -> None:
    """Check that sending resumes in time; call right after making room."""
    pause = pause_after(watched, lambda: None)
    print(f"longest pause: {pause:.2f} s")
    assert pause <= longest_pause_here()


def check_that_sending_resumes(
    product: Product,
    sink: ScriptedServer,
    watched: Arrivals,
    *,
    recipients: int = FEWER_RECIPIENTS,
) -> None:
    """Check that sending resumes in time and the campaign ends; call right after making room."""
    check_pause(watched)
    send_the_rest(product.settings, sink, recipients=recipients)
    assert "Traceback" not in product.log.read_text()


def check_logged_once(product: Product, begins: str, ends: str) -> None:
    """Check that each process that noticed the outage logged its begin and its end once."""

    def count(words: str) -> int:
        return sum(words in line for line in lines_without_requests(product))

    # A process logs the end at its next write.
    wait_until(lambda: count(ends) >= count(begins), f"{ends}, as often as: {begins}")
    assert 1 <= count(begins) <= PROCESSES, product.log.read_text()
    assert count(ends) == count(begins), product.log.read_text()


def lines_without_requests(product: Product) -> list[str]:
    """Return the log without that of the pages, which notice outages only when asked for."""
    return [line for line in product.log.read_text().splitlines() if not line.startswith("web ")]


def test_pages_report_a_full_disk_and_sending_resumes_automatically(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        small_disk(data, 60) as disk,
        in_mid_campaign(data) as (product, sink, watched),
    ):
        browser = log_in(product)
        pages = pages_without_arguments(product)
        with disk.full():
            check_that_sending_stops(watched)
            assert "disk is full" in browser.get("/")[1]
            assert browser.get("/health")[0] == 200  # pages can still be read
            answers = {path: browser.get(path)[0] for path in pages}
            saved = browser.post("/lists/new", name="One more")
            login = Browser(product.url).post("/login", address=ADDRESS, password=PASSWORD)
        assert not {path for path, status in answers.items() if status >= 500 and status != 507}
        for status, text in (saved, login):
            assert status == 507
            assert "The disk is full" in text
        check_that_sending_resumes(product, sink, watched)
        check_logged_once(product, FULL, ROOM)
        check_logged_once(product, REDIS_FULL, REDIS_BACK)


def test_a_full_disk_of_the_journals_then_of_redis(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        small_disk(data / "journal", 8) as journals,
        small_disk(data / "kv", 24) as redis,
        in_mid_campaign(data, recipients=RECIPIENTS_FOR_TWO) as (product, sink, watched),
    ):
        browser = log_in(product)
        with journals.full():
            check_that_sending_stops(watched)
        check_pause(watched)
        check_logged_once(product, FULL, ROOM)
        with redis.full():
            check_that_sending_stops(watched)
            assert browser.get("/campaigns")[0] == 200
            assert browser.post("/lists/new", name="One more")[0] == 302
        check_that_sending_resumes(product, sink, watched, recipients=RECIPIENTS_FOR_TWO)
        check_logged_once(product, REDIS_FULL, REDIS_BACK)


def test_a_full_disk_of_postgresql(tmp_path: Path) -> None:
    if servers.system_postgresql_bin() is None:
        pytest.skip("no PostgreSQL is installed here")
    with (
        tempfile.TemporaryDirectory(prefix="cmp-disk-") as folder,
        small_disk(Path(folder) / "disk", 64) as disk,
        servers.system_postgresql() as url,
    ):
        Path(folder).chmod(0o711)
        tables = disk.folder / "tables"
        tables.mkdir()
        for path in (disk.folder, tables):
            shutil.chown(path, "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
            connection.execute("CREATE DATABASE campaigns TABLESPACE small")
        url = url.replace("/postgres?", "/campaigns?")
        with in_mid_campaign(tmp_path / "data", DATABASE_URL=url) as (product, sink, watched):
            with disk.full():
                check_that_sending_stops(watched)
            check_that_sending_resumes(product, sink, watched)
            check_logged_once(product, DATABASE_FULL, DATABASE_BACK)
