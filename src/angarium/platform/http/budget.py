"""A memory budget of large request bodies, over all connections of an app."""

from types import TracebackType
from typing import Self

from angarium.contracts.errors import ServiceUnavailable

BUDGET_BYTES = 128 * 1024 * 1024
RETRY_SECONDS = 2


class BodyBudget:
    """Counts bodies over 256 KB while they are read or handled: 128 MB in total, half of it per tenant.

    Bytes count as they arrive, so a declared Content-Length alone uses nothing.
    """

    def __init__(self, size: int = BUDGET_BYTES) -> None:
        self._size = size
        self._used: dict[str, int] = {}

    def share(self, tenant: str) -> "Share":
        """The bytes of one request of `tenant`; a context manager that releases them."""
        return Share(self, tenant)

    def take(self, tenant: str, size: int) -> None:
        """Take `size` bytes, negative to release.

        Raises ServiceUnavailable with Retry-After when the budget is used up.
        """
        used = self._used.get(tenant, 0) + size
        if size > 0 and (used > self._size // 2 or sum(self._used.values()) + size > self._size):
            message = "Too many large bodies are being read; try again"
            raise ServiceUnavailable(message, retry_after=RETRY_SECONDS)
        if used > 0:
            self._used[tenant] = used
        else:
            self._used.pop(tenant, None)


class Share:
    """One body's part of the budget."""

    def __init__(self, budget: BodyBudget, tenant: str) -> None:
        self._budget = budget
        self._tenant = tenant
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.take(self._tenant, -self._taken)
        self._taken = 0

    def grow(self, size: int) -> None:
        """Set the body's size to `size` bytes. Raises ServiceUnavailable."""
        self._budget.take(self._tenant, size - self._taken)
        self._taken = size
