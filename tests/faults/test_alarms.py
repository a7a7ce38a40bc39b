"""The alarms of deploy/prometheus fire on their faults, given the metrics of the running processes."""

import math
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from angarium.testing.smtp.script import Step
from angarium.testing.smtp.sink import SmtpSink
from tests.support.alarms import firing, scrape
from tests.support.endpoint import endpoint
from tests.support.system import DistributedSystem, EmbeddedSystem, System, running
from tests.support.system_verbs import new_email, new_phone
from tests.support.wait import until

MANY = 40


@pytest.fixture
async def embedded(sink: SmtpSink, tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    """A system whose SMS provider refuses the credentials."""
    async with endpoint(status=401) as twilio:
        url = f"twilio://AC0123456789:secret@+15005550006?base_url={twilio.url('')}"
        with running(EmbeddedSystem(tmp_path, sink=sink, settings={"SMS_PROVIDERS": url})) as system:
            async with system.connected():
                yield system


async def _mails(system: System, step: Step) -> list[str]:
    """Send many mails, each of which the server answers with `step`."""
    template = await system.create_template()
    addresses = [new_email() for _ in range(MANY)]
    for address in addresses:
        system.sink.script(address, *[step] * 10)
    body = {"notification_type": "email", "template_code": template["code"], "variables": {"name": "Ada"}}
    return await system.send_many([{**body, "recipient": {"email": address}} for address in addresses])


async def _shown(system: System, name: str, *, least: float = 0, most: float = math.inf) -> None:
    """Wait until the sum of the series whose names begin with `name` is in this range."""

    async def there() -> bool:
        shown = sum(value for series, value in (await scrape(system)).items() if series.startswith(name))
        return least <= shown <= most

    await until(there, 30, message=f"{name} is from {least} to {most}", interval=0.2)


async def test_the_alarms_of_an_embedded_system_fire(embedded: EmbeddedSystem) -> None:
    system = embedded
    code = (await system.create_template())["code"]
    await system.deliver(recipient={"email": new_email()}, template_code=code, variables={"name": "Ada"})
    calm = await scrape(system)
    assert await firing(calm, calm) == ""

    await _mails(system, Step(rcpt="550 5.1.1 unknown here"))
    await _shown(system, "angarium_dead_letters", least=MANY)
    await _shown(system, 'angarium_notifications_finished_total{channel="email"', least=MANY)
    refused = await scrape(system)
    assert await firing(calm, refused, "AngariumDeadLettersRising", "AngariumFailuresHigh") == ""

    await system.send(
        notification_type="sms",
        recipient={"phone": new_phone()},
        template_code=(await system.create_template(text="Hello {{ name }}"))["code"],
        variables={"name": "Ada"},
    )
    await _shown(system, 'angarium_attempts_total{instance="angarium",job="angarium",outcome="configuration"', least=1)
    await _shown(system, 'angarium_breaker_state{instance="angarium",job="angarium",provider="twilio"', least=2)
    misconfigured = await scrape(system)
    assert await firing(refused, misconfigured, "AngariumProviderBreakerOpen", "AngariumProviderRefusesUs") == ""

    await _mails(system, Step(final="451 4.3.0 try again later"))
    await _shown(system, 'angarium_breaker_state{instance="angarium",job="angarium",provider="smtp"', least=2)
    failing = await scrape(system)
    found = await firing(misconfigured, failing, "AngariumProviderBreakerOpen", "AngariumProviderFailing")
    assert found == ""


@pytest.mark.long
@pytest.mark.distributed
async def test_the_alarms_of_a_distributed_system_fire(system: DistributedSystem) -> None:
    template = await system.create_template()
    mail: dict[str, Any] = {"template_code": template["code"], "variables": {"name": "Ada"}}
    await system.deliver(recipient={"email": new_email()}, **mail)
    calm = await scrape(system)
    assert await firing(calm, calm) == ""

    await system.stop("email")
    await system.send(recipient={"email": new_email()}, **mail)
    await _shown(system, 'angarium_queue_messages{instance="gateway",job="angarium",queue="email.queue"', least=1)
    alone = await scrape(system)
    assert await firing(calm, alone, "AngariumDown", "AngariumQueueWithoutWorker") == ""
    await system.start("email")
    await _shown(system, 'angarium_queue_messages{instance="gateway",job="angarium",queue="email.queue"', most=0)
    await _shown(system, 'angarium_queue_consumers{instance="gateway",job="angarium",queue="email.queue"', least=1)

    await system.rabbitmq.stop()
    for _ in range(3):
        await system.send(recipient={"email": new_email()}, **mail)
    await _shown(system, "angarium_outbox_pending", least=3)
    before = {**calm, **{name: value for name, value in (await scrape(system)).items() if "accepted" in name}}
    assert await firing(before, await scrape(system), "AngariumOutboxNotDraining") == ""
    await system.rabbitmq.start()

    await _shown(system, "angarium_outbox_pending", most=0)
    await system.postgresql.stop()

    async def refused() -> Mapping[str, float]:
        for _ in range(6):
            assert (await system.submit(recipient={"email": new_email()}, **mail)).status_code == 503
        return await scrape(system)

    refusing = await refused()  # a rate ignores the first value of a series
    assert await firing(refusing, await refused(), "AngariumErrors") == ""
