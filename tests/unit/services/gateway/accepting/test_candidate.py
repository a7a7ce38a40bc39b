from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Channel
from angarium.services.gateway.accepting.candidate import Candidate, check_alone

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BODY = {
    "notification_type": "email",
    "user_id": "7f9c24e8-3b13-4d0a-9f6c-0c6f3f1f3a11",
    "template_code": "welcome",
    "request_id": "order-42",
    "variables": {"name": "John", "items": [{"a": 1, "b": 2}]},
}


def candidate(**changes: Any) -> Candidate:
    return Candidate.of(NotificationRequest.model_validate({**BODY, **changes}), lambda: "made")


def faults(one: Candidate, enabled: frozenset[Channel] = frozenset(Channel)) -> list[str]:
    with pytest.raises(ValidationFailed) as refused:
        check_alone(one, enabled=enabled, allowed=(), now=NOW)
    return [detail.field for detail in refused.value.details]


def test_send_at_may_lie_a_minute_in_the_past() -> None:
    barely = candidate(send_at=(NOW - timedelta(seconds=60)).isoformat())
    check_alone(barely, enabled=frozenset(Channel), allowed=(), now=NOW)
    assert faults(candidate(send_at=(NOW - timedelta(seconds=61)).isoformat())) == ["send_at"]


def test_the_order_of_keys_does_not_change_the_fingerprint() -> None:
    turned = {"items": [{"b": 2, "a": 1}], "name": "John"}
    assert candidate(variables=turned).fingerprint == candidate().fingerprint


def test_the_offset_of_a_time_does_not_change_the_fingerprint() -> None:
    utc, paris = candidate(send_at="2026-12-01T10:00:00Z"), candidate(send_at="2026-12-01T11:00:00+01:00")
    assert utc.fingerprint == paris.fingerprint
    assert utc.send_at == paris.send_at


def test_a_default_and_its_value_written_out_are_the_same_request() -> None:
    assert candidate(priority=5, metadata={}, fallback=[]).fingerprint == candidate().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"variables": {"name": "Jane", "items": [{"a": 1, "b": 2}]}},
        {"variables": {"name": "John", "items": [{"a": 1, "b": "2"}]}},
        {"priority": 6},
        {"template_code": "other"},
        {"notification_type": "sms"},
        {"metadata": {"order": 42}},
        {"send_at": "2026-12-01T10:00:00Z"},
        {"expires_at": "2026-12-01T10:00:00Z"},
        {"locale": "fr"},
        {"fallback": ["sms"]},
        {"callback_url": "https://example.com"},
        {"user_id": None, "recipient": {"email": "a@example.com"}},
        {"user_id": None, "recipient": {"email": "b@example.com"}},
    ],
)
def test_every_field_counts_in_the_fingerprint(change: dict[str, Any]) -> None:
    assert candidate(**change).fingerprint != candidate().fingerprint


def test_a_recipient_without_a_webhook_has_the_fingerprint_of_before_there_were_any() -> None:
    """Else a request that is repeated across the upgrade would be a conflict."""
    one = candidate(user_id=None, recipient={"email": "a@example.com"}, variables={"name": "John"})
    assert one.fingerprint.hex() == "e90e180758222ce5684945ce64110cca59e3b39c4c190ef2718ba0b9d6c23b88"
    two = candidate(user_id=None, recipient={"email": "a@example.com", "webhook": "https://a.example"})
    assert two.fingerprint != candidate(user_id=None, recipient={"email": "a@example.com"}).fingerprint


def test_two_recipients_differ() -> None:
    one = candidate(user_id=None, recipient={"email": "a@example.com"})
    other = candidate(user_id=None, recipient={"email": "b@example.com"})
    assert one.fingerprint != other.fingerprint


def test_a_good_request_passes() -> None:
    later = (NOW + timedelta(hours=2)).isoformat()
    good = candidate(send_at=(NOW + timedelta(hours=1)).isoformat(), expires_at=later, fallback=["sms", "push"])
    check_alone(good, enabled=frozenset(Channel), allowed=(), now=NOW)


def test_a_channel_that_is_off_is_refused_by_name() -> None:
    assert faults(candidate(), enabled=frozenset({Channel.SMS})) == ["notification_type"]
    assert faults(candidate(fallback=["push"]), enabled=frozenset({Channel.EMAIL})) == ["fallback.0"]


def test_a_channel_is_tried_only_once() -> None:
    assert faults(candidate(fallback=["sms", "email"])) == ["fallback.1"]
    assert faults(candidate(fallback=["sms", "sms"])) == ["fallback.1"]


def test_an_expiry_must_lie_ahead_and_after_the_sending() -> None:
    assert faults(candidate(expires_at=NOW.isoformat())) == ["expires_at"]
    early, late = (NOW + timedelta(hours=1)).isoformat(), (NOW + timedelta(hours=2)).isoformat()
    assert faults(candidate(send_at=late, expires_at=early)) == ["expires_at"]
    assert faults(candidate(send_at=late, expires_at=late)) == ["expires_at"]


def test_a_time_beyond_ten_years_is_refused() -> None:
    far = (NOW + timedelta(days=4000)).isoformat()
    assert faults(candidate(send_at=far)) == ["send_at"]
    assert faults(candidate(expires_at=far)) == ["expires_at"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_calendar_can_move_to_utc_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError) as refused:
        candidate(send_at=moment)
    assert refused.value.errors()[0]["loc"] == ("send_at",)


def test_every_fault_is_named_at_once() -> None:
    bad = candidate(fallback=["email"], expires_at=NOW.isoformat(), callback_url="http://example.com")
    assert faults(bad) == ["fallback.0", "expires_at", "callback_url"]
