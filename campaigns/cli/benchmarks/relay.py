"""A relay that simulates a long line: it delays every byte in both directions.

    python -m campaigns.cli.benchmarks.relay PORT TARGET_PORT MILLISECONDS [hide-pipelining]

It adds latency and does not limit bandwidth. With `hide-pipelining` the client never learns that
the server supports PIPELINING.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from functools import partial

CHUNK = 256 * 1024
GREETINGS = 2048
"""Bytes within which a server has announced its features."""

Change = Callable[[bytes], bytes]


def hide_pipelining(data: bytes) -> bytes:
    """Replace the keyword by one of the same length that no client knows."""
    return data.replace(b"PIPELINING", b"X-ONE-ONLY")


async def serve(port: int, target: int, seconds: float, change: Change | None = None) -> None:
    """Relay from 127.0.0.1:port to 127.0.0.1:target until cancelled."""
    server = await asyncio.start_server(
        partial(_relay, target, seconds, change), "127.0.0.1", port, limit=CHUNK, backlog=512
    )
    await server.serve_forever()


async def _relay(
    target: int,
    seconds: float,
    change: Change | None,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        there, back = await asyncio.open_connection("127.0.0.1", target, limit=CHUNK)
    except OSError:
        writer.close()
        return
    await asyncio.gather(
        _one_way(reader, back, seconds), _one_way(there, writer, seconds, change),
        return_exceptions=True,
    )  # fmt: skip


async def _one_way(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    seconds: float,
    change: Change | None = None,
) -> None:
    clock = asyncio.get_running_loop().time
    line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def put_in() -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if change is not None and passed < GREETINGS:
                    data = change(data)
                passed += len(data)
                line.put_nowait((clock() + seconds, data))
        line.put_nowait((clock() + seconds, b""))

    filling = asyncio.create_task(put_in())
    try:
        while True:
            due, data = await line.get()
            if (left := due - clock()) > 0:
                await asyncio.sleep(left)
            if not data:
                break
            writer.write(data)
    finally:
        filling.cancel()
        writer.close()


if __name__ == "__main__":
    listening, behind, milliseconds = map(int, sys.argv[1:4])
    is_hiding = sys.argv[4:] == ["hide-pipelining"]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            serve(listening, behind, milliseconds / 1000, hide_pipelining if is_hiding else None)
        )
