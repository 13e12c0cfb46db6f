"""Real bounces of some sixty mail servers, labelled by their collectors."""

import csv
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from campaigns.events.bounces.reading import classify
from campaigns.events.bounces.values import BounceVerdict, hardness

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif("CORPUS_DIR" not in os.environ, reason="CORPUS_DIR is not set"),
]
KINDS = {"feedback": {"complaint"}, "vacation": {"auto-reply"}, "delivered": {"delivered"}}
LINE_ENDS = ("bsd", "dos", "mac")


def folder() -> Path:
    return Path(os.environ["CORPUS_DIR"]) / "bounces"


def labelled() -> Iterator[tuple[BounceVerdict, list[dict[str, str]]]]:
    """Each email with its labels, one for each recipient."""
    with (folder() / "expected.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for name, labels in groupby(rows, lambda row: row["file"]):
        yield classify((folder() / "bsd" / name).read_bytes()), list(labels)


def test_hard_and_soft_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    total = right = soft = soft_called_hard = kinds = files = 0
    for verdict, labels in labelled():
        files += 1
        kinds += verdict.kind in KINDS.get(labels[0]["reason"], {"bounce", "delay"})
        for report, label in zip(verdict.reports, labels, strict=False):
            is_hard, is_called_hard = label["hardness"] == "hard", hardness(report) == "hard"
            right += is_hard == is_called_hard
            soft_called_hard += is_called_hard and not is_hard
        unread = labels[len(verdict.reports) :]
        right += sum(label["hardness"] != "hard" for label in unread)
        total += len(labels)
        soft += sum(label["hardness"] != "hard" for label in labels)
    with capsys.disabled():
        print(
            f"\n{files} bounces, {total} recipients: hard or soft right {right / total:.1%},"
            f" soft called hard {soft_called_hard / soft:.1%}, kind right {kinds / files:.1%}"
        )
    assert right / total >= 0.98
    assert soft_called_hard / soft <= 0.01
    assert kinds / files >= 0.99


def test_all_complaints_are_found() -> None:
    complaints = [
        (verdict, labels[0]) for verdict, labels in labelled() if labels[0]["reason"] == "feedback"
    ]
    assert complaints
    for verdict, label in complaints:
        assert (verdict.kind, verdict.feedback_type) == ("complaint", label["feedback_type"])


def test_line_ends_make_no_difference() -> None:
    names = {path.name for end in LINE_ENDS[1:] for path in (folder() / end).glob("*.eml")}
    assert names
    for name in names:
        paths = [folder() / end / name for end in LINE_ENDS]
        assert len({classify(path.read_bytes()) for path in paths if path.exists()}) == 1, name
