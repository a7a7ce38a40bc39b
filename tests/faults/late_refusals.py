"""Counts the requests that the gateway answered too late, by its own metrics."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.system import DistributedSystem

REFUSED_WITHIN = 2.5
"""Seconds: acceptances wait 2 s for the database; the rest of a request takes less than 0.5 s."""


async def slower_requests(system: DistributedSystem) -> float:
    """The number of notification requests that the gateway answered after more than `REFUSED_WITHIN`.

    Read from the gateway's histogram, because further requests also wait in the client's pool of 100 connections.
    """
    text = (await system.client.get("/metrics")).text
    samples = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("angarium_http_request_duration_seconds_")
        and (sample.labels["method"], sample.labels["route"]) == ("POST", "/api/v1/notifications")
    ]
    inside = sum(sample.value for sample in samples if sample.labels.get("le") == str(REFUSED_WITHIN))
    return sum(sample.value for sample in samples if sample.name.endswith("_count")) - inside
