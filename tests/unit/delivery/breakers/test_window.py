"""Which outcomes open a circuit breaker, and how many of them."""

from collections.abc import Sequence

import pytest

from angarium.delivery.breakers.breaker import CONNECTIONS_IN_A_ROW, FEWEST_ANSWERS, WINDOW, Counts, Window
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from tests.support.clock import ManualClock

SENT = Sent("250 ok")
BUSY = Retry("503")
UNREACHABLE = Retry("cannot connect", unreachable=True)
LOST = Ambiguous("no answer")
ABOUT_RECIPIENTS: Sequence[Outcome] = (
    Permanent("550"),
    Permanent("550", suppress=True),
    Retry("450", provider_fault=False),
)


def counted(*outcomes: Outcome) -> Counts:
    window = Window(ManualClock())
    for outcome in outcomes:
        window.add(outcome)
    return window.counts()


@pytest.mark.parametrize("fault", [BUSY, LOST, UNREACHABLE])
def test_half_of_enough_answers_open(fault: Outcome) -> None:
    half = FEWEST_ANSWERS // 2
    assert counted(*[SENT, fault] * half).reason() is not None
    assert counted(SENT, *[SENT, fault] * half).reason() is None


def test_too_few_answers_open_nothing() -> None:
    assert counted(*[BUSY] * (FEWEST_ANSWERS - 1)).reason() is None


def test_connection_failures_in_a_row_open() -> None:
    assert counted(*[UNREACHABLE] * CONNECTIONS_IN_A_ROW).reason() is not None
    assert counted(*[UNREACHABLE] * (CONNECTIONS_IN_A_ROW - 1)).reason() is None


@pytest.mark.parametrize("between", [SENT, BUSY, LOST, Configuration("535"), *ABOUT_RECIPIENTS])
def test_any_answer_ends_a_row_of_connection_failures(between: Outcome) -> None:
    row = [UNREACHABLE] * (CONNECTIONS_IN_A_ROW - 1)
    assert counted(*row, between, *row).in_a_row == len(row)


@pytest.mark.parametrize("about", ABOUT_RECIPIENTS)
def test_answers_about_recipients_are_not_counted(about: Outcome) -> None:
    assert counted(*[about] * 100) == Counts()
    assert counted(*[about] * 100, *[BUSY] * (FEWEST_ANSWERS - 1)).reason() is None


async def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = ManualClock()
    window = Window(clock)
    for _ in range(FEWEST_ANSWERS):
        window.add(BUSY)
    await clock.advance(WINDOW.total_seconds() - 1)
    window.add(BUSY)
    assert window.counts().faults == FEWEST_ANSWERS + 1
    await clock.advance(1)
    assert window.counts() == Counts(1, 1, 0)
    await clock.advance(WINDOW.total_seconds())
    assert window.counts() == Counts()


def test_connection_failures_in_a_row_open_whatever_was_answered_before() -> None:
    assert counted(*[SENT] * 30, *[UNREACHABLE] * CONNECTIONS_IN_A_ROW).reason() is not None
    assert counted(*[SENT] * 30, *[UNREACHABLE] * (CONNECTIONS_IN_A_ROW - 1)).reason() is None


def test_the_counts_of_workers_add_up() -> None:
    mine, theirs = Counts(10, 5, 3), Counts(10, 5, 2)
    assert mine.plus(theirs) == Counts(20, 10, 5)
    assert mine.reason() is None
    assert mine.reason(theirs) is not None


def test_failures_of_several_workers_are_no_row_while_one_of_them_gets_through() -> None:
    mine = Counts(3, 3, 3)
    assert mine.reason(Counts(7, 6, 2)) is None
    assert mine.reason(Counts(7, 7, 2)) is not None
