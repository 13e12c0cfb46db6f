"""Where the intake listens, as it notes itself."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db
from campaigns.events import listeners
from campaigns.events.models import IntakeListener
from campaigns.intake.listener import listen
from tests.conftest import settings_for_tests


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def settings(database_url: str, tmp_path: Path, taken: int) -> Settings:
    return settings_for_tests(
        tmp_path,
        database_url=database_url,
        intake_lmtp=f"127.0.0.1:{taken}",
        intake_smtp="127.0.0.1:0",
    )


async def _listen_until_noted(app: Flask) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(listen(app, stop))
    for _ in range(500):
        await asyncio.sleep(0.02)
        db.session.rollback()
        if listeners.is_any(now=utcnow()):
            break
    stop.set()
    await running


def test_a_port_that_is_taken_does_not_keep_the_other_from_listening(app: Flask) -> None:
    asyncio.run(_listen_until_noted(app))
    assert db.session.scalars(sa.select(IntakeListener.source)).all() == ["smtp"]
    assert not listeners.is_any(now=utcnow() + timedelta(hours=1)), "it may have ended since"
