"""Take one email from the pipe of a mail server."""

import os
from typing import BinaryIO

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from campaigns.db import db
from campaigns.events.incoming import MAX_BYTES
from campaigns.intake.storing import Arrived, store
from campaigns.outages import describe

log = structlog.get_logger()

POSTFIX_NULL_SENDER = "MAILER-DAEMON"
"""What Postfix passes for an empty return path."""


def take_in(app: Flask, stream: BinaryIO, *, recipient: str, sender: str | None) -> int:
    """Store the email; returns the exit code: EX_TEMPFAIL if it cannot be stored now."""
    raw = stream.read(MAX_BYTES)
    while stream.read(MAX_BYTES):
        continue  # the mail server waits until everything is read
    if not raw.strip():
        log.error("the email from the pipe is empty: nothing was stored")
        return os.EX_DATAERR
    if sender == POSTFIX_NULL_SENDER:
        sender = ""
    email = Arrived(raw, sender, (recipient,) if recipient else ())
    with app.app_context():
        try:
            store([email], source="pipe")
        except (SQLAlchemyError, OSError) as error:
            log.error("the email from the pipe cannot be stored now", error=describe(error))
            return os.EX_TEMPFAIL
        finally:
            db.session.remove()
    return os.EX_OK
