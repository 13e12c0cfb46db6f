"""The mailbox as a process: kill -9, an orderly stop, a taken port."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaigns.mailbox.store import Store
from tests.mailbox.mail import ENVELOPE, Client, copies
from tests.product import free_port

PROGRAM = (
    "import sys; from pathlib import Path; from campaigns.mailbox.server import serve;"
    "serve('127.0.0.1', int(sys.argv[1]), Path(sys.argv[2]))"
)


@contextmanager
def mailbox_process(path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port), str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "mailbox started" in process.stdout.readline()
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_accepted_messages_survive_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "mailbox.sqlite3"
    accepted = 0
    with mailbox_process(path) as (process, port):
        clients = [Client(port) for _ in range(4)]
        until = time.monotonic() + 0.5
        number = 0
        while time.monotonic() < until:
            for client in clients:
                number += 1
                body = b"Message-ID: <%d@example.org>\r\n\r\nx\r\n.\r\n" % number
                client.socket.sendall(ENVELOPE + body)
            for client in clients:
                assert client.codes(4) == [250, 250, 354, 250]
                accepted += 1
        process.kill()  # killed at once, with nothing flushed
        process.wait(10)
        for client in clients:
            client.socket.close()
    store = Store(path)
    assert accepted > 0
    assert store.totals().messages == accepted
    for number in range(1, accepted + 1):
        assert copies(store.path, "alice@shop.example", f"<{number}@example.org>") == 1
    assert store.repeated() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "mailbox.sqlite3"
    with mailbox_process(path) as (process, port):
        client = Client(port)
        client.socket.sendall(ENVELOPE)
        assert client.codes(3) == [250, 250, 354]
        process.send_signal(number)
        time.sleep(0.2)
        client.socket.sendall(b"on its way\r\n.\r\n")
        assert client.codes(2) == [250, 421]
        assert process.wait(10) == 0
        client.socket.close()
    assert not path.with_name("mailbox.sqlite3-wal").exists()
    assert Store(path).totals().messages == 1


def explanation_of(*environment: str) -> str:
    """The message of `campaigns mailbox` when it cannot start."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "campaigns.cli", "mailbox"],
        env={**os.environ, **dict(pair.split("=", 1) for pair in environment)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = explanation_of(f"DATA_DIR={tmp_path}", f"MAILBOX_PORT={port}")
    assert re.search(rf"Port {port} .*is taken.*MAILBOX_PORT", words)


def test_an_address_of_another_machine_is_explained(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from campaigns.mailbox.server import serve\n"
        "from campaigns.mailbox.schema import MailboxError\n"
        "from campaigns.wording import Words\n"
        "try:\n"
        "    serve('192.0.2.1', 20999, Path(sys.argv[1]))\n"
        "except MailboxError as error:\n"
        "    sys.exit(Words().of(error.reason))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "mailbox.sqlite3")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert re.search(r"cannot listen on 192\.0\.2\.1:.*127\.0\.0\.1", done.stderr)
