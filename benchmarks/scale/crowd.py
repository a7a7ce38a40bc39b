"""Many concurrent connections, each of which sends one notification."""

from collections.abc import Mapping
from typing import Any

from benchmarks.body import NUMBER, STAMP
from benchmarks.load import Job
from benchmarks.resident import Load, Sink
from tests.support.system import DistributedSystem

PATH = "/api/v1/notifications"


def item(template: str, prefix: str, **fields: Any) -> str:
    """A notification for a recipient who is not a stored user, identified by its number."""
    more = "".join(f', "{name}": {value}' for name, value in fields.items())
    return (
        f'{{"notification_type": "email", "recipient": {{"email": "ada{NUMBER}@example.com"}},'
        f' "template_code": "{template}", "variables": {{"name": "{STAMP}"}}, "request_id": "{prefix}-{NUMBER}"{more}}}'
    )


def crowd(system: DistributedSystem, load: Load, sink: Sink, template: str, connections: int) -> Mapping[str, Any]:
    """Connect all before the first request. Raises AssertionError unless each gets a 202 and exactly one mail."""
    sink.reset()
    job = Job(
        port=system.ports["gateway"],
        path=PATH,
        headers=system.headers,
        item=item(template, "crowd"),
        choices=(),
        connections=connections,
        count=connections,
    )
    answers = load.run(job)
    assert answers["statuses"] == {"202": connections}, answers
    mails = sink.wait(connections, patience=30)
    assert (mails["mails"], mails["different"]) == (connections, connections), mails
    return {
        "connections": connections,
        "p50_ms": answers["p50_ms"],
        "p99_ms": answers["p99_ms"],
        "rate": answers["rate"],
    }
