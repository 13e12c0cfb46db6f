"""`campaigns classify-bounce`: one JSON object per file, whatever the files contain."""

import errno
import json
import os
from pathlib import Path

import pytest

from campaigns.tokens import Signer, delivery_token
from tests.cli.conftest import Run
from tests.events.bounces.emails import TOKEN, notice, report

FAILED = report(
    "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 User unknown"
)
KEYS = [
    "file",
    "kind",
    "hardness",
    "class",
    "status",
    "reply_code",
    "recipients",
    "feedback_type",
    "original_message_id",
    "token_valid",
]


def test_each_file_is_a_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(FAILED)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.eml").write_bytes(notice("Nothing to see."))
    missing = str(tmp_path / "missing")
    result = run("classify-bounce", str(tmp_path / "a.eml"), str(tmp_path / "folder"), missing)
    assert result.exit_code == 0
    first, second, third = (json.loads(line) for line in result.output.splitlines())
    assert list(first) == KEYS
    assert (first["kind"], first["hardness"], first["class"]) == ("bounce", "hard", "hard")
    assert (first["status"], first["reply_code"]) == ("5.1.1", 550)
    assert first["recipients"] == ["ada@example.org"]
    assert second["file"].endswith("b.eml")
    assert (third["kind"], third["error"]) == ("unknown", "No such file or directory")


def test_what_cannot_be_read_is_a_line_with_the_reason(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.eml").write_bytes(FAILED)
    (tmp_path / "locked").mkdir()
    os.mkfifo(tmp_path / "pipe")
    scan = os.scandir

    def refuse(path: str) -> object:  # permissions do not stop the tests of an administrator
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "listdir", lambda path: refuse(path))
    found = {Path(str(line["file"])).name: line.get("error") for line in lines(run, tmp_path)}
    assert found == {
        "good.eml": None,
        "pipe": "Not a regular file",
        "locked": "Permission denied",
    }


SECRET = "a secret key of more than thirty characters"


def test_a_token_is_checked_with_the_secret_key(
    run: Run, command_environment: dict[str, str], tmp_path: Path
) -> None:
    command_environment["SECRET_KEY"] = SECRET
    ours = delivery_token(Signer([SECRET]), 7)
    (tmp_path / "1.eml").write_bytes(FAILED.replace(TOKEN.encode(), ours.encode()))
    (tmp_path / "2.eml").write_bytes(FAILED)
    (tmp_path / "3.eml").write_bytes(FAILED.replace(TOKEN.encode(), b"short"))
    assert [line["token_valid"] for line in lines(run, tmp_path)] == [True, False, False]


def test_without_a_key_a_token_is_neither_valid_nor_invalid(run: Run, tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(FAILED)
    assert [line["token_valid"] for line in lines(run, tmp_path)] == [None]
    assert not (tmp_path / "data").exists()


def lines(run: Run, folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in run("classify-bounce", str(folder)).output.splitlines()]
