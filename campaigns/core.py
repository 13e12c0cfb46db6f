"""create_core: the app without pages, for workers, the clock and commands.

Importing the pages would take a tenth more time and 7 MB in each process.
"""

from flask import Flask

from campaigns import models  # noqa: F401  (the metadata must be whole)
from campaigns.audience.segments import kinds  # noqa: F401  (registers the kinds of rules)
from campaigns.config import Settings, load_settings
from campaigns.context import EXTENSION, Services
from campaigns.db import db, engine_options
from campaigns.delivery import segment_leaves as _delivery_leaves  # noqa: F401
from campaigns.engine.redis_connection import connect
from campaigns.events import engagement_leaf as _engagement_leaf  # noqa: F401
from campaigns.events import segment_leaves as _event_leaves  # noqa: F401
from campaigns.jobs.queues import RedisDoorbell
from campaigns.paths import resource_root
from campaigns.secrets import Vault
from campaigns.tokens import Signer


def create_core(settings: Settings | None = None) -> Flask:
    """Create database and services. Settings come from the environment unless given."""
    settings = settings or load_settings()
    root = resource_root()
    app = Flask("campaigns", template_folder=str(root / "templates"), static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(
            settings.sqlalchemy_url, pool_size=settings.web_threads
        ),
    )
    app.extensions[EXTENSION] = Services(
        settings=settings,
        signer=Signer(settings.keys),
        vault=Vault(settings.keys),
        doorbell=RedisDoorbell(connect(settings.redis_connection_url)),
    )
    db.init_app(app)
    return app
