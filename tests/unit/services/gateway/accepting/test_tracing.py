"""The span of an acceptance is the trace that the record stores."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, AcceptOutcome, NewNotification
from angarium.services.gateway.accepting.tracing import committed
from tests.conformance.store.backends import notification
from tests.support.spans import Kept, id_of, parent_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_each_record_stores_its_own_span() -> None:
    kept, stored, earlier = Kept(), list[NewNotification](), uuid4()
    records = [notification(traceparent=f"00-{TRACE}-{SPAN}-01", variables='{"name": "cnry"}') for _ in range(2)]

    async def commit(batch: Sequence[NewNotification]) -> Sequence[Acceptance]:
        stored.extend(batch)
        at = datetime.now(UTC)
        return [
            Acceptance(AcceptOutcome.CREATED, batch[0].id, Status.PENDING, at),
            Acceptance(AcceptOutcome.REPLAYED, earlier, Status.SENT, at),
        ]

    await committed(kept.tracing, records, commit)
    first, second = kept.spans
    assert [parent_of(one) for one in kept.spans] == [SPAN, SPAN]
    assert [one.traceparent for one in stored] == [f"00-{TRACE}-{id_of(one)}-01" for one in kept.spans]
    assert first.attributes is not None
    assert second.attributes is not None
    assert dict(first.attributes) == {
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "angarium.channel": "email",
        "angarium.template_code": "welcome",
        "angarium.tenant": records[0].tenant,
        "angarium.priority": 5,
        "angarium.notification_id": str(records[0].id),
        "angarium.outcome": "created",
    }
    assert second.attributes["angarium.notification_id"] == str(earlier)
    assert second.attributes["angarium.outcome"] == "replayed"


async def test_a_commit_that_fails_marks_every_span() -> None:
    kept = Kept()

    async def commit(_: Sequence[NewNotification]) -> Sequence[Acceptance]:
        raise Transient

    with pytest.raises(Transient):
        await committed(kept.tracing, [notification(), notification()], commit)
    assert [one.attributes["error.type"] for one in kept.spans if one.attributes] == ["Transient", "Transient"]
