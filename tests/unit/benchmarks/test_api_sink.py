import asyncio
import json
from typing import cast

import pytest

from benchmarks.api_sink import FCM_PATH, TOKEN_PATH, TWILIO_PATH, Session
from benchmarks.sink import Ledger


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


def _request(path: str, body: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


REQUESTS = (
    _request(TOKEN_PATH, b"assertion=x")
    + _request(TWILIO_PATH, b"Body=stamp-%020d-%010d" % (1, 7))
    + _request(FCM_PATH, b'{"body":"stamp-%020d-%010d"}' % (1, 8))
    + _request("/elsewhere", b"stamp-%020d-%010d" % (1, 9))
)


def _answers(written: bytes) -> list[tuple[int, object]]:
    found = []
    while written:
        head, _, rest = written.partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append((int(head.split(b" ")[1]), json.loads(rest[:length])))
        written = rest[length:]
    return found


@pytest.mark.parametrize("size", [1, 7, len(REQUESTS)])
def test_messages_count_and_each_request_has_its_answer_however_it_is_cut(size: int) -> None:
    ledger, wire = Ledger(), _Wire()
    session = Session(ledger)
    session.connection_made(cast("asyncio.BaseTransport", wire))
    for start in range(0, len(REQUESTS), size):
        session.data_received(REQUESTS[start : start + size])
    answers = _answers(wire.written)
    assert [status for status, _ in answers] == [200, 201, 200, 404]
    keys = ("access_token", "sid", "name")
    assert all(key in cast("dict[str, object]", fields) for key, (_, fields) in zip(keys, answers, strict=False))
    assert ledger.numbers == {b"0000000007", b"0000000008"}
