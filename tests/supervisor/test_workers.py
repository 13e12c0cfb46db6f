"""Which worker processes run, and which lanes they serve."""

import math
import os
from contextlib import AbstractContextManager, nullcontext

import pytest

from campaigns.config import Settings
from campaigns.supervisor import workers
from campaigns.supervisor.process import Program
from campaigns.supervisor.workers import MAX_SENDERS, senders, worker_lanes


def settings(send_workers: int) -> Settings:
    return Settings(_env_file=None, send_workers=send_workers)


def test_the_setting_decides_how_many_workers_send() -> None:
    lanes = worker_lanes(settings(3))
    assert list(lanes) == ["send", "background", "send 2", "send 3"]
    assert [name for name, served in lanes.items() if "send" not in served] == ["background"]


def test_a_sender_starts_first_and_alone() -> None:
    """After a kill, email waits for it."""
    first, *_ = worker_lanes(settings(4))
    assert first == "send"


@pytest.mark.parametrize(("processors", "expected"), [(1, 1), (2, 2), (64, MAX_SENDERS), (None, 1)])
def test_by_default_one_worker_per_processor_sends(
    processors: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert senders(settings(0)) == expected


def test_the_other_workers_start_later(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    class Recorder:
        def __init__(self, say: object) -> None: ...

        def handling_signals(self) -> AbstractContextManager[None]:
            return nullcontext()

        def add(self, program: Program) -> None:
            calls.append(program.name)

        def run(self, seconds: float = math.inf) -> None:
            calls.append(seconds)

        def stop(self, *, at_once: bool) -> None: ...

    monkeypatch.setattr(workers, "Supervisor", Recorder)
    workers.run_workers(settings(1))
    head_start = workers.HEAD_START_SECONDS
    assert calls == ["worker for send", head_start, "worker for background", math.inf]


def test_single_emails_have_a_process_that_sends_no_campaigns() -> None:
    served = worker_lanes(settings(4))["background"]
    assert served[0] == "transactional"
    assert "send" not in served
