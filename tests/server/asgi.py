"""A client of an ASGI application, without a network."""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from campaigns.server.front import Front

Part = bytes | float | None
"""A piece of a body, seconds of silence, or the end of the connection."""


class Exchange:
    """One request: its parts, and the answer."""

    def __init__(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        parts: Sequence[Part] = (),
        read_seconds: float = 0.0,
        address: str = "192.0.2.1",
    ) -> None:
        path, _, query = path.partition("?")
        self._parts, self._read_seconds = list(parts), read_seconds
        values = {"host": "localhost", **(headers or {})}
        self.scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode("latin-1"), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in values.items()],
            "client": (address, "5000"), "server": ("127.0.0.1", "8000"),
        }  # fmt: skip
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_whole = False

    async def receive(self) -> MutableMapping[str, Any]:
        if not self._parts:
            await asyncio.sleep(60)
        part = self._parts.pop(0)
        if isinstance(part, float):
            await asyncio.sleep(part)
            return await self.receive()
        if part is None:
            return {"type": "http.disconnect"}
        more = any(not isinstance(rest, float) for rest in self._parts)
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        await asyncio.sleep(self._read_seconds)
        self.body += message["body"]
        self.is_whole = not message["more_body"]

    async def run(self, front: Front) -> "Exchange":
        await front(self.scope, self.receive, self.send)
        return self
