"""Settings: provider accounts, sender addresses and domains, the workspace, your account."""

from campaigns.web.settings import (
    account,
    bounce_test,
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
    "bounce_test",
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
