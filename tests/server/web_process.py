"""`campaigns web` as a process, with a filled database."""

import http.client
import os
import re
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path

from campaigns.config import Settings
from tests.conftest import settings_for_tests
from tests.product import COMMAND, free_port


@dataclass
class WebProcess:
    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path

    def ask(self, path: str, cookie: str = "") -> tuple[str, bytes]:
        """Request a page; return the new cookie and the page."""
        return self._send(path, cookie, None)

    def log_in(self, address: str, password: str) -> str:
        """Log in; return the cookie."""
        cookie, page = self._send("/login", "", None)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.decode())
        assert token is not None
        form = {"csrf_token": token.group(1), "address": address, "password": password}
        cookie, _ = self._send("/login", cookie, form)
        assert b"Log out" in self.ask("/", cookie)[1]
        return cookie

    def resident_mb(self) -> float:
        """Memory of the process and its worker, in MB."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        pids = [str(self.process.pid), *children.split()]
        status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(
            int(line.split()[1]) / 1024
            for text in status
            for line in text.splitlines()
            if line.startswith("VmRSS")
        )

    def _send(self, path: str, cookie: str, form: dict[str, str] | None) -> tuple[str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Cookie": cookie} if cookie else {}
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        jar = SimpleCookie(cookie)
        for line in answer.msg.get_all("Set-Cookie", []):
            jar.load(line)
        found = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())
        text = answer.read()
        connection.close()
        return found, text


@contextmanager
def running_web(data_dir: Path, fill: Callable[[Settings], None]) -> Iterator[WebProcess]:
    """Run the web process on SQLite without Redis; `fill` fills the database."""
    data_dir.mkdir()
    settings = settings_for_tests(data_dir, public_url="")
    fill(settings)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    log = data_dir / "web.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(COMMAND), "web"], env=environment, cwd=data_dir, stdout=file, stderr=file
        )
    web = WebProcess(process, port, data_dir)
    try:
        _wait_until_healthy(web)
        yield web
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        print(log.read_text(errors="replace")[-4000:])


def _wait_until_healthy(web: WebProcess) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and web.process.poll() is None:
        try:
            if web.ask("/health")[1] == b"ok\n":
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the web process did not come up")
