"""Health check for load balancers and the supervisor."""

import sqlalchemy as sa
from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from campaigns.access import access
from campaigns.db import db

bp = Blueprint("public_health", __name__)


@bp.get("/health")
@access("public")
def health() -> Response:
    """Return 200 if the web process and its database respond, else 503.

    In production the ASGI front answers instead, without a pool thread.
    """
    return health_answer(is_well=is_database_well())


def is_database_well() -> bool:
    """Return whether the database answers a query."""
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def health_answer(*, is_well: bool) -> Response:
    if is_well:
        return Response("ok\n", mimetype="text/plain")
    return Response("database\n", status=503, mimetype="text/plain")
