import pytest

from angarium.contracts.statuses import (
    TRANSITIONS,
    UNFINISHED,
    DeliveryStatus,
    Status,
    delivery_status,
    may_become,
    sources_of,
)


def test_every_state_has_a_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.SKIPPED, Status.CANCELLED, Status.EXPIRED])
def test_ends_lead_nowhere(status: Status) -> None:
    assert not TRANSITIONS[status]


def test_only_a_replay_leads_on_from_failed() -> None:
    assert TRANSITIONS[Status.FAILED] == {Status.PENDING}


def test_sent_never_goes_back_to_the_queue() -> None:
    assert not TRANSITIONS[Status.SENT] & UNFINISHED


def test_only_a_claim_leads_to_sent_but_an_operators_word() -> None:
    assert sources_of(Status.SENT) == {Status.SENDING, Status.UNKNOWN}


def test_cancel_is_possible_before_a_send_alone() -> None:
    assert sources_of(Status.CANCELLED) == {Status.SCHEDULED, Status.PENDING, Status.RETRYING}


def test_may_become_agrees_with_the_table() -> None:
    assert may_become(Status.PENDING, Status.SENDING)
    assert not may_become(Status.DELIVERED, Status.FAILED)


@pytest.mark.parametrize("status", list(Status))
def test_coarse_word(status: Status) -> None:
    pending = {Status.SCHEDULED, Status.PENDING, Status.SENDING, Status.RETRYING, Status.UNKNOWN}
    delivered = {Status.SENT, Status.DELIVERED}
    expected = (
        DeliveryStatus.PENDING
        if status in pending
        else DeliveryStatus.DELIVERED
        if status in delivered
        else DeliveryStatus.FAILED
    )
    assert delivery_status(status) is expected
