"""All guarantees hold in a thousand seeded worlds, and faults in the code are detected within a few worlds."""

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from angarium.contracts.statuses import Status
from angarium.delivery.outcome import Outcome
from tests.simulation.mutations import MUTATIONS
from tests.simulation.world import Simulator

ROOT = Path(__file__).parents[2]
SEEDS, BLOCK = 1000, 50
FEW = 120
"""The number of seeds within which each mutation must be detected."""
EVERYTHING = {
    *("killed", "frozen", "stopped", "cut", "jumped", "opted", "unconfirmed", "swept"),
    *("away database_away", "away broker_away", "away directory_away"),
    *(outcome.__name__ for outcome in get_args(Outcome)),
    *(Status.SENT, Status.FAILED, Status.SKIPPED, Status.EXPIRED, Status.UNKNOWN, Status.RETRYING, Status.SENDING),
}
"""Words that must appear in the traces of 100 seeds: faults, outcomes of providers, states."""
LOG = logging.getLogger("simulation")
_HASH = "from tests.simulation.world import Simulator; print(Simulator().run({seed}).hash)"


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator()


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_guarantee_holds(simulator: Simulator, first: int) -> None:
    broken = {
        run.seed: run.violations for seed in range(first, first + BLOCK) if (run := simulator.run(seed)).violations
    }
    assert broken == {}, "repeat a seed with: python -m tests.simulation --first SEED --seeds 1 --trace"


def test_every_fault_and_every_final_status_occurs(simulator: Simulator) -> None:
    """The simulation is only meaningful if all faults and outcomes occur."""
    lines = [line.split()[1:] for seed in range(100) for line in simulator.run(seed).trace]
    happened = Counter(line[0] for line in lines)
    happened += Counter(" ".join(line) for line in lines if line[0] == "away")
    happened += Counter(line[-1] for line in lines if line[0] == "moved")
    happened += Counter(line[3] for line in lines if line[0] == "answer")
    assert set(happened) >= EVERYTHING, EVERYTHING - set(happened)


def test_a_seed_is_reproducible(simulator: Simulator) -> None:
    seeds = range(20, 26)
    once = [simulator.run(seed) for seed in seeds]
    again = [simulator.run(seed) for seed in reversed(seeds)]
    assert [run.trace for run in once] == [run.trace for run in reversed(again)]
    assert len({run.hash for run in once}) == len(seeds)


def test_a_seed_is_reproducible_in_another_process(simulator: Simulator) -> None:
    """Python randomises the order of sets of strings per process."""
    elsewhere = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", _HASH.format(seed=23)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == simulator.run(23).hash


def test_a_failing_seed_is_reproducible(simulator: Simulator) -> None:
    with MUTATIONS["a wait counts as an attempt"]():
        once, again = (next(run for run in map(simulator.run, range(FEW)) if run.violations) for _ in range(2))
    assert (once.seed, once.hash, once.violations) == (again.seed, again.hash, again.violations)


@pytest.mark.parametrize("wrong", MUTATIONS)
def test_a_fault_in_the_code_is_detected(simulator: Simulator, wrong: str) -> None:
    with MUTATIONS[wrong]():
        caught = next((run for run in map(simulator.run, range(FEW)) if run.violations), None)
    assert caught is not None, f"{wrong}: not detected within {FEW} seeds"
    LOG.info("%s: seed %d, %s", wrong, caught.seed, caught.violations[0])
    assert not simulator.run(caught.seed).violations, "the seed has violations without the fault too"
