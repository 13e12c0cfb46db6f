"""For load balancers and the supervisor: are we up?"""

import sqlalchemy as sa
from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from campaigns.access import access
from campaigns.db import db

bp = Blueprint("public_health", __name__)


@bp.get("/health")
@access("public")
def health() -> Response:
    """200 while the web process answers and its database does; else 503.

    In production the ASGI server answers in its place, without a thread of the pool.
    """
    return health_answer(is_well=is_database_well())


def is_database_well() -> bool:
    """Whether the database answers a query."""
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def health_answer(*, is_well: bool) -> Response:
    if is_well:
        return Response("ok\n", mimetype="text/plain")
    return Response("database\n", status=503, mimetype="text/plain")
