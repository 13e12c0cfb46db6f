"""What is checked before anything starts."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.supervisor import preflight, status
from campaigns.supervisor.preflight import CannotStartError


def test_a_data_directory_can_be_locked_only_once(tmp_path: Path) -> None:
    lock = preflight.DirectoryLock(tmp_path, print)
    with pytest.raises(CannotStartError, match=rf"already running \(pid {os.getpid()}\)"):
        preflight.DirectoryLock(tmp_path, print)
    lock.release()
    preflight.DirectoryLock(tmp_path, print).release()


def test_the_lock_waits_for_the_processes_of_a_killed_run(tmp_path: Path) -> None:
    """The holder named in the file has ended, but one of its guards still has the file open."""
    lock = preflight.DirectoryLock(tmp_path, print)
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    guard = subprocess.Popen(waiting, stdin=subprocess.PIPE, pass_fds=[lock.descriptor])
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "up.lock").write_text(f"{ended.pid}\n")
    lock.release()
    messages: list[str] = []

    def end_the_guard(message: str) -> None:
        messages.append(message)
        guard.communicate()

    preflight.DirectoryLock(tmp_path, end_the_guard).release()
    assert messages == ["an earlier run was killed: waiting for its processes to end"]


def test_the_runtime_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    preflight.prepare_runtime_dir(folder, "kv.sock")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    preflight.prepare_runtime_dir(folder, "kv.sock")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_runtime_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotStartError, match="belongs to another user"):
        preflight.prepare_runtime_dir(tmp_path / "run", "kv.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_runtime_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", 65534, 65534)
    with pytest.raises(CannotStartError, match="belongs to another user"):
        preflight.prepare_runtime_dir(tmp_path / "run", "kv.sock")


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="too long a path for a socket"):
        preflight.prepare_runtime_dir(tmp_path / ("x" * 100), "kv.sock")


def test_a_taken_port_is_refused_and_another_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStartError, match=f"Port {port} .* MAILBOX_PORT=") as caught:
            preflight.check_port_is_free("127.0.0.1", port, "MAILBOX_PORT")
    assert not str(caught.value).endswith(f"={port}")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotStartError, match="Check HOST and PORT"):
        preflight.check_port_is_free("192.0.2.1", 8000, "PORT")


def test_the_status_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    processes = (status.ProcessStatus("web", "running", 4711, 2),)
    written = status.Status(
        os.getpid(), "2026-01-01T00:00:00+00:00", "http://127.0.0.1:8000", True, 2525, "", processes
    )
    status.write(tmp_path, written)
    found = status.read(tmp_path)
    assert found == written
    assert found.is_current


def test_a_damaged_status_file_counts_as_missing(tmp_path: Path) -> None:
    assert status.read(tmp_path) is None
    (tmp_path / status.FILE_NAME).write_text('{"pid": 1')
    assert status.read(tmp_path) is None
