"""Questions to DNS: behind an interface, with an end to every wait."""

from collections.abc import Sequence
from typing import Protocol

import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from campaigns.reason import Reason

SECONDS = 4.0
"""Time limit for an answer, in seconds."""


class LookupFailedError(Exception):
    """Nobody could say what is there."""

    def __init__(self, code: str, **params: str | float) -> None:
        self.reason = Reason(code, params)
        super().__init__(self.reason.pack())


class Resolver(Protocol):
    """What looks up TXT records."""

    def texts(self, name: str) -> list[str]:
        """The TXT records at this name, each put together from its strings; none: empty.

        Raises LookupFailedError.
        """
        ...


class SystemResolver:
    """Asks the name servers of this machine, or these ones."""

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
