import asyncio
from typing import cast

import pytest

from benchmarks.sink import Ledger, Session


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True


MAIL = (
    b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
    b"Subject: stamp-%020d-%010d\r\n\r\ntext\r\n..dot\r\n.\r\nQUIT\r\n" % (1, 7)
)


@pytest.mark.parametrize("size", [1, 7, len(MAIL)])
def test_a_pipelined_mail_is_taken_however_it_is_cut(size: int) -> None:
    ledger, wire = Ledger(), _Wire()
    session = Session(ledger)
    session.connection_made(cast("asyncio.BaseTransport", wire))
    for start in range(0, len(MAIL), size):
        session.data_received(MAIL[start : start + size])
    assert [line[:3] for line in wire.written.split(b"\r\n") if line[3:4] == b" "] == [
        b"220", b"250", b"250", b"250", b"354", b"250", b"221",
    ]  # fmt: skip
    assert wire.closed
    assert (ledger.mails, ledger.numbers) == (1, {b"0000000007"})


def test_what_comes_twice_counts_once_among_the_different() -> None:
    ledger = Ledger()
    for number in (1, 2, 1):
        ledger.take(b"Subject: stamp-%020d-%010d" % (0, number))
    report = ledger.report()
    assert (report["mails"], report["different"]) == (3, 2)
    ledger.reset()
    assert ledger.report()["mails"] == 0


def test_latency_is_from_the_stamp_to_the_end_of_the_mail() -> None:
    ledger = Ledger()
    ledger.take(b"Subject: stamp-%020d-%010d" % (0, 1))
    assert ledger.report()["p50_ms"] == pytest.approx(ledger.last / 1e6)
