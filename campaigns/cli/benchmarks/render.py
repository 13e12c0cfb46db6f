"""Measure rendering one personal message: the demo's winter newsletter, in two parts.

Also measures compiling a newsletter, which happens once for a campaign (`compiling`).

The reference builds the same message with the standard library.
"""

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from itertools import cycle

from campaigns.cli.benchmarks import blocks, compiling
from campaigns.content.mime.compile import Compiled, Content, compile_content
from campaigns.content.sources.source import ContentSource
from campaigns.messages import Recipient
from campaigns.paths import resource_root
from campaigns.tokens import Signer

NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
PEOPLE = 2_000
BATCH_SIZE = 50
"""Number of messages timed together: few, so that some batches run undisturbed."""


def measure(seconds: float = 2.0, compilations: int = compiling.RUNS) -> dict[str, float]:
    """Return the least CPU time per message and compilation: other work would add to it."""
    compiled = compile_content(_content(), Signer(["a key for measuring only, long enough"]))
    ours = _best(lambda reader: compiled.render(reader, now=NOW), seconds / 2)
    standard = _best(lambda reader: _by_the_standard_library(compiled, reader), seconds / 2)
    return {
        "messages_per_second": 1 / ours,
        "us_per_message": ours * 1_000_000,
        "message_bytes": len(compiled.render(_reader(1), now=NOW).data),
        "standard_library_messages_per_second": 1 / standard,
        "standard_library_us_per_message": standard * 1_000_000,
        **compiling.measure(_content(), compilations),
        **blocks.measure(compilations),
    }


def _best(make: Callable[[Recipient], object], seconds: float) -> float:
    """Return the CPU seconds per message in the best run."""
    readers: Iterator[Recipient] = cycle([_reader(number) for number in range(1, PEOPLE + 1)])
    best, until = float("inf"), time.monotonic() + seconds
    gc.collect()
    while True:
        some = [next(readers) for _ in range(BATCH_SIZE)]
        begun = time.process_time()
        for reader in some:
            make(reader)
        best = min(best, (time.process_time() - begun) / BATCH_SIZE)
        if time.monotonic() > until:
            return best


def _reader(number: int) -> Recipient:
    return Recipient(
        delivery_id=number,
        subscriber_id=number,
        list_id=1,
        address=f"reader{number}@mail{number % 50}.example",
        name=f"Reader {number}",
        attributes={"city": "Hamburg", "favourite": "espresso", "orders": number % 12},
    )


def _content() -> Content:
    design = resource_root() / "templates" / "newsletter" / "demo" / "winter.html"
    return Content(
        subject="Hello {{ subscriber.name or 'friend' }}",
        preheader="",
        source=ContentSource("html", design.read_text(encoding="utf-8")),
        sender_name="News",
        sender_address="news@example.org",
        reply_to="",
        identity="Bench",
        postal_address="1 Example Street",
        campaign_public_id="bench",
        base_url="https://news.example.org",
        list_names={1: "Everyone"},
        track_opens=True,
        track_clicks=True,
        use_return_path=True,
    )


def _by_the_standard_library(compiled: Compiled, reader: Recipient) -> bytes:
    """Build the same message. Links are not rewritten, so it has less to do."""
    words = compiled.preview(reader)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "News <news@example.org>"
    mail["To"] = f"{reader.name} <{reader.address}>"
    mail["Subject"] = words.subject
    mail["Date"] = format_datetime(NOW)
    mail["Message-ID"] = f"<{reader.delivery_id}@example.org>"
    mail.set_content(words.text, charset="utf-8", cte="quoted-printable")
    mail.add_alternative(words.html, subtype="html", charset="utf-8", cte="quoted-printable")
    return mail.as_bytes()
