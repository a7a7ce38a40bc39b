"""One worker's breaker: what opens it, one probe, what closes it, and an operator's word."""

import pytest

from angarium.contracts.providers import BreakerState, provider_id_of
from angarium.contracts.statuses import Channel
from angarium.delivery.breakers.breaker import CONNECTIONS_IN_A_ROW, MISCONFIGURED, PAUSES, Breaker, Close, Open
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.notifications.providers.model import REFUSED, ProviderState
from tests.support.clock import ManualClock

UNREACHABLE = Retry("cannot connect", unreachable=True)


def shared(breaker: BreakerState = BreakerState.CLOSED, **fields: object) -> ProviderState:
    values: dict[str, object] = {
        "provider_id": provider_id_of(Channel.EMAIL, "smtp"),
        "breaker": breaker,
        "forced": False,
        "probe_due": False,
        "answers": 0,
        "faults": 0,
        "in_a_row": 0,
        "workers": 1,
        "busy": 0,
    }
    return ProviderState(**{**values, **fields})  # type: ignore[arg-type]


def tripped() -> Breaker:
    breaker = Breaker(ManualClock())
    for _ in range(CONNECTIONS_IN_A_ROW):
        breaker.answered(UNREACHABLE, probe=False)
    breaker.change = None
    return breaker


def probing() -> Breaker:
    breaker = tripped()
    breaker.take_probe()
    assert breaker.admits()
    assert breaker.begin()
    return breaker


def test_a_closed_breaker_admits() -> None:
    breaker = Breaker(ManualClock())
    assert breaker.admits()
    assert not breaker.begin()


def test_it_opens_at_once_and_says_why() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(CONNECTIONS_IN_A_ROW):
        assert breaker.admits()
        breaker.answered(UNREACHABLE, probe=False)
    assert not breaker.admits()
    assert breaker.change == Open(f"{CONNECTIONS_IN_A_ROW} connection failures in a row", PAUSES, probed=False)


def test_what_other_workers_saw_counts() -> None:
    breaker = Breaker(ManualClock())
    breaker.apply(shared(answers=19, faults=15))
    breaker.answered(Retry("503"), probe=False)
    assert breaker.state is BreakerState.OPEN


def test_a_refusal_of_our_configuration_opens_at_once() -> None:
    breaker = Breaker(ManualClock())
    breaker.answered(Configuration("535 bad password"), probe=False)
    assert breaker.change == Open("refused us: 535 bad password", MISCONFIGURED, probed=False)


def test_a_message_that_is_turned_away_asks_for_a_probe() -> None:
    breaker = tripped()
    assert not breaker.wanted
    assert not breaker.admits()
    assert breaker.wanted


def test_a_won_probe_admits_one_message() -> None:
    breaker = probing()
    assert not breaker.admits()


def test_a_probe_without_an_attempt_is_given_back() -> None:
    breaker = probing()
    breaker.withdrawn()
    assert breaker.admits()
    assert breaker.begin()


@pytest.mark.parametrize("outcome", [Sent("250"), Permanent("550"), Retry("450", provider_fault=False)])
def test_an_answered_probe_closes(outcome: Outcome) -> None:
    breaker = probing()
    breaker.answered(outcome, probe=True)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.change == Close()
    assert breaker.pace.limited  # the provider is not met by all that waited


@pytest.mark.parametrize("outcome", [UNREACHABLE, Retry("503"), Ambiguous("no answer"), Configuration("535")])
def test_a_failed_probe_opens_again(outcome: Outcome) -> None:
    breaker = probing()
    breaker.answered(outcome, probe=True)
    assert breaker.state is BreakerState.OPEN
    assert isinstance(breaker.change, Open)
    assert breaker.change.probed
    assert breaker.change.reason.startswith(REFUSED) is isinstance(outcome, Configuration)


def test_late_answers_from_before_do_not_open_again() -> None:
    breaker = tripped()
    for _ in range(100):
        breaker.answered(UNREACHABLE, probe=False)
    assert breaker.change is None


def test_a_breaker_that_another_worker_opened_is_open_here() -> None:
    breaker = Breaker(ManualClock())
    breaker.apply(shared(BreakerState.OPEN))
    assert not breaker.admits()
    breaker.apply(shared(BreakerState.HALF_OPEN))
    assert not breaker.admits()
    breaker.apply(shared())
    assert breaker.admits()
    assert breaker.pace.limited


def test_an_own_change_that_is_not_written_yet_is_not_overwritten() -> None:
    breaker = Breaker(ManualClock())
    breaker.answered(Configuration("535"), probe=False)
    breaker.apply(shared())
    assert breaker.state is BreakerState.OPEN


def test_a_running_probe_survives_a_look_at_the_shared_state() -> None:
    breaker = probing()
    breaker.apply(shared(BreakerState.HALF_OPEN))
    breaker.answered(Sent("250"), probe=True)
    assert breaker.change == Close()


def test_an_operator_who_closes_it_starts_no_ramp() -> None:
    breaker = tripped()
    breaker.apply(shared(forced=True))
    assert breaker.admits()
    assert not breaker.pace.limited


def test_an_operator_who_opens_it_ends_a_probe() -> None:
    breaker = tripped()
    breaker.take_probe()
    breaker.apply(shared(BreakerState.OPEN, forced=True))
    assert not breaker.admits()
