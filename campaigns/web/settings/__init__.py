"""Settings: SMTP accounts, sender addresses, the workspace, one's own account."""

from campaigns.web.settings import account, overview, providers, senders, workspace
from campaigns.web.settings.blueprint import bp

__all__ = ["account", "bp", "overview", "providers", "senders", "workspace"]
