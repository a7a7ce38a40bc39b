"""A notification that is given back unsent again and again keeps a short timeline, whatever the database."""

from datetime import timedelta
from typing import Any

import pytest

from angarium.contracts.statuses import Status
from angarium.notifications.model import Claimed, Event, Reason
from tests.conformance.store.backends import SECOND, TENANT, Backend, letter_of, result

ROUNDS = 40


def _given_back(claim: Claimed, *events: Event) -> Any:
    return result(claim, Status.PENDING, events=events, burns_attempt=False, wait=timedelta(0))


def _attempt(claim: Claimed, provider: str, outcome: str = "configuration", answer: str = "535 no") -> Event:
    data = {"attempt": claim.attempt, "provider": provider, "outcome": outcome, "answer": answer, "duration_ms": 3}
    return Event("attempt", claim.created_at, data)


async def _events(backend: Backend, claim: Claimed) -> list[dict[str, Any]]:
    events = await backend.reader.events(TENANT, claim.id)
    assert events is not None
    return [dict(event) for event in events]


@pytest.mark.fault(47)
async def test_repeated_deferrals_are_one_event_with_a_count(backend: Backend) -> None:
    claim = await backend.claimed()
    first = (await _events(backend, claim))[-1]["at"]
    for _ in range(ROUNDS):
        assert await backend.store.record([_given_back(claim)]) == [True]
        await backend.pass_time(SECOND)
        [claim] = await backend.claim(claim.id)
    assert await backend.store.record([result(claim, Status.SENT)]) == [True]
    events = await _events(backend, claim)
    assert [event["event"] for event in events] == ["accepted", "claimed", "claimed", "sent"]
    deferred, last = events[1:3]
    assert (deferred["times"], deferred["since"], deferred["attempt"]) == (ROUNDS, first, 1)
    assert deferred["since"] <= deferred["at"] <= last["at"]
    assert "times" not in last


@pytest.mark.fault(47)
async def test_repeated_refusals_of_a_provider_are_one_event_with_its_last_answer(backend: Backend) -> None:
    claim = await backend.claimed()
    for number in range(ROUNDS):
        answers = [_attempt(claim, "one", answer=f"535 no {number}"), _attempt(claim, "two")]
        assert await backend.store.record([_given_back(claim, *answers)]) == [True]
        [claim] = await backend.claim(claim.id)
    events = await _events(backend, claim)
    assert [event["event"] for event in events] == ["accepted", "claimed", "attempt", "attempt", "claimed"]
    assert [event.get("times", 1) for event in events] == [1, ROUNDS, ROUNDS, ROUNDS, 1]
    assert [event.get("provider") for event in events[2:4]] == ["one", "two"]
    assert events[2]["answer"] == f"535 no {ROUNDS - 1}"


async def test_what_came_before_another_event_stays_as_it_is(backend: Backend) -> None:
    claim = await backend.claimed()
    retried = result(
        claim,
        Status.RETRYING,
        events=(_attempt(claim, "one", "retry"), Event("retrying", claim.created_at, {"status": "retrying"})),
        wait=timedelta(0),
    )
    assert await backend.store.record([retried]) == [True]
    [claim] = await backend.claim(claim.id)
    letter = letter_of(claim)
    failed = result(claim, Status.FAILED, dead_letter=letter, reason=Reason("permanent", "no"))
    assert await backend.store.record([failed]) == [True]
    await backend.store.replay([letter.id], tenant=TENANT)
    before = await backend.timeline(claim.id)
    for _ in range(3):
        [claim] = await backend.claim(claim.id)
        assert await backend.store.record([_given_back(claim, _attempt(claim, "one"))]) == [True]
    assert await backend.timeline(claim.id) == [*before, "claimed", "attempt"]
    assert before == ["accepted", "claimed", "attempt", "retrying", "claimed", "failed", "replayed"]


async def test_attempts_and_the_doubt_of_the_last_one_are_as_before(backend: Backend) -> None:
    claim = await backend.claimed()
    lost = result(claim, Status.RETRYING, events=(_attempt(claim, "one", "ambiguous"),), wait=timedelta(0))
    assert await backend.store.record([lost]) == [True]
    for _ in range(3):
        [claim] = await backend.claim(claim.id)
        assert (claim.attempt, claim.doubtful) == (2, True)
        assert await backend.store.record([_given_back(claim)]) == [True]


async def test_other_events_of_a_given_back_notification_stay_in_order(backend: Backend) -> None:
    claim = await backend.claimed()
    odd = Event("note", claim.created_at, {"text": 'é "quoted" \\ 😀'})
    assert await backend.store.record([_given_back(claim, odd)]) == [True]
    [claim] = await backend.claim(claim.id)
    assert await backend.store.record([_given_back(claim)]) == [True]
    events = await _events(backend, claim)
    assert [event["event"] for event in events] == ["accepted", "claimed", "note", "claimed"]
    assert events[2]["text"] == 'é "quoted" \\ 😀'


@pytest.mark.fault(47)
async def test_marketing_that_is_held_makes_one_event_with_its_next_look(backend: Backend) -> None:
    claim = await backend.claimed()
    for number in range(ROUNDS):
        held = Event("held", claim.created_at, {"reason": "sender_paused", "provider": "a", "next_at": f"t{number}"})
        assert await backend.store.record([_given_back(claim, held)]) == [True]
        [claim] = await backend.claim(claim.id)
    events = await _events(backend, claim)
    assert [event["event"] for event in events] == ["accepted", "claimed", "held", "claimed"]
    assert (events[2]["times"], events[2]["next_at"]) == (ROUNDS, f"t{ROUNDS - 1}")
