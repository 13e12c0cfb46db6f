"""Measure the CPU time of a DKIM signature for a message of about 14 kB in two parts."""

import time
from collections.abc import Callable
from email.utils import format_datetime
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from campaigns.clock import utcnow
from campaigns.content.mime import message
from campaigns.content.mime.dkim import Key, Signing, relaxed_body
from campaigns.paths import resource_root

MESSAGES = 500
RUNS = 5


def measure(messages: int = MESSAGES) -> dict[str, float]:
    """Return microseconds of CPU per message: the best of several runs, each of many messages."""
    rsa, ed25519 = _keys()
    body, heads = _body(), [_headers(number) for number in range(messages)]
    figures: dict[str, float] = {"body_bytes": len(body)}
    for name, keys in (("rsa_us", [rsa]), ("ed25519_us", [ed25519]), ("both_us", [rsa, ed25519])):
        figures[name] = _best(partial(_sign, Signing("news.example.org", keys), body), heads)
    figures["rsa_alone_us"] = _best(lambda head: rsa.signature(head[0]), heads)
    figures["ed25519_alone_us"] = _best(lambda head: ed25519.signature(head[0]), heads)
    figures["body_us"] = _best(lambda _: relaxed_body(body), heads)
    return {name: round(value, 1) for name, value in figures.items()}


def _sign(signing: Signing, body: bytes, head: list[bytes]) -> bytes:
    return signing.sign(head, body)


def _best(work: Callable[[list[bytes]], object], heads: list[list[bytes]]) -> float:
    def run() -> float:
        begun = time.process_time()
        for head in heads:
            work(head)
        return time.process_time() - begun

    return min(run() for _ in range(RUNS)) / len(heads) * 1_000_000


def _keys() -> tuple[Key, Key]:
    made = (generate_private_key(65537, 2048), Ed25519PrivateKey.generate())
    rsa, ed25519 = (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for key in made
    )
    return Key("r1", "rsa", rsa), Key("e1", "ed25519", ed25519)


def _body() -> bytes:
    """Return the demo's winter newsletter, with a piece of it as the text part."""
    design = resource_root() / "templates" / "newsletter" / "demo" / "winter.html"
    html = design.read_text(encoding="utf-8")
    return b"".join(message.Multipart("bench").body(html[:6500], html))


def _headers(number: int) -> list[bytes]:
    """Return the headers of a campaign's message; constant ones keep their place."""
    token = f"{number:043d}"
    return [
        message.mailbox("From", "Harbour Books", "news@news.example.org"),
        message.mailbox("To", f"Reader {number}", f"reader{number}@mail.example"),
        message.unstructured("Subject", f"Hello Reader {number}"),
        f"Date: {format_datetime(utcnow())}\r\n".encode(),
        f"Message-ID: <{token}@news.example.org>\r\n".encode(),
        message.list_id("News", 1, "news.example.org"),
        f"List-Unsubscribe: <https://news.example.org/u/{token}>\r\n".encode(),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        b"Feedback-ID: aaaaaaaaaaaa:campaigns:bulk:0123456789ab\r\nPrecedence: bulk\r\n",
        message.Multipart("bench").header,
    ]
