"""A fake of the APIs of Twilio and FCM that accepts every message immediately, and records its id and time.

It accepts the commands of `benchmarks.sink`. Its answers have the fields and sizes of the providers' documentation:
https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import asyncio
import json

import uvloop

from benchmarks.sink import Ledger, serve

ACCOUNT = "AC" + "a1" * 16
PROJECT = "bench"
TWILIO_PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
FCM_PATH = f"/v1/projects/{PROJECT}/messages:send"
TOKEN_PATH = "/token"  # noqa: S105 - a path
_TWILIO = {
    "account_sid": ACCOUNT,
    "api_version": "2010-04-01",
    "body": "Your order is on its way",
    "date_created": "Fri, 27 Nov 2026 10:00:00 +0000",
    "date_sent": None,
    "date_updated": "Fri, 27 Nov 2026 10:00:00 +0000",
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "+15005550006",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": "USD",
    "sid": "SM" + "0" * 32,
    "status": "queued",
    "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM/Media.json"},
    "to": "+14155550123",
    "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM.json",
}
_TOKEN = {"access_token": "ya29." + "x" * 180, "expires_in": 3599, "token_type": "Bearer"}


def _answer(status: str, fields: object) -> bytes:
    body = json.dumps(fields).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_ANSWERS = {
    TWILIO_PATH.encode(): _answer("201 Created", _TWILIO),
    FCM_PATH.encode(): _answer("200 OK", {"name": f"projects/{PROJECT}/messages/0:1500415314455276%31bd1c96"}),
    TOKEN_PATH.encode(): _answer("200 OK", _TOKEN),
}
_UNKNOWN = _answer("404 Not Found", {})


class Session(asyncio.Protocol):
    """One persistent connection (RFC 9112)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._ledger.connections += 1
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._take(head.split(b" ", 2)[1], body)

    def _take(self, path: bytes, body: bytes) -> None:
        if path in _ANSWERS and path != TOKEN_PATH.encode():
            self._ledger.take(body)
        if self._transport is not None:
            self._transport.write(_ANSWERS.get(path, _UNKNOWN))


if __name__ == "__main__":
    uvloop.run(serve(Session))
