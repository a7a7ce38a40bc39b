"""Waits for a condition, with a timeout."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar, overload

ResultT = TypeVar("ResultT")


@overload
def until(
    condition: Callable[[], Awaitable[ResultT]], timeout: float = ..., *, interval: float = ..., message: str = ...
) -> Coroutine[None, None, ResultT]: ...
@overload
def until(
    condition: Callable[[], ResultT], timeout: float = ..., *, interval: float = ..., message: str = ...
) -> Coroutine[None, None, ResultT]: ...
async def until(
    condition: Callable[[], ResultT | Awaitable[ResultT]],
    timeout: float = 10.0,  # noqa: ASYNC109 - this function exists to wait with a timeout
    *,
    interval: float = 0.02,
    message: str = "",
) -> ResultT:
    """Call `condition`, which may be a coroutine function, every `interval` seconds. Return its first true result.

    Raises AssertionError after `timeout` seconds, with `message` or the condition's name, and its last result.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        value: ResultT = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            what = message or getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not within {timeout} s: {what} (last answer: {value!r})")
        await asyncio.sleep(interval)
