"""Measures the limits of the load generator and of the sink with their simplest counterparts."""

from benchmarks.angarium import ITEM
from benchmarks.load import Job
from benchmarks.resident import Blaster, Load, Responder, Sink

_USER = "0" * 36
_KEY = {"X-API-Key": "k" * 49}
_MAILS = 40_000


def measure_limits(load: Load, sink: Sink) -> dict[str, float]:
    """Measure the load generator with a server that only answers, and the sink with a client that only sends."""
    path = "/api/v1/notifications"
    with Responder() as responder, Blaster() as blaster:
        singles = load.run(Job(responder.port, path, _KEY, ITEM, [_USER], 64, 50_000))
        bulks = load.run(Job(responder.port, path, _KEY, ITEM, [_USER], 2, 40, bulk=1000))
        sink.reset()
        mails = blaster.run(sink.port, _MAILS, 16)
        assert sink.report()["different"] == _MAILS, "the sink loses mails"
    return {"load_rate": singles["rate"], "load_bulk_rate": bulks["rate"], "sink_rate": mails["rate"]}
