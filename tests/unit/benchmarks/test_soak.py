"""The verdict on a run of constant load, and its chart."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

import pytest

from benchmarks.line_chart import Panel, line_chart
from benchmarks.soak import Line, Sample, soak_table, verdict

SAMPLES = 60


def sample(number: int, **changed: float) -> Sample:
    """Memory grows while caches fill, in the first minutes only."""
    memory = 100.0 + min(number, 8) + changed.get("leak", 0) * number
    files = 20 + int(changed.get("files", 0) * number)
    slow = 4.0 + changed.get("slower", 0) * number
    return Sample(
        100, slow, slow + 3, {"gateway": memory}, {"gateway": files}, 10 + int(changed.get("open", 0) * number)
    )


def run(**changed: float) -> Sequence[Sample]:
    return [sample(number, **changed) for number in range(SAMPLES)]


def exceeded(samples: Sequence[Sample]) -> list[str]:
    return [line.title for line in verdict(samples) if not line.good]


def test_a_run_without_a_leak_is_good() -> None:
    assert exceeded(run()) == []


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({"leak": 0.2}, ["gateway: memory, MB"]),
        ({"files": 0.1}, ["gateway: open files"]),
        ({"open": 0.1}, ["connections to PostgreSQL"]),
        ({"slower": 0.1}, ["accept, p99, ms", "accept to mail, p99, ms"]),
    ],
)
def test_a_leak_is_found(changed: Mapping[str, float], title: list[str]) -> None:
    assert exceeded(run(**changed)) == title


def test_one_slow_slice_is_no_trend() -> None:
    samples = [*run()]
    samples[-1] = sample(0, slower=1000)
    assert exceeded(samples) == []


def test_the_shortest_run_has_a_verdict() -> None:
    assert len(verdict(run()[:6])) == 5


def test_the_table_names_what_is_exceeded() -> None:
    lines = [Line("gateway: memory, MB", 100, 120, good=False), Line("accept, p99, ms", 4, 4, good=True)]
    table = soak_table(lines, form="distributed", rate=800, minutes=30, accepted=1_440_000)
    assert "| gateway: memory, MB | 100 | 120 | **exceeded** |" in table
    assert "1,440,000 accepted" in table


def test_the_chart_has_a_line_for_each_name() -> None:
    lines: Mapping[str, Sequence[float]] = {"gateway": [1, 2, 3], "email & more": [3, 3, 3]}
    tree = ET.fromstring(line_chart([Panel("Memory, MB", lines)], 30, "minutes"))  # noqa: S314 - our own
    paths = [node.get("d", "") for node in tree.iter("{http://www.w3.org/2000/svg}path")]
    assert [path.count(",") for path in paths] == [3, 3]
