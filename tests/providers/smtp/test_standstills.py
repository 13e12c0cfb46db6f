"""An SMTP account that cannot go on says so, and goes on when it can again."""

import threading

import pytest

from tests.english import in_english
from tests.providers.smtp.test_pool import Pile, eventually, loop, pile_of, serving
from tests.smtp_server import Session, scripted_server

__all__ = ["loop"]


def test_when_no_thread_can_be_started_that_is_a_trouble_and_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that is never opened must not count as one that is being opened."""

    start = threading.Thread.start

    def start_no_connection(thread: threading.Thread) -> None:
        if thread.name == "smtp-connect":
            raise RuntimeError("can't start new thread")
        start(thread)

    pile = pile_of(2)
    with scripted_server() as server, monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_no_connection)
        with serving(server.port, pile, connections=2) as provider:
            eventually(lambda: pile.troubles)
            assert "can't start new thread" in in_english(pile.troubles[0])
            assert not pile.troubles[0].permanent
            assert set(pile.put_backs) == {1}
            patched.undo()
            provider.wake()
            eventually(lambda: pile.outcomes == ["sent", "sent"])


def test_without_a_connection_nothing_is_taken_any_more() -> None:
    """What was put aside for one that is just being opened goes back."""
    let_in = threading.Event()

    def script(line: str, session: Session) -> str | None:
        if line == "<connect>":
            let_in.wait(20)
        return None

    pile: Pile = pile_of(2)
    with scripted_server(script) as server, serving(server.port, pile) as provider:
        eventually(lambda: len(pile.waiting) == 1)
        provider.serve(pile, 0)
        eventually(lambda: len(pile.waiting) == 2)
        let_in.set()
        eventually(provider.is_idle)
        provider.wake()
        assert pile.results == []
        provider.serve(pile, 1)
        eventually(lambda: pile.outcomes == ["sent", "sent"])
