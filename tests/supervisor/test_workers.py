"""Which processes work, and for which lanes."""

import os

import pytest

from campaigns.config import Settings
from campaigns.supervisor.workers import MOST_SENDERS, senders, worker_lanes


def settings(send_workers: int) -> Settings:
    return Settings(_env_file=None, send_workers=send_workers)


def test_as_many_send_as_the_setting_says() -> None:
    lanes = worker_lanes(settings(3))
    assert list(lanes) == ["background", "send", "send 2", "send 3"]
    assert [name for name, served in lanes.items() if "send" in served] == list(lanes)[1:]


@pytest.mark.parametrize(
    ("processors", "expected"), [(1, 1), (2, 2), (64, MOST_SENDERS), (None, 1)]
)
def test_else_one_for_each_processor(
    processors: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert senders(settings(0)) == expected


def test_small_mail_has_a_process_that_sends_no_campaigns() -> None:
    first, *_ = worker_lanes(settings(4)).values()
    assert first[0] == "transactional"
    assert "send" not in first
