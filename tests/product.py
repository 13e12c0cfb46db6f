"""The whole product, started as a user starts it, on its own ports and folders."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.config import Settings

START_SECONDS = 60
COMMAND = Path(sys.executable).with_name("campaigns")


@dataclass
class Product:
    process: subprocess.Popen[bytes]
    url: str
    data_dir: Path
    log: Path
    settings: Settings

    def stop(self) -> int:
        """Press Ctrl-C, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_product(
    *arguments: str,
    command: Sequence[str] = (str(COMMAND),),
    cwd: Path | None = None,
    **environment: str,
) -> Iterator[Product]:
    """Run `campaigns up ARGUMENTS` until the block ends; fail with its log if it does not start."""
    with tempfile.TemporaryDirectory(prefix="cmp-up-", ignore_cleanup_errors=True) as folder:
        data_dir, port = Path(folder) / "data", free_port()
        log = Path(folder) / "log"
        values = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DATA_DIR": str(data_dir),
            "PORT": str(port),
            "MAILBOX_PORT": str(free_port()),
            **environment,
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "up", *arguments],
                env=values, cwd=cwd or folder, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        known: dict[str, Any] = {
            name.lower(): value
            for name, value in values.items()
            if name.lower() in Settings.model_fields
        }
        settings = Settings(_env_file=None, **known)
        product = Product(process, url, data_dir, log, settings)
        try:
            _wait_for(product)
            yield product
        finally:
            try:
                product.stop()
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            print(log.read_text(errors="replace")[-6000:])


def _wait_for(product: Product) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if product.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{product.url}/health", timeout=1) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the product did not start:\n" + product.log.read_text(errors="replace"))
