"""Rate limits of the web entries, shared by all processes through Redis."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address)
