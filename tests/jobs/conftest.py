"""What the tests of sending share: this process is the worker."""

from collections.abc import Iterator

import pytest
from flask import Flask

from campaigns.accounts import service as accounts
from campaigns.db import transaction
from campaigns.jobs import runtime, send


@pytest.fixture
def worker(app: Flask) -> Iterator[None]:
    """Jobs can be called here, and what they keep is let go at the end."""
    runtime.use(app)
    with transaction():
        accounts.save_workspace(name="Example", postal_address="1 Example Street")
    yield
    send.forget()
