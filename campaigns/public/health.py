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
    """200 while the web process answers and its database does; else 503."""
    try:
        db.session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return Response("database\n", status=503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
