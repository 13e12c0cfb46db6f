"""An SMTP account that cannot send says so, and continues once it can."""

import threading

import pytest

from tests.english import in_english
from tests.providers.smtp.test_pool import (
    RecordingSource,
    eventually,
    serving,
    source_of,
    stop_loop_afterwards,
)
from tests.smtp_server import scripted_server, waiting_for

__all__ = ["stop_loop_afterwards"]


def test_failing_to_start_a_thread_is_trouble_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that was never opened must not count as being opened."""

    start = threading.Thread.start

    def start_no_connection(thread: threading.Thread) -> None:
        if thread.name == "smtp-connect":
            raise RuntimeError("can't start new thread")
        start(thread)

    source = source_of(2)
    with scripted_server() as server, monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_no_connection)
        with serving(server.port, source, connections=2) as provider:
            eventually(lambda: source.troubles)
            assert "can't start new thread" in in_english(source.troubles[0])
            assert not source.troubles[0].permanent
            assert set(source.released) == {1}
            patched.undo()
            provider.wake()
            eventually(lambda: source.outcomes == ["sent", "sent"])


def test_without_a_connection_no_message_is_taken() -> None:
    """Messages set aside for a connection that is being opened are released."""
    let_in = threading.Event()

    source: RecordingSource = source_of(2)
    with (
        scripted_server(waiting_for(let_in, "<connect>")) as server,
        serving(server.port, source) as provider,
    ):
        eventually(lambda: len(source.waiting) == 1)
        provider.serve(source, 0)
        eventually(lambda: len(source.waiting) == 2)
        let_in.set()
        eventually(provider.is_idle)
        provider.wake()
        assert source.results == []
        provider.serve(source, 1)
        eventually(lambda: source.outcomes == ["sent", "sent"])
