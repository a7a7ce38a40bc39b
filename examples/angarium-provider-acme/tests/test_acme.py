"""Acme does what Angarium asks of every provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from angarium_provider_acme import Acme

from angarium.providers import Channel
from angarium.testing import Call, ProviderConformance, Reply, Subject, scripted_api


def answer(call: Call) -> Reply:
    """As Acme answers a good request."""
    assert (call.method, call.target) == ("POST", "/messages")
    assert call.headers["authorization"] == "Bearer secret"
    return Reply(status=201, body={"id": call.json["key"]})


class TestAcme(ProviderConformance):
    """Every promise of a provider."""

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        """Acme, at an API that accepts everything."""
        async with scripted_api(answer) as api:
            yield Subject(Acme(api.origin, "secret"), Channel.SMS, lambda: [call.json["key"] for call in api.calls])
