"""How long the gateway took to refuse, by its own clock."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support.system import DistributedSystem

REFUSED_WITHIN = 2.5
"""Seconds: 2 that acceptances wait for the database, and what belongs to a request besides."""


async def slower_requests(system: DistributedSystem) -> float:
    """How many notifications the gateway has answered later than it promises.

    Its own histogram: the client's pool has 100 connections, so beyond those a request also waits here.
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
