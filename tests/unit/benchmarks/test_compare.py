"""The comparison of two trees."""

from benchmarks.compare import Ratio, compare


def test_a_ratio_is_turned_so_that_more_is_better() -> None:
    assert Ratio.of([100.0], [110.0], more_is_better=True).median == 1.1
    assert Ratio.of([100.0], [50.0], more_is_better=False).median == 2.0


def test_equal_ratios_have_no_interval_and_scattered_ones_do() -> None:
    steady = Ratio.of([10.0, 20.0, 30.0], [9.0, 18.0, 27.0], more_is_better=True)
    assert (steady.lowest, steady.highest) == (0.9, 0.9)
    scattered = Ratio.of([10.0] * 9, [8.0, 9.0, 9.5, 10.0, 10.0, 10.5, 11.0, 12.0, 13.0], more_is_better=True)
    assert scattered.lowest < scattered.median == 1.0 < scattered.highest


def test_a_figure_that_fell_is_found() -> None:
    before, after = [{"accept_1_rate": 100.0, "memory": 50.0}] * 5, [{"accept_1_rate": 90.0, "memory": 50.0}] * 5
    lines, good = compare(before, after)
    assert lines[2:] == [
        "| accept, 1 client, n/s | 100 | 90.0 | **0.900** (0.90–0.90) |",
        "| resident memory, MB | 50.0 | 50.0 | **1.000** (1.00–1.00) |",
    ]
    assert not good
    assert compare(before, before)[1]
