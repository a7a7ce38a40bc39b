from benchmarks.ladder import OTHER, Profile, ladder_table, step_of

STACKS = """\
run (a/uvloop/loop.py:1);handle (x/angarium/services/gateway/accepting/lanes.py:5);info (y/structlog/_native.py:3) 30
run (a/uvloop/loop.py:1);handle (x/angarium/services/gateway/accepting/lanes.py:9) 60
run (a/uvloop/loop.py:1) 10"""


def test_a_sample_belongs_to_the_innermost_step() -> None:
    assert (
        step_of(["f (x/angarium/delivery/engine.py:1)", "g (y/site-packages/asyncpg/pool.py:2)"]) == "database driver"
    )
    assert step_of(["f (uvloop/loop.py:1)"]) == OTHER


def test_the_time_of_the_process_is_shared_out_by_samples() -> None:
    profile = Profile.of(STACKS, 500.0)
    assert profile.steps == {"log lines": 30, "accepting": 60, OTHER: 10}
    assert profile.cost(profile.steps["accepting"]) == 300.0
    assert profile.functions["accepting/lanes.py handle"] == 60


def test_the_table_begins_with_the_most_expensive_step_and_ends_with_the_sum() -> None:
    lines = ladder_table({"gateway": Profile.of(STACKS, 500.0), "email": Profile.of("", 0.0)}).splitlines()
    assert lines[2] == "| accepting | 300 | 0 | 300 |"
    assert lines[-1] == "| **whole process** | **500** | **0** | **500** |"
