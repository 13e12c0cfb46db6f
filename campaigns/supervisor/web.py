"""The web process: the app behind the ASGI front, in one granian worker with threads."""

import resource
import socket
import threading

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from campaigns import garbage_collection
from campaigns.config import Settings
from campaigns.server.front import Front

DRAIN_SECONDS = 10
MAX_CONNECTIONS = 8192
"""Largest number of open connections. Idle and slow ones are cheap: they hold no thread."""
SPARE_FILES = 512
"""Open files reserved for databases, spools and logs."""
HEADER_MILLISECONDS = 10_000
"""Time limit for the headers of a request, and for idle connections."""
BUFFER_BYTES = 64 * 1024
"""Write buffer of a connection, and the size limit of headers."""
UNREAD_MILLISECONDS = 60_000
"""Time after which the kernel closes a connection whose client reads nothing."""


def make_app() -> Front:
    """Create the app for granian's worker process, the only one that needs it."""
    with garbage_collection.loading():
        from campaigns.app import create_app
        from campaigns.config import load_settings
        from campaigns.permissions import make_private
        from campaigns.supervisor.first_account import announce_first_account
        from campaigns.supervisor.logs import configure_logging
        from campaigns.web.warm_up import warm_up

        make_private()
        settings = load_settings()
        configure_logging(settings)
        announce_first_account(settings)
        app = create_app(settings)
        front = Front(app, settings)
    threading.Thread(target=warm_up, args=(app,), name="warm-up", daemon=True).start()
    return front


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish open requests."""
    files = _allow_open_files(2 * MAX_CONNECTIONS)
    server = Granian(
        "campaigns.supervisor.web:make_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=1,
        http=HTTPModes.http1,  # granian closes silent connections only without HTTP/2
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=BUFFER_BYTES
        ),
        backpressure=max(128, min(MAX_CONNECTIONS, files - SPARE_FILES)),
        websockets=False,
        workers_kill_timeout=DRAIN_SECONDS,
        log_level=LogLevels.error,
        log_access=False,
    )
    server.on_startup(lambda: _close_unread_connections(getattr(server, "_sso", None)))
    server.serve()


def _allow_open_files(wanted: int) -> int:
    """Raise the limit of open files as far as the system allows. Returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted, soft)


def _close_unread_connections(listener: socket.socket | None) -> None:
    """Set UNREAD_MILLISECONDS on the listening socket, from which connections inherit it."""
    if listener is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
