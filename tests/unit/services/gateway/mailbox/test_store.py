import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from angarium.contracts.mailbox import CaughtMessage
from angarium.contracts.statuses import Channel
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.services.gateway.mailbox.store import FILE_NAME, MailboxStore
from tests.support.clock import ManualClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MailboxStore]:
    clock = ManualClock()
    made = MailboxStore(tmp_path / "data", clock=clock, identifiers=Identifiers(clock), kept=100)
    await made.open()
    yield made
    await made.close()


def message(number: int = 0, *, to: str = "a@x.test", channel: Channel = Channel.EMAIL) -> CaughtMessage:
    return CaughtMessage(channel=channel, to=to, subject=f"s{number}")


async def test_everything_is_kept_as_it_came(store: MailboxStore) -> None:
    given = CaughtMessage(
        channel=Channel.EMAIL,
        to="jörg@x.test",
        sender="Angarium <a@b>",
        subject="日本",
        title="t",
        text="a\nb",
        html="<p>x\x00</p>",
        headers={"X-A": "é"},
        notification_id=uuid4(),
    )
    await store.add("default", [given])
    (kept,), total = await store.find(MailboxFilter(), limit=10)
    assert total == 1
    assert kept.model_dump(exclude={"id", "received_at", "from_", "segments", "encoding"}) == given.model_dump(
        exclude={"sender"}
    )
    assert kept.from_ == given.sender
    assert kept.received_at == ManualClock().now()


async def test_the_newest_come_first_page_by_page(store: MailboxStore) -> None:
    await store.add("default", [message(number) for number in range(5)])
    await store.add("default", [message(5)])
    first, total = await store.find(MailboxFilter(), limit=4)
    rest, _ = await store.find(MailboxFilter(), limit=4, offset=4)
    assert total == 6
    assert [one.subject for one in [*first, *rest]] == ["s5", "s4", "s3", "s2", "s1", "s0"]


async def test_only_the_newest_are_kept(store: MailboxStore) -> None:
    for start in range(0, 260, 20):
        await store.add("default", [message(number) for number in range(start, start + 20)])
    found, total = await store.find(MailboxFilter(), limit=1000)
    assert total == 100
    assert [found[0].subject, found[-1].subject] == ["s259", "s160"]


async def test_filters_narrow(store: MailboxStore) -> None:
    await store.add("default", [message(1), message(2, to="+1415", channel=Channel.SMS)])
    await store.add("other", [message(3, to="A@X.test")])

    async def subjects(which: MailboxFilter) -> list[str | None]:
        return [one.subject for one in (await store.find(which, limit=10))[0]]

    assert await subjects(MailboxFilter(channel=Channel.SMS)) == ["s2"]
    assert await subjects(MailboxFilter(to="A@x.TEST")) == ["s3", "s1"]
    assert await subjects(MailboxFilter(to="x.tes")) == ["s3", "s1"]
    assert await subjects(MailboxFilter(to="%")) == []
    assert await subjects(MailboxFilter(to="")) == ["s3", "s2", "s1"]
    assert await subjects(MailboxFilter(tenant="other")) == ["s3"]
    assert await subjects(MailboxFilter(tenant="'; DROP TABLE messages; --")) == []


async def test_words_are_searched_in_subject_title_and_text(store: MailboxStore) -> None:
    given = [
        CaughtMessage(
            channel=Channel.EMAIL, to="a@x.test", subject="Grüße aus KÖLN", text="Parcel 42", html="<b>no</b>"
        ),
        CaughtMessage(channel=Channel.EMAIL, to="a@x.test", subject="plain", html="<p>only html</p>"),
        CaughtMessage(channel=Channel.PUSH, to="t", title="Parcel here", text="100 % yours"),
    ]
    await store.add("default", given)

    async def found(search: str) -> list[str | None]:
        return [one.subject or one.title for one in (await store.find(MailboxFilter(search=search), limit=10))[0]]

    assert await found("parcel") == ["Parcel here", "Grüße aus KÖLN"]
    assert await found("köln 42") == ["Grüße aus KÖLN"]
    assert await found("only html") == ["plain"]
    assert await found("%") == ["Parcel here"]
    assert await found("no") == []
    assert await found("  ") == ["Parcel here", "plain", "Grüße aus KÖLN"]


async def test_an_sms_says_how_many_segments_it_takes(store: MailboxStore) -> None:
    for text in ("x" * 161, "ж"):
        await store.add("default", [CaughtMessage(channel=Channel.SMS, to="+1", text=text)])
    await store.add("default", [message()])
    found, _ = await store.find(MailboxFilter(), limit=3)
    assert [(one.segments, one.encoding) for one in found] == [(None, None), (1, "UCS-2"), (2, "GSM-7")]


async def test_a_source_lives_as_long_as_its_last_message(store: MailboxStore) -> None:
    await store.add("default", [message(1, to="a@x.test"), message(1, to="b@x.test")], source=b"one")
    await store.add("default", [message(2)], source=b"two")
    (second, b, a), _ = await store.find(MailboxFilter(), limit=3)
    assert [await store.source(one.id) for one in (second, b, a)] == [b"two", b"one", b"one"]
    await store.clear(MailboxFilter(id=a.id))
    assert await store.source(b.id) == b"one"
    await store.clear(MailboxFilter(id=b.id))
    assert await _sources(store) == 1
    await store.clear(MailboxFilter())
    assert await _sources(store) == 0


async def test_only_so_many_bytes_of_sources_are_kept(tmp_path: Path) -> None:
    small = MailboxStore(tmp_path, clock=ManualClock(), identifiers=Identifiers(ManualClock()), kept_bytes=25)
    await small.open()
    for number in range(4):
        await small.add("default", [message(number)], source=b"x" * 10)
    found, total = await small.find(MailboxFilter(), limit=10)
    assert [await small.source(one.id) is not None for one in found] == [True, True, False, False]
    assert total == 4
    await small.close()


async def test_a_file_of_an_earlier_version_is_opened(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(
            "CREATE TABLE messages (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
            "tenant TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL COLLATE NOCASE, "
            "sender TEXT NOT NULL, "
            "subject TEXT, title TEXT, text TEXT, html TEXT, headers TEXT NOT NULL, notification_id TEXT, "
            "received_at INTEGER NOT NULL);"
            "INSERT INTO messages VALUES (1, '01890a5d-ac96-774b-bcce-b302099a8057', 'default', 'email', 'a@x.test', "
            "'', 'old', NULL, NULL, NULL, '{}', NULL, 0);"
        )
    opened = MailboxStore(tmp_path, clock=ManualClock(), identifiers=Identifiers(ManualClock()))
    await opened.open()
    await opened.add("default", [message(1)], source=b"new")
    found, _ = await opened.find(MailboxFilter(), limit=10)
    assert [one.subject for one in found] == ["s1", "old"]
    assert [await opened.source(one.id) for one in found] == [b"new", None]
    await opened.close()


async def _sources(store: MailboxStore) -> int:
    """How many sources are in the file."""
    count: int = await store._writer.run(lambda one: one.execute("SELECT count(*) FROM sources").fetchone()[0])
    return count


async def test_clearing_removes_only_what_is_meant(store: MailboxStore) -> None:
    await store.add("default", [message(1), message(2)])
    await store.add("other", [message(3)])
    assert await store.clear(MailboxFilter(tenant="default")) == 2
    assert (await store.find(MailboxFilter(), limit=10))[1] == 1
    assert await store.clear(MailboxFilter()) == 1


async def test_it_is_there_again_after_a_restart(store: MailboxStore, tmp_path: Path) -> None:
    await store.add("default", [message(1)])
    await store.close()
    again = MailboxStore(tmp_path / "data", clock=ManualClock(), identifiers=Identifiers(ManualClock()))
    await again.open()
    assert (await again.find(MailboxFilter(), limit=10))[1] == 1
    await again.close()


async def test_what_was_caught_of_a_notification_is_forgotten_to_the_last_byte(
    store: MailboxStore, tmp_path: Path
) -> None:
    mine, other = uuid4(), uuid4()
    caught = [
        CaughtMessage(channel=Channel.EMAIL, to=f"{who}@x.test", subject="s", text="x" * 2000, notification_id=id_)
        for who, id_ in (("canary", mine), ("other", other), ("none", None))
    ]
    await store.add("default", caught)
    await store.forget([mine, uuid4()])
    left, _ = await store.find(MailboxFilter(), limit=10)
    assert {one.to for one in left} == {"other@x.test", "none@x.test"}
    assert not any(b"canary" in file.read_bytes() for file in (tmp_path / "data").iterdir())
    await store.forget([])
