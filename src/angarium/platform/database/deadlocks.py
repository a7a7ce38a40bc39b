"""Transactions that are begun again when the server ends them to resolve a deadlock."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from angarium.platform.database.faults import DatabaseUnavailable, is_deadlock

P = ParamSpec("P")
ResultT = TypeVar("ResultT")

TRIES = 10
"""How often a transaction is begun that deadlocks end."""


def begun_again(work: Callable[P, Awaitable[ResultT]]) -> Callable[P, Awaitable[ResultT]]:
    """`work`, called again when MariaDB or MySQL rolled its transaction back to resolve a deadlock.

    InnoDB locks the entry of an index at which an INSERT found its key taken. Two that go on to change that row wait
    for each other. So this is for what inserts, or changes the row that is there: one transaction, and nothing else.
    """

    @wraps(work)
    async def again(*values: P.args, **named: P.kwargs) -> ResultT:
        for _ in range(TRIES - 1):
            try:
                return await work(*values, **named)
            except DatabaseUnavailable as error:
                if not is_deadlock(error):
                    raise
        return await work(*values, **named)

    return again
