"""Set up logging: one line per event on standard error, as text or as JSON."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from campaigns.config import Settings

_LINK = re.compile(r"/(reset|confirm|u|v|o|c)/[\w.~%-]{16,}(?:/[\w.~%-]+)?")


def without_tokens(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Remove the tokens of personal links from a log event.

    Logs get shared, and anyone with a token can use its link.
    """
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _LINK.sub(r"/\1/...", value)
    return event


def configure_logging(settings: Settings) -> None:
    """Set up structlog, and format the logs of libraries the same way."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_tokens,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    last: list[Any] = [renderer]
    if settings.log_format == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    # Lines for each job and migration step say little; only warnings are useful.
    for name in ("rq", "rq.worker", "alembic", "werkzeug"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
