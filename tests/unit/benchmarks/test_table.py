from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from benchmarks.goals import GOALS, goals_table
from benchmarks.plot import chart
from benchmarks.results_file import Results
from benchmarks.table import cell, limits_table, page, systems_table

RESULTS = Results(
    titles={"angarium": "Angarium", "naive": "Naive & plain", "celery": "Celery"},
    systems={
        "angarium": [
            {"accept_64_rate": rate, "end_to_end_rate": 3000.0, "memory_gateway_mb": 80.0, "memory_email_mb": 100.0}
            for rate in (4000.0, 6000.0, 5000.0)
        ],
        "naive": [{"accept_64_rate": 500.0}],
        "celery": [{"end_to_end_rate": 200.0}],
    },
    limits=[{"load_rate": 60_000.0}],
    conditions={"cores": "2"},
)


def test_a_cell_shows_the_median_and_the_spread() -> None:
    assert cell(RESULTS.spread("angarium", "accept_64_rate")) == "**5,000** (4,000–6,000)"
    assert cell(RESULTS.spread("naive", "end_to_end_rate")) == "–"


def test_the_table_has_a_column_for_each_system_and_only_rows_that_were_measured() -> None:
    lines = systems_table(RESULTS).splitlines()
    assert lines[0] == "| | Angarium | Naive & plain | Celery |"
    assert lines[2].startswith("| accept, 64 clients, n/s | **5,000** (4,000–6,000) | **500** (500–500) | – |")
    assert not any("bulk" in line for line in lines)
    assert lines[-1].startswith("| resident memory of all processes, MB | **180** |")


def test_a_goal_is_a_ratio_of_medians_with_its_verdict() -> None:
    table = goals_table(RESULTS)
    assert "| 8× | 15× | 10.0× | floor held |" in table
    assert "| end to end vs FastAPI + Celery | 10× | 20× | 15.0× | floor held |" in table
    assert "| bulk vs the same single posts | 20× | 35× | – | not measured |" in table
    assert "| resident memory, gateway | 150 MB | 90 MB | 80.0 MB | goal reached |" in table


@pytest.mark.parametrize(
    ("lower", "value", "verdict"),
    [
        (False, 15, "goal reached"),
        (False, 14.9, "floor held"),
        (False, 7.9, "below the floor"),
        (True, 0.3, "goal reached"),
        (True, 0.5, "floor held"),
        (True, 0.51, "below the floor"),
    ],
)
def test_verdicts(*, lower: bool, value: float, verdict: str) -> None:
    goal = next(goal for goal in GOALS if goal.lower == lower)
    assert goal.verdict(value) == verdict


def test_the_limits_stand_beside_the_best_figure() -> None:
    assert (
        "| load generator, 64 connections, requests/s | **60,000** (60,000–60,000) | 5,000 | 12.0× |"
        in limits_table(RESULTS)
    )


def test_results_are_the_same_after_a_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    RESULTS.write(path)
    assert Results.read(path) == RESULTS


def test_the_page_tells_the_conditions() -> None:
    text = page(RESULTS)
    assert "Medians of 3 interleaved repeats" in text
    assert "cores 2" in text


def test_a_chart_is_svg_with_a_bar_for_each_system_that_has_the_figure() -> None:
    drawn = fromstring(chart(RESULTS, "accept_64_rate", "Accepts"))  # noqa: S314 - our own text
    bars = [bar for bar in drawn.iter("{http://www.w3.org/2000/svg}rect") if bar.get("class") in {"ours", "theirs"}]
    assert [float(bar.get("width", "0")) for bar in bars] == [350.0, 35.0]
