"""Settings: provider accounts, sender addresses and domains, the workspace, your account."""

from campaigns.web.settings import (
    account,
    bounces,
    domains,
    incoming,
    limits,
    overview,
    providers,
    returns,
    rules,
    senders,
    workspace,
)
from campaigns.web.settings.blueprint import bp

__all__ = [
    "account",
    "bounces",
    "bp",
    "domains",
    "incoming",
    "limits",
    "overview",
    "providers",
    "returns",
    "rules",
    "senders",
    "workspace",
]
