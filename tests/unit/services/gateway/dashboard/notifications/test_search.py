"""The search box."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.notifications import NotificationFilter
from angarium.services.gateway.dashboard.notifications.search import Search, search_of

ID = "0192f3c4-1111-7222-8333-444455556666"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", Search()),
        (ID, Search(id=UUID(ID))),
        ("ada@example.com", Search(address="ada@example.com")),
        ("+14155550123", Search(address="+14155550123")),
        ("https://example.com/hook", Search(address="https://example.com/hook")),
        ("address:device-1", Search(address="device-1")),
        ("order-42", Search(NotificationFilter(request_id="order-42"))),
        ("request:a=b", Search(NotificationFilter(request_id="a=b"))),
        ("order=42", Search(NotificationFilter(metadata=(("order", "42"),)))),
        ('note="a b"', Search(NotificationFilter(metadata=(("note", "a b"),)))),
        ("user:u-1 template:welcome", Search(NotificationFilter(user_id="u-1", template_code="welcome"))),
        ('it"s', Search(NotificationFilter(request_id='it"s'))),
        ("a:b", Search(NotificationFilter(request_id="a:b"))),
    ],
)
def test_words_are_read(words: str, expected: Search) -> None:
    assert search_of({"q": words}) == expected


def test_fields_narrow_the_words() -> None:
    given = {"q": "order=1", "status": "failed", "channel": "sms", "from": "2026-11-20T09:00", "to": ""}
    assert search_of(given).wanted == NotificationFilter(
        status=Status.FAILED,
        notification_type=Channel.SMS,
        from_=datetime(2026, 11, 20, 9, tzinfo=UTC),
        metadata=(("order", "1"),),
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"status": "lost"}, "status"),
        ({"channel": "fax"}, "channel"),
        ({"from": "soon"}, "from"),
        ({"to": "1999-01-01T00:00"}, "to"),
        ({"q": "a\0"}, "q"),
        ({"q": "x" * 501}, "q"),
        ({"q": "a=1 b=1 c=1 d=1 e=1 f=1"}, "q"),
    ],
)
def test_what_cannot_be_read_is_named(given: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        search_of(given)
    assert [detail.field for detail in caught.value.details] == [field]
