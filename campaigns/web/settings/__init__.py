"""Settings: SMTP accounts, sender addresses and domains, the workspace, one's own account."""

from campaigns.web.settings import account, domains, overview, providers, senders, workspace
from campaigns.web.settings.blueprint import bp

__all__ = ["account", "bp", "domains", "overview", "providers", "senders", "workspace"]
