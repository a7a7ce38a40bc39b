"""Earlier acceptances of a caller by request id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, AcceptOutcome
from angarium.notifications.store.schema import notifications
from angarium.platform.database.engine import reading


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier acceptance of the same request id."""

    acceptance: Acceptance
    fingerprint: bytes


_COLUMNS = (
    notifications.c.request_id,
    notifications.c.fingerprint,
    notifications.c.id,
    notifications.c.status,
    notifications.c.created_at,
)


class PriorAcceptances:
    """Reads the record. Used only when a request would be refused, so never on the fast path."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, caller: str, request_ids: Sequence[str]) -> Mapping[str, Prior]:
        """Return earlier acceptances by request_id. Raises DatabaseUnavailable."""
        mine = (
            notifications.c.tenant == tenant,
            notifications.c.caller == caller,
            notifications.c.request_id.in_(request_ids),
        )
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(*_COLUMNS).where(*mine))
            return {row["request_id"]: _prior(row) for row in rows.mappings()}


def _prior(row: RowMapping) -> Prior:
    acceptance = Acceptance(AcceptOutcome.REPLAYED, row["id"], Status(row["status"]), row["created_at"])
    return Prior(acceptance, row["fingerprint"])
