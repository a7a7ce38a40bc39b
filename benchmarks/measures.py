"""The measurements. Each measures one system once and returns its figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.load import Job
from benchmarks.resident import Load, Sink
from benchmarks.system import System

Figures = dict[str, float]
CLIENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a repeat, in seconds and numbers of requests."""

    accept_seconds: float = 2.0
    accept_most: int = 10_000
    bulks: int = 10
    worker_seconds: float = 5.0
    latency_seconds: float = 6.0
    latency_rate: float = 50.0
    end_to_end_share: float = 1.0
    crowd: int = 10_000


QUICK = Size(
    accept_seconds=0.7, accept_most=2000, bulks=3, worker_seconds=2.0, latency_seconds=2.0, end_to_end_share=0.25
)


class NotAccepted(Exception):
    """A request was not answered with a 202."""


class NotDelivered(Exception):
    """An accepted notification did not reach the sink, or arrived twice."""


class Measurer:
    """Measures systems with one load generator and one sink. `server_cpu` returns the servers' CPU time so far."""

    def __init__(self, load: Load, sink: Sink, size: Size, server_cpu: Callable[[], Mapping[str, float]]) -> None:
        self.load = load
        self.sink = sink
        self._size = size
        self._server_cpu = server_cpu

    def measure(self, system: System) -> Figures:
        """Run all measurements in a fixed order. The system is idle before and afterwards."""
        figures: Figures = {}
        self.sink.reset()
        system.pause_worker()
        accepted = self._accept(system, figures)
        system.resume_worker()
        if not system.has_worker:
            self._all(accepted, system)
        elif system.target.bulk_path:
            figures["worker_rate"] = self._drained(system, accepted)
        else:
            self._worker_for_a_while(system, accepted, figures)
        self._end_to_end(system, figures)
        self._latency(system, figures)
        figures |= {f"memory_{name}_mb": size for name, size in system.memory().items()}
        return figures

    def measure_extremes(self, system: System) -> Figures:
        """Measure two workers, and very many connections. Runs last, because it increases memory use."""
        figures: Figures = {}
        self._two_workers(system, figures)
        self._crowd(system, figures)
        figures["crowd_memory_mb"] = system.memory()["gateway"]
        return figures

    def measure_delivery(self, system: System) -> Figures:
        """Measure only end to end and latency."""
        figures: Figures = {}
        self._end_to_end(system, figures)
        self._latency(system, figures)
        return figures

    def warm_up(self, system: System) -> None:
        """Send the first requests, which prepare caches and connections, without measuring them."""
        self.sink.reset()
        answer = self._posted(system.job(connections=8, count=200))
        self._all(int(answer["accepted"]), system)

    def _accept(self, system: System, figures: Figures) -> int:
        accepted, size = 0, self._size
        for connections in (1, CLIENTS, 1000):
            most = size.accept_most
            answer = self._posted(system.job(connections=connections, count=most, seconds=size.accept_seconds))
            accepted += int(answer["accepted"])
            for figure in ("rate", "p50_ms", "p99_ms"):
                figures[f"accept_{connections}_{figure}"] = answer[figure]
        if system.target.bulk_path:
            answer = self._posted(system.job(connections=2, count=size.bulks, bulk=1000))
            accepted += int(answer["accepted"])
            figures["bulk_rate"], figures["bulk_p50_ms"] = answer["rate"], answer["p50_ms"]
        return accepted

    def _drained(self, system: System, waiting: int) -> float:
        """The rate at which the worker alone delivers all waiting notifications, measured from its first mail."""
        report = self._all(waiting, system)
        return (report["mails"] - 1) * 1e9 / (report["last_ns"] - report["first_ns"])

    def _worker_for_a_while(self, system: System, waiting: int, figures: Figures) -> None:
        """As above for a limited time, for slow workers. The remaining notifications are discarded."""
        self.sink.wait(1)
        report = self.sink.wait_at_most(waiting, self._size.worker_seconds)
        figures["worker_rate"] = (report["mails"] - 1) * 1e9 / (report["last_ns"] - report["first_ns"])
        system.stop_worker()
        system.forget_waiting()
        system.start_worker()
        self.warm_up(system)

    def _two_workers(self, system: System, figures: Figures) -> None:
        system.add_worker()
        system.pause_worker()
        self.sink.reset()
        waiting = self._posted(system.job(connections=2, count=self._size.bulks, bulk=1000))["accepted"]
        system.resume_worker()
        figures["workers_2_rate"] = self._drained(system, int(waiting))
        system.remove_worker()

    def _crowd(self, system: System, figures: Figures) -> None:
        """Open many concurrent connections with one post each."""
        self.sink.reset()
        crowd = self._size.crowd
        answer = self.load.run(system.job(connections=crowd, count=crowd))
        report = self._all(int(answer["accepted"]), system)
        figures["crowd_share"] = report["different"] / crowd
        figures["crowd_p99_s"] = answer["p99_ms"] / 1000

    def _posted(self, job: Job) -> Mapping[str, Any]:
        """Run a job and return its report. Every request must be accepted."""
        answer = self.load.run(job)
        if answer["accepted"] != sum(answer["statuses"].values()) * max(1, job.bulk):
            raise NotAccepted(str(answer["statuses"]))
        return answer

    def _end_to_end(self, system: System, figures: Figures) -> None:
        count = int(system.end_to_end * self._size.end_to_end_share)
        self.sink.reset()
        before, servers_before = sum(system.cpu().values()), self._server_cpu()
        answer = self._posted(system.job(connections=CLIENTS, count=count))
        report = self._all(int(answer["accepted"]), system)
        used = sum(system.cpu().values()) - before
        figures["end_to_end_rate"] = count * 1e9 / (report["last_ns"] - answer["first_ns"])
        figures["cpu_seconds_per_1000"] = used * 1000 / count
        for name, seconds in self._server_cpu().items():
            figures[f"cpu_{name}_seconds_per_1000"] = (seconds - servers_before[name]) * 1000 / count

    def _latency(self, system: System, figures: Figures) -> None:
        size = self._size
        count = int(size.latency_rate * size.latency_seconds)
        self.sink.reset()
        answer = self._posted(system.job(connections=16, count=count, rate=size.latency_rate))
        report = self._all(int(answer["accepted"]), system)
        figures["latency_p50_ms"], figures["latency_p99_ms"] = report["p50_ms"], report["p99_ms"]

    def _all(self, accepted: int, system: System) -> Mapping[str, float]:
        report = self.sink.wait(accepted)
        if report["different"] != accepted or report["mails"] != accepted:
            raise NotDelivered(f"{system.name}: {accepted} accepted, at the sink {dict(report)}")
        return report
