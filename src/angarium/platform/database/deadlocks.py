"""Retries of transactions that the server rolled back to resolve a deadlock."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from angarium.platform.database.faults import DatabaseUnavailable, is_deadlock

P = ParamSpec("P")
ResultT = TypeVar("ResultT")

TRIES = 10
"""Attempts of a transaction that ends in deadlocks."""


def begun_again(work: Callable[P, Awaitable[ResultT]]) -> Callable[P, Awaitable[ResultT]]:
    """Call `work`, and call it again if MariaDB or MySQL rolled its transaction back to resolve a deadlock.

    InnoDB locks the index entry at which an INSERT found its key taken, and two transactions that then update that row
    wait for each other. So use this for upserts; `work` must be a single transaction and nothing else.
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
