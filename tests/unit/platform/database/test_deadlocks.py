"""A transaction that a deadlock ended is begun again; nothing else is."""

import pytest

from angarium.platform.database.deadlocks import TRIES, begun_again
from angarium.platform.database.faults import DatabaseUnavailable


class _MySQLError(Exception):
    pass


_MySQLError.__module__ = "asyncmy.errors"


class Work:
    """Fails with `code` for the first `times` calls."""

    def __init__(self, code: int, times: int) -> None:
        self.code = code
        self.times = times
        self.calls = 0

    @begun_again
    async def run(self, value: str) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise DatabaseUnavailable from _MySQLError(self.code, "…")
        return value


async def test_after_a_deadlock_it_is_done_in_the_end() -> None:
    work = Work(1213, times=3)
    assert await work.run("done") == "done"
    assert work.calls == 4


async def test_it_is_not_tried_without_end() -> None:
    work = Work(1213, times=TRIES)
    with pytest.raises(DatabaseUnavailable):
        await work.run("done")
    assert work.calls == TRIES


async def test_another_failure_is_the_callers() -> None:
    work = Work(2013, times=1)
    with pytest.raises(DatabaseUnavailable):
        await work.run("done")
    assert work.calls == 1
