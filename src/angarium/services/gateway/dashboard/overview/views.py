"""The parts of the overview as HTML, rendered once for all viewers of a tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from angarium.contracts.messages import work_queue
from angarium.contracts.notifications import NotificationView
from angarium.contracts.statuses import Status
from angarium.services.gateway.dashboard.notifications.views import row_of
from angarium.services.gateway.dashboard.overview.chart import chart_of
from angarium.services.gateway.dashboard.overview.finding import Finding
from angarium.services.gateway.dashboard.overview.findings import System
from angarium.services.gateway.dashboard.overview.use_cases import Snapshot
from angarium.services.gateway.dashboard.pages import Pages

PARTS = ("findings", "figures", "chart", "waiting", "system", "latest")
"""The parts, named by the ids of their elements. Their templates are `overview/{part}.html`."""


class Rendered:
    """Renders the parts of each tenant's overview. A part is rendered again only if its values have changed."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._last: dict[tuple[str, str], tuple[Mapping[str, Any], str]] = {}

    def parts(self, tenant: str, snapshot: Snapshot, latest: Sequence[NotificationView]) -> Mapping[str, str]:
        """The HTML of each part, by its name in `PARTS`."""
        values = _values(snapshot, latest)
        return {part: self._part(tenant, part, values[part]) for part in PARTS}

    def _part(self, tenant: str, part: str, values: Mapping[str, Any]) -> str:
        last = self._last.get((tenant, part))
        if last is None or last[0] != values:
            last = self._last[tenant, part] = values, self._pages.part(f"overview/{part}", values)
        return last[1]


def _values(snapshot: Snapshot, latest: Sequence[NotificationView]) -> Mapping[str, Mapping[str, Any]]:
    return {
        "findings": {"findings": [_finding(finding) for finding in snapshot.findings]},
        "figures": {"figures": asdict(snapshot.figures)},
        "chart": {"chart": asdict(chart_of(snapshot.minutes))},
        "waiting": {"waiting": _waiting(snapshot), "dead_letters": snapshot.dead_letters},
        "system": _system(snapshot.system),
        "latest": {"latest": [row_of(view) for view in latest]},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "severity": finding.severity.name.lower()}


def _waiting(snapshot: Snapshot) -> Sequence[Mapping[str, Any]]:
    shown = (Status.PENDING, Status.SENDING, Status.RETRYING, Status.SCHEDULED, Status.UNKNOWN)
    return [{"status": status.value, "count": snapshot.unfinished[status]} for status in shown]


def _system(system: System | None) -> Mapping[str, Any]:
    if system is None:
        return {"system": None}
    queues = None
    if system.queues is not None:
        queues = [asdict(queue) for queue in system.queues if queue.messages or queue.name == work_queue(queue.channel)]
    providers = [
        {
            "name": standing.configured.name,
            "channel": standing.configured.channel.value,
            "breaker": standing.breaker.value,
            "forced": standing.forced,
            "workers": standing.workers,
            "share": standing.faults / standing.answers if standing.answers else None,
        }
        for standing in system.providers
    ]
    return {"system": {"queues": queues, "providers": providers, "outbox": system.outbox}}
