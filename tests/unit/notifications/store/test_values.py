"""The small values of the store: timelines, cursors, answers, messages."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from angarium.contracts.fields import rfc3339
from angarium.contracts.messages import QueueMessage
from angarium.contracts.statuses import Channel
from angarium.notifications.messages import work_message
from angarium.notifications.model import Event, NewNotification
from angarium.notifications.store.paging import Cursor
from angarium.notifications.store.sqlite.sql import appendix
from angarium.notifications.store.timeline import encode_events

AT = datetime(2026, 11, 20, 9, 0, 0, 5000, tzinfo=UTC)


def _new(priority: int = 7) -> NewNotification:
    base = NewNotification(
        id=UUID(int=7),
        tenant="acme",
        caller="shop",
        request_id="r-1",
        fingerprint=b"",
        channel=Channel.SMS,
        template_code="welcome",
        template_version=3,
        locale="en",
        priority=7,
        correlation_id="c-1",
        variables='{"b": 1.50, "a": ["ü"]}',
        expires_at=datetime(2026, 11, 20, 11, 0, tzinfo=timezone(timedelta(hours=2))),
    )
    return msgspec.structs.replace(base, priority=priority)


def test_an_event_has_its_name_its_time_and_its_data() -> None:
    text = encode_events([Event("attempt", AT, {"attempt": 1, "answer": 'a "quote" \x00'})])
    assert msgspec.json.decode(text) == [
        {"event": "attempt", "at": "2026-11-20T09:00:00.005000Z", "attempt": 1, "answer": 'a "quote" \x00'}
    ]


def test_an_appendix_continues_a_timeline() -> None:
    one, two = Event("a", AT), Event("b", AT)
    assert encode_events([one])[:-1] + appendix([two, one]) == encode_events([one, two, one])
    assert encode_events([one])[:-1] + appendix([]) == encode_events([one])


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_comes_back(at: datetime, identifier: UUID) -> None:
    assert Cursor.parse(str(Cursor(at, identifier))) == Cursor(at, identifier)


def test_the_message_is_a_pointer_without_variables() -> None:
    message = work_message(_new())
    assert (message.routing_key, message.exchange, message.correlation_id) == ("sms", "notifications.direct", "c-1")
    assert msgspec.json.decode(message.body) == {
        "schema_version": 1,
        "notification_id": str(UUID(int=7)),
        "tenant": "acme",
        "user_id": None,
        "notification_type": "sms",
        "template_code": "welcome",
        "template_version": 3,
        "locale": "en",
        "request_id": "r-1",
        "priority": 7,
        "correlation_id": "c-1",
        "expires_at": "2026-11-20T09:00:00Z",
    }
    assert msgspec.json.decode(message.body, type=QueueMessage).notification_id == str(UUID(int=7))


@pytest.mark.parametrize(("priority", "key"), [(7, "sms"), (8, "sms.urgent"), (10, "sms.urgent")])
def test_urgent_ones_travel_in_their_own_lane(priority: int, key: str) -> None:
    assert work_message(_new(priority=priority)).routing_key == key


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])))
def test_the_time_of_an_event_is_the_contracts(moment: datetime) -> None:
    assume(
        datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
        < moment
        < datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
    )
    [line] = msgspec.json.decode(encode_events([Event("e", moment)]))
    assert line["at"] == rfc3339(moment)
