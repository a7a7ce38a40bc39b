"""The dialogue of one SMTP session, however the server's bytes arrive."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.channels.email.providers.smtp.classify import Phase
from angarium.channels.email.providers.smtp.reply import Reply
from angarium.channels.email.providers.smtp.session import Answer, Envelope, Session
from angarium.channels.email.providers.smtp.times import SessionLost, Times

ENVELOPE = Envelope("n@localhost", "john@example.com")
MESSAGE = b"Subject: x\r\n\r\nHello\r\n"
MAIL, RCPT, DATA = b"MAIL FROM:<n@localhost>\r\n", b"RCPT TO:<john@example.com>\r\n", b"DATA\r\n"
PIPELINING = {"pipelining": ""}


class Wire(asyncio.Transport):
    """What the session wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Dialogue:
    """A session with a transfer under way."""

    def __init__(self, extensions: dict[str, str], message: bytes = MESSAGE) -> None:
        self.wire = Wire()
        self.session = Session(self.wire, extensions, Times())
        self.begin(message)

    def begin(self, message: bytes = MESSAGE) -> None:
        self.transfer = asyncio.create_task(self.session.transfer(ENVELOPE, message))

    async def hear(self, data: bytes) -> None:
        await _turns()
        self.session.data_received(data)
        await _turns()


async def _turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def test_two_round_trips_with_pipelining() -> None:
    dialogue = Dialogue(PIPELINING)
    await dialogue.hear(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert dialogue.wire.written == [MAIL + RCPT + DATA, MESSAGE + b".\r\n"]
    assert dialogue.session.phase is Phase.FINAL
    await dialogue.hear(b"250 2.0.0 queued\r\n")
    assert await dialogue.transfer == Answer(Phase.FINAL, Reply(250, "2.0.0 queued"))
    assert dialogue.session.alive


async def test_one_command_after_the_other_without_it() -> None:
    dialogue = Dialogue({})
    for said, reply in ((MAIL, b"250 ok\r\n"), (RCPT, b"250 ok\r\n"), (DATA, b"354 go\r\n")):
        await _turns()
        assert dialogue.wire.written[-1] == said
        await dialogue.hear(reply)
    assert dialogue.wire.written[-1] == MESSAGE + b".\r\n"
    await dialogue.hear(b"250 ok\r\n")
    assert (await dialogue.transfer).phase is Phase.FINAL


def _replies(code: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from([b"%d ok\r\n" % code, b"%d-more\r\n%d end\r\n" % (code, code), b"%d\r\n" % code])


@given(
    st.tuples(*(st.sampled_from([250, 450, 550]).flatmap(_replies) for _ in range(2))),
    st.sampled_from([354, 451, 554]).flatmap(_replies),
    st.sampled_from([250, 451, 554]).flatmap(_replies),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_the_first_refusal_decides_however_the_bytes_are_cut(
    envelope: tuple[bytes, ...], data: bytes, final: bytes, cuts: list[int]
) -> None:
    said = b"".join((*envelope, data))
    codes = [int(reply[:3]) for reply in (*envelope, data)]
    expected = [code < 300 for code in codes[:2]] + [codes[2] == 354]
    phases = (Phase.MAIL, Phase.RCPT, Phase.DATA)

    async def run() -> None:
        dialogue = Dialogue(PIPELINING)
        places = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
        for start, end in itertools.pairwise(places):
            await dialogue.hear(said[start:end])
        sent = MESSAGE + b".\r\n" in dialogue.wire.written
        assert sent is all(expected)
        if sent or codes[2] == 354:
            await dialogue.hear(final)
        answer = await dialogue.transfer
        if sent:
            assert (answer.phase, answer.reply.code) == (Phase.FINAL, int(final[:3]))
        else:
            first = expected.index(False)
            assert (answer.phase, answer.reply.code) == (phases[first], codes[first])
            assert (b".\r\n" in dialogue.wire.written) is (codes[2] == 354)
        assert dialogue.session.alive

    asyncio.run(run())


async def test_after_a_refusal_the_next_mail_begins_with_a_reset() -> None:
    dialogue = Dialogue(PIPELINING)
    await dialogue.hear(b"250 ok\r\n550 no\r\n503 no\r\n")
    assert await dialogue.transfer == Answer(Phase.RCPT, Reply(550, "no"))
    dialogue.begin()
    await dialogue.hear(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert dialogue.wire.written[1:] == [b"RSET\r\n" + MAIL + RCPT + DATA, MESSAGE + b".\r\n"]
    await dialogue.hear(b"250 ok\r\n")
    assert (await dialogue.transfer).reply.positive


async def test_a_close_along_with_the_354_leaves_nothing_in_doubt() -> None:
    dialogue = Dialogue(PIPELINING)
    await _turns()
    dialogue.session.data_received(b"250 ok\r\n250 ok\r\n354 go\r\n")
    await asyncio.sleep(0)
    dialogue.session.eof_received()
    with pytest.raises(SessionLost):
        await dialogue.transfer
    assert dialogue.session.phase is Phase.DATA
    assert len(dialogue.wire.written) == 1


@pytest.mark.parametrize(("heard", "phase"), [(b"", Phase.MAIL), (b"250 ok\r\n250 ok\r\n354 go\r\n", Phase.FINAL)])
async def test_a_loss_tells_how_far_it_came(heard: bytes, phase: Phase) -> None:
    dialogue = Dialogue(PIPELINING)
    await dialogue.hear(heard)
    dialogue.session.connection_lost(None)
    with pytest.raises(SessionLost):
        await dialogue.transfer
    assert dialogue.session.phase is phase
    assert dialogue.session.fresh is not bool(heard)
    assert not dialogue.session.alive


async def test_a_refusal_before_the_loss_is_the_answer() -> None:
    dialogue = Dialogue(PIPELINING)
    await dialogue.hear(b"421 closing\r\n")
    dialogue.session.eof_received()
    assert await dialogue.transfer == Answer(Phase.MAIL, Reply(421, "closing"))


async def test_a_lost_session_takes_no_mail() -> None:
    wire = Wire()
    session = Session(wire, PIPELINING, Times())
    session.connection_lost(None)
    with pytest.raises(SessionLost):
        await session.transfer(ENVELOPE, MESSAGE)
    assert wire.written == []


async def test_an_unsolicited_reply_ends_the_use_of_a_session() -> None:
    dialogue = Dialogue(PIPELINING)
    await dialogue.hear(b"250 ok\r\n250 ok\r\n354 go\r\n")
    await dialogue.hear(b"250 ok\r\n421 idle for too long\r\n")
    assert (await dialogue.transfer).reply.positive
    assert not dialogue.session.alive


async def test_the_dot_waits_until_a_large_mail_has_left() -> None:
    large = b"x" * 100_000 + b"\r\n"
    dialogue = Dialogue(PIPELINING, large)
    dialogue.wire.unsent = 1
    await dialogue.hear(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert dialogue.wire.written[1:] == [large]
    dialogue.session.resume_writing()
    assert dialogue.wire.written[2:] == [b".\r\n"]
    assert dialogue.session.phase is Phase.FINAL
    await dialogue.hear(b"250 ok\r\n")
    assert (await dialogue.transfer).reply.positive


async def test_a_transfer_that_is_given_up_sends_no_more() -> None:
    dialogue = Dialogue(PIPELINING)
    await _turns()
    dialogue.transfer.cancel()
    await dialogue.hear(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert len(dialogue.wire.written) == 1
    assert not dialogue.session.alive
