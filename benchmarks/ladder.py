"""Measures the CPU time of each step of a notification, in the running product.

py-spy samples the gateway and the worker under an end-to-end load. Each sample is assigned to the step whose code is
nearest to the top of its stack. The CPU time per notification, from /proc, is divided in proportion to the samples.

    .venv/bin/python -m benchmarks.ladder [--source SRC]
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import cpu_seconds, family
from benchmarks.angarium import Distributed
from benchmarks.document import keep_section
from benchmarks.resident import ROOT, Load, Sink
from benchmarks.servers import private_servers

PROCESSES = ("gateway", "email", "users")
RATE = 500  # samples a second
SECONDS = 10
COUNT = 60_000
TOP = 12

STEPS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("metrics", ("/prometheus_client/", "/telemetry/metrics")),
    ("log lines", ("/structlog/", "/telemetry/", "/logging/")),
    ("database driver", ("/asyncpg/",)),
    ("SQLAlchemy", ("/sqlalchemy/",)),
    (
        "HTTP client between services",
        ("/http/client/", "/httpx2/", "/httpcore", "/anyio/", "/h11/"),
    ),
    ("AMQP", ("/aio_pika/", "/aiormq/", "/pamqp/", "/platform/broker/")),
    ("cache", ("/redis/", "/platform/cache/")),
    (
        "authentication, rate limit",
        ("/platform/auth/", "keys/ring", "rate_limit", "authentication.py", "dependencies.py"),
    ),
    ("parsing and validation", ("frame/direct.py", "/contracts/", "candidate.py", "admission", "acceptance.py")),
    ("directory (users, templates)", ("/directory/",)),
    ("store: arguments and rows", ("/notifications/store/",)),
    ("outbox", ("/notifications/publisher", "/notifications/relay", "outbox")),
    ("group commit", ("/platform/batching.py",)),
    ("rendering", ("/rendering/", "/liquid/")),
    ("SMTP", ("/providers/smtp/", "/aiosmtplib/")),
    ("building the mail", ("/channels/email/",)),
    ("engine", ("/delivery/",)),
    ("accepting", ("/services/gateway/",)),
    ("HTTP frame", ("/platform/http/", "/starlette/", "/fastapi/", "/uvicorn/")),
    ("services, other", ("/angarium/",)),
)
OTHER = "event loop and rest"


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one process: samples by step and by top function, and its CPU time per notification."""

    steps: Mapping[str, int]
    functions: Mapping[str, int]
    microseconds: float

    @classmethod
    def of(cls, collapsed: str, microseconds: float) -> "Profile":
        """Parse py-spy's collapsed stacks: `frame;frame;frame count`, outermost frame first."""
        steps: Counter[str] = Counter()
        functions: Counter[str] = Counter()
        for line in collapsed.splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            steps[step_of(frames)] += int(count)
            functions[_short(frames[-1])] += int(count)
        return cls(steps, functions, microseconds)

    def cost(self, samples: int) -> float:
        """The microseconds per notification of this number of samples."""
        return self.microseconds * samples / max(1, sum(self.steps.values()))


def step_of(frames: Sequence[str]) -> str:
    """The step of the innermost frame that belongs to a step."""
    for frame in reversed(frames):
        for step, marks in STEPS:
            if any(mark in frame for mark in marks):
                return step
    return OTHER


def ladder_table(profiles: Mapping[str, Profile]) -> str:
    """The cost of every step in each process, most expensive first."""
    names = list(profiles)
    totals = {
        step: sum(profile.cost(profile.steps.get(step, 0)) for profile in profiles.values())
        for step in {step for profile in profiles.values() for step in profile.steps}
    }
    lines = [f"| CPU µs for one notification | {' | '.join(names)} | all |", "|---" * (len(names) + 2) + "|"]
    for step in sorted(totals, key=lambda name: -totals[name]):
        costs = [profile.cost(profile.steps.get(step, 0)) for profile in profiles.values()]
        lines.append(f"| {step} | {' | '.join(f'{cost:.0f}' for cost in costs)} | {totals[step]:.0f} |")
    sums = [profile.microseconds for profile in profiles.values()]
    lines.append(f"| **whole process** | {' | '.join(f'**{cost:.0f}**' for cost in sums)} | **{sum(sums):.0f}** |")
    return "\n".join(lines)


def functions_table(profiles: Mapping[str, Profile]) -> str:
    """The functions of each process with the most own time."""
    lines = ["| process | function | µs |", "|---|---|---|"]
    for name, profile in profiles.items():
        dearest = Counter(profile.functions).most_common(TOP)
        lines.extend(f"| {name} | `{function}` | {profile.cost(count):.0f} |" for function, count in dearest)
    return "\n".join(lines)


def _short(frame: str) -> str:
    name, _, place = frame.partition(" (")
    file = place.rpartition(":")[0] or place
    return f"{'/'.join(file.rstrip(')').split('/')[-2:])} {name}"


def _sample(pid: int, output: Path) -> subprocess.Popen[bytes]:
    spy = ROOT / ".venv-bench" / "bin" / "py-spy"
    options = ["--gil", "--format", "raw", "--full-filenames", "--duration", str(SECONDS), "--rate", str(RATE)]
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        [str(spy), "record", *options, "--pid", str(pid), "--output", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _profile(system: Distributed, load: Load, sink: Sink, folder: Path) -> Mapping[str, Profile]:
    """Run once without the sampler for the CPU time, and once with it for the shares."""
    job = system.job(connections=64, count=COUNT, seconds=SECONDS)
    pids = {name: family(pid) for name, pid in system.pids().items()}
    before = {name: cpu_seconds(pids[name]) for name in PROCESSES}
    accepted = int(load.run(job)["accepted"])
    sink.wait(accepted)
    used = {name: (cpu_seconds(pids[name]) - before[name]) * 1e6 / accepted for name in PROCESSES}
    files = {name: folder / f"{name}.stacks" for name in PROCESSES}
    samplers = [_sample(pids[name][0], files[name]) for name in PROCESSES]
    time.sleep(1)
    sink.reset()
    sink.wait(int(load.run(system.job(connections=64, count=COUNT, seconds=SECONDS - 1))["accepted"]))
    for sampler in samplers:
        sampler.wait(60)
    return {name: Profile.of(files[name].read_text(), used[name]) for name in PROCESSES}


def main() -> int:
    """Measure, print and store the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder")
    parser.add_argument("--source", help="measure the product of this `src` folder instead of this working copy's")
    source = parser.parse_args().source
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        system = Distributed(folder / "angarium", sink_port=sink.port, servers=servers, source=source)
        stack.callback(system.kill)
        system.start()
        sink.wait(int(load.run(system.job(connections=8, count=500))["accepted"]))
        sink.reset()
        profiles = _profile(system, load, sink, folder)
        system.stop()
    text = f"# Ladder\n\n{ladder_table(profiles)}\n\n## Functions\n\n{functions_table(profiles)}\n"
    (ROOT / "benchmarks" / "results" / "ladder.md").write_text(text)
    keep_section("ladder", ladder_table(profiles))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
