"""Which statements of PostgreSQL write a batch, with and without fast paths."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event, NewNotification, Result
from angarium.notifications.store.postgresql import accept, record
from angarium.notifications.store.postgresql.store import PostgresqlStore
from angarium.platform.database.postgresql_pool import PostgresqlPool

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
LEASE = timedelta(seconds=10)


class Statements:
    """In place of a pool: writes down what is asked, and answers that every row was written."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        self.asked.append(statement)
        return [{"id": identifier, "status": "pending", "created_at": AT} for identifier in values[0]]


def notification(**changes: Any) -> NewNotification:
    values: dict[str, Any] = {
        "id": uuid4(),
        "tenant": "acme",
        "caller": "shop",
        "request_id": str(uuid4()),
        "fingerprint": b"f" * 32,
        "channel": Channel.EMAIL,
        "template_code": "welcome",
        "template_version": 3,
        "locale": "en",
        "priority": 5,
        "correlation_id": "c-1",
    }
    return NewNotification(**values, **changes)


def sent(**changes: Any) -> Result:
    events = (Event("sent", AT, {"status": "sent"}),)
    return Result(id=uuid4(), claim_token=uuid4(), status=Status.SENT, events=events, **changes)


@pytest.mark.parametrize(
    ("fast_paths", "test", "statement"),
    [
        (True, False, accept.ACCEPT_PLAIN),
        (True, True, accept.ACCEPT),
        (False, False, accept.ACCEPT),
    ],
)
async def test_what_accepts(fast_paths: bool, test: bool, statement: str) -> None:
    statements = Statements()
    store = PostgresqlStore(cast("PostgresqlPool", statements), fast_paths=fast_paths)
    await store.accept([notification(), notification(test=test)], outbox_lease=LEASE)
    assert statements.asked == [statement]


@pytest.mark.parametrize(
    ("fast_paths", "burns", "statement"),
    [
        (True, True, record.RECORD_SENT),
        (True, False, record.RECORD),
        (False, True, record.RECORD),
    ],
)
async def test_what_records(fast_paths: bool, burns: bool, statement: str) -> None:
    statements = Statements()
    store = PostgresqlStore(cast("PostgresqlPool", statements), fast_paths=fast_paths)
    assert await store.record([sent(), sent(burns_attempt=burns)]) == [True, True]
    assert statements.asked == [statement]
