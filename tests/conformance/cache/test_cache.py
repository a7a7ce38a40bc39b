import asyncio
from datetime import timedelta

from angarium.platform.cache.port import Cache, Listener
from tests.support.wait import until

HOUR = timedelta(hours=1)


async def test_what_was_set_is_given_back_in_the_order_asked_for(cache: Cache) -> None:
    assert await cache.set_many({"a": b"1", "b": b"\x00\xff binary"}, HOUR)
    assert list(await cache.get_many(["b", "missing", "a"])) == [b"\x00\xff binary", None, b"1"]


async def test_an_empty_value_is_a_value(cache: Cache) -> None:
    await cache.set_many({"empty": b""}, HOUR)
    assert list(await cache.get_many(["empty"])) == [b""]


async def test_nothing_asked_is_nothing_answered(cache: Cache) -> None:
    assert list(await cache.get_many([])) == []
    assert await cache.set_many({}, HOUR)
    assert await cache.delete([])


async def test_a_value_is_replaced(cache: Cache) -> None:
    await cache.set_many({"a": b"old"}, HOUR)
    await cache.set_many({"a": b"new"}, HOUR)
    assert list(await cache.get_many(["a"])) == [b"new"]


async def test_a_value_ends_with_its_time_and_its_neighbour_stays(cache: Cache) -> None:
    await cache.set_many({"short": b"1"}, timedelta(milliseconds=30))
    await cache.set_many({"long": b"1"}, HOUR)

    async def gone() -> bool:
        return list(await cache.get_many(["short", "long"])) == [None, b"1"]

    await until(gone)


async def test_what_was_deleted_is_gone(cache: Cache) -> None:
    await cache.set_many({"a": b"1", "b": b"2"}, HOUR)
    assert await cache.delete(["a", "missing"])
    assert list(await cache.get_many(["a", "b"])) == [None, b"2"]


async def test_many_at_once(cache: Cache) -> None:
    entries = {f"key-{number}": str(number).encode() for number in range(500)}
    assert await cache.set_many(entries, HOUR)
    answers = await asyncio.gather(*(cache.get_many(list(entries)) for _ in range(50)))
    assert all(list(values) == list(entries.values()) for values in answers)


async def test_an_announcement_reaches_every_listener_of_its_topic_only(cache: Cache) -> None:
    first: list[str] = []
    second: list[str] = []
    other: list[str] = []
    async with (
        cache.listen("users", _into(first)),
        cache.listen("users", _into(second)),
        cache.listen("templates", _into(other)),
    ):
        assert await cache.announce("users", "default:é 1")
        assert await cache.announce("templates", "default:welcome")
        await until(lambda: first and second and other)
    assert (first, second, other) == (["default:é 1"], ["default:é 1"], ["default:welcome"])


async def test_rings_come_in_order_and_end_with_the_context(cache: Cache) -> None:
    heard: list[str] = []
    still: list[str] = []
    async with cache.listen("users", _into(still)):
        async with cache.listen("users", _into(heard)):
            for number in range(100):
                await cache.announce("users", str(number))
            await until(lambda: len(heard) == 100)
        await cache.announce("users", "late")
        await until(lambda: "late" in still)
    assert heard == [str(number) for number in range(100)]


async def test_a_listener_is_subscribed_until_its_context_ends(cache: Cache) -> None:
    async with cache.listen("users", _into([])) as hears:
        await until(hears)
    assert not hears()


async def test_a_listener_that_raises_gets_the_next_announcement_and_the_announcer_no_error(cache: Cache) -> None:
    heard: list[str] = []

    async def fails(text: str) -> None:
        heard.append(text)
        raise RuntimeError(text)

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    async with cache.listen("users", fails):
        assert await cache.announce("users", "1")
        assert await cache.announce("users", "2")
        await until(lambda: len(heard) == 2)
    assert heard == ["1", "2"]


async def test_it_is_ready(cache: Cache) -> None:
    assert await cache.ready()


async def test_closing_twice_is_closing(cache: Cache) -> None:
    await cache.close()
    await cache.close()


def _into(heard: list[str]) -> Listener:
    async def listener(text: str) -> None:
        heard.append(text)

    return listener
