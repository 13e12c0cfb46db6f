"""Show the link to create the first account to people who can read the server's log."""

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from campaigns.accounts import setup
from campaigns.config import Settings
from campaigns.tokens import Signer

log = structlog.get_logger()


def first_account_link(settings: Settings) -> str | None:
    """Return the link to create the first account; None if one exists, or without a database."""
    engine = sa.create_engine(settings.sqlalchemy_url)
    try:
        with engine.connect() as connection:
            has_users = connection.scalar(sa.text("SELECT id FROM user_account LIMIT 1"))
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
    return None if has_users else setup.link(settings, Signer(settings.keys))


def announce_first_account(settings: Settings) -> None:
    """Log the link with the setup token unless an account exists."""
    if link := first_account_link(settings):
        log.warning("no account yet; create the first one", link=link)
