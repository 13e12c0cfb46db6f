"""A name server on loopback with a few TXT records, and a resolver that answers from a dict."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from campaigns.providers.domains.dns import LookupFailedError


class FakeDns:
    """Answers from a dictionary. A string instead of records is a failed look-up."""

    def __init__(self, records: Mapping[str, list[str] | str] | None = None) -> None:
        self.records = dict(records or {})
        self.asked: list[str] = []

    def texts(self, name: str) -> list[str]:
        self.asked.append(name)
        found = self.records.get(name, [])
        if isinstance(found, str):
            raise LookupFailedError("domain.dns_failed", error=found)
        return found


@contextmanager
def name_server(records: Mapping[str, list[str]]) -> Iterator[int]:
    """Run a name server; yield its port. `silent.` is never answered, `broken.` fails."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server, records), daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join(5)


def _serve(server: socket.socket, records: Mapping[str, list[str]]) -> None:
    while True:
        data, sender = server.recvfrom(4096)
        if not data:
            return
        answer = _answer(dns.message.from_wire(data), records)
        if answer is not None:
            server.sendto(answer.to_wire(), sender)


def _answer(
    query: dns.message.Message, records: Mapping[str, list[str]]
) -> dns.message.Message | None:
    name = query.question[0].name
    text = name.to_text()
    if text.startswith("silent."):
        return None
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    if text.startswith("broken."):
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif text not in records:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif records[text]:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *records[text]))
    return answer
