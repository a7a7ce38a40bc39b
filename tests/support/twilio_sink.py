"""A fake of Twilio's API for sending that accepts every message. It runs in its own thread."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from tests.support.provider_events import AUTH_TOKEN

FROM = "+15005550006"


class TwilioSink:
    """A context manager. `sent`: the form of each message by its SID."""

    def __init__(self) -> None:
        self.sent: dict[str, Mapping[str, str]] = {}
        numbers = count(1)
        sent = self.sent

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sid = f"SM{next(numbers):032d}"
                sent[sid] = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
                body = json.dumps({"sid": sid, "status": "queued"}).encode()
                self.send_response(201)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="twilio-sink", daemon=True)

    @property
    def url(self) -> str:
        """The provider's URL."""
        return f"twilio://AC0123456789:{AUTH_TOKEN}@{FROM}?base_url=http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
