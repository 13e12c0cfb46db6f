"""A token endpoint of OAuth 2 on loopback, which answers as told."""

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from campaigns.providers.smtp.oauth import OAuthGrant

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class TokenEndpoint:
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    """One after the other, the last one again and again."""

    def grant(self, **values: str) -> OAuthGrant:
        given = {"client_id": "the-app", "client_secret": "shh", "refresh_token": "first"}
        return OAuthGrant(f"https://localhost:{self.port}/token?v=2", **{**given, **values})


def ok(**values: Any) -> Answer:
    body = {"access_token": "token-1", "expires_in": 3600, "token_type": "Bearer", **values}
    return 200, {}, json.dumps(body).encode()


def error(status: int, **values: Any) -> Answer:
    return status, {}, json.dumps(values).encode()


@contextmanager
def serving(tls: ssl.SSLContext, *answers: Answer) -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint(answers=list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            endpoint.asked.append({"path": self.path, **form})
            answers = endpoint.answers
            status, headers, body_out = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body_out)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)
