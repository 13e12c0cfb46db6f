"""The listener behind a mail server, in this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from campaigns.intake.listener import IntakeStore
from campaigns.mailbox.server import MailServer
from campaigns.mailbox.session import MailboxSession


@contextmanager
def listening(app: Flask, session: type[MailboxSession]) -> Iterator[int]:
    """Run a server on a free port, in its own thread."""
    ports: list[int] = []
    is_ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        server = MailServer(IntakeStore(app, "lmtp"), session=session)
        ports.append(await server.start("127.0.0.1", 0))
        is_ready.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert is_ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
