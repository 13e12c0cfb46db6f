"""The certificate authority of the token endpoints."""

from tests.providers.conftest import authority, server_tls, trusted

__all__ = ["authority", "server_tls", "trusted"]
