"""DNS queries, behind an interface and with time limits."""

from collections.abc import Sequence
from typing import Protocol

import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from campaigns.reason import Reason

SECONDS = 4.0
"""Time limit for a query, in seconds."""


class LookupFailedError(Exception):
    """No name server gave an answer."""

    def __init__(self, code: str, **params: str | float) -> None:
        self.reason = Reason(code, params)
        super().__init__(self.reason.pack())


class Resolver(Protocol):
    """Looks up TXT records."""

    def texts(self, name: str) -> list[str]:
        """Return the TXT records at this name, the strings of each joined; empty if there are none.

        Raises LookupFailedError.
        """
        ...


class SystemResolver:
    """Queries this machine's name servers, or the given ones."""

    def __init__(
        self, servers: Sequence[str] = (), *, port: int = 53, seconds: float = SECONDS
    ) -> None:
        self._servers, self._port, self._seconds = tuple(servers), port, seconds

    def texts(self, name: str) -> list[str]:
        try:
            answer = self._resolver().resolve(
                dns.name.from_text(name), "TXT", lifetime=self._seconds, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.Timeout:
            raise LookupFailedError("domain.dns_timeout", limit_seconds=self._seconds) from None
        except dns.resolver.NoNameservers:
            raise LookupFailedError("domain.dns_error") from None
        except dns.resolver.NoResolverConfiguration:
            raise LookupFailedError("domain.dns_not_configured") from None
        except dns.exception.DNSException as error:
            raise LookupFailedError("domain.dns_failed", error=str(error)) from None
        return [
            b"".join(record.strings).decode("utf-8", "replace")
            for record in answer
            if isinstance(record, TXT)
        ]

    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = list(self._servers)
            resolver.port = self._port
        return resolver
