"""A slow relay costs time, and neither copies nor attempts. `tests.faults.slow_relay` has the whole table."""

from pathlib import Path

import pytest

from tests.faults.slow_relay import Case, Outcome, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "case",
    [
        Case(100, dot=1),  # with 8 sessions the last one waits for 12 s
        Case(4, dot=3.5, options="pool=1"),
        Case(1, dot=11),
        Case(1, greeting=11),
    ],
    ids=str,
)
def test_every_mail_is_sent_once_at_its_first_attempt(case: Case, tmp_path: Path) -> None:
    outcome = run(case, tmp_path)
    assert outcome.clean(case), outcome


def test_an_outcome_that_is_not_clean_is_seen() -> None:
    good = Outcome({1: 2}, {1: 2}, {"sent": 2}, 1.0)
    assert good.clean(Case(2))
    assert not good.clean(Case(3))
    assert not Outcome({1: 1, 2: 1}, {1: 2}, {"sent": 2}, 1.0).clean(Case(2))
    assert not Outcome({1: 2}, {2: 2}, {"sent": 2}, 1.0).clean(Case(2))
    assert not Outcome({1: 2}, {1: 2}, {"failed": 2}, 1.0).clean(Case(2))
