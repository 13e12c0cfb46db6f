"""The web process: the app on granian, one worker with threads."""

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from campaigns.config import Settings

DRAIN_SECONDS = 10


def make_app() -> Flask:
    """What granian loads in its worker, a process of its own: only that one needs the app."""
    from campaigns.app import create_app
    from campaigns.config import load_settings
    from campaigns.permissions import make_private
    from campaigns.supervisor.first_account import announce_first_account
    from campaigns.supervisor.logs import configure_logging

    make_private()
    settings = load_settings()
    configure_logging(settings)
    announce_first_account(settings)
    return create_app(settings)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests are finished first."""
    server = Granian(
        "campaigns.supervisor.web:make_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        workers=1,
        # No more than the database pool holds: each slow request keeps one thread.
        blocking_threads=settings.web_threads,
        websockets=False,
        workers_kill_timeout=DRAIN_SECONDS,
        log_level=LogLevels.error,
        log_access=False,
    )
    server.serve()
