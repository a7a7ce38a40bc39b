"""Attachments of ten megabytes: memory is bounded, others do not wait, and what is taken arrives whole."""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from time import monotonic

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink, parsed
from tests.security.raw import memory
from tests.support.system import EmbeddedSystem, running
from tests.support.system_verbs import new_email

pytestmark = pytest.mark.slow

CONTENT = bytes(range(256)) * (10 * 1024 * 1024 // 256)
CALLS = 8
SECONDS = 2.0
"""Of `/health` at most, with the client, the mail server and other tests on the same cores; 0.2 s were measured."""
MEGABYTES = 400
"""Above the memory before: bodies that are read at once (64 MB for a tenant), and mails that are sent at once (32 MB
of attachments), each several times while they are decoded, stored and built."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("large"), sink=sink)) as system:
        yield system


async def test_ten_megabytes_arrive_and_others_do_not_wait_for_them(system: EmbeddedSystem) -> None:
    """Calls of 14 MB at once. One that is not taken now is refused with 503, and repeated; none is lost."""
    async with system.connected():
        template = await system.create_template()
        whole = {
            "notification_type": "email",
            "template_code": template["code"],
            "variables": {"name": "Ada"},
            "recipient": {"email": "@TO@"},
            "request_id": "@TO@",
            "attachments": [{"filename": "a.bin", "content_type": "a/b", "content": b64encode(CONTENT).decode()}],
        }
        # encoded once: what this process does while it waits would count as the system's time
        before_to, between, after_to = json.dumps(whole).encode().split(b"@TO@")

        async def send(to: str) -> str:
            body = to.encode().join([before_to, between, after_to])
            while True:
                try:
                    answer = await system.client.post(
                        "/api/v1/notifications", content=body, headers={"content-type": "application/json"}
                    )
                except httpx2.ReadError:  # refused while the client was still sending: it may not see the answer
                    continue
                if answer.status_code == 202:
                    return str(answer.json()["data"]["notification_id"])
                assert (answer.status_code, "retry-after" in answer.headers) == (503, True), answer.text
                await asyncio.sleep(0.2)

        before = memory(system)
        addresses = [new_email() for _ in range(CALLS)]
        sending = asyncio.gather(*(send(to) for to in addresses))
        slowest = highest = 0.0
        while not sending.done():
            start = monotonic()
            assert (await system.client.get("/health")).status_code == 200
            slowest = max(slowest, monotonic() - start)
            highest = max(highest, memory(system))
            await asyncio.sleep(0.01)
        identifiers = await sending
        for identifier, to in zip(identifiers, addresses, strict=True):
            await system.wait_for(identifier, "sent", within=60)
            highest = max(highest, memory(system))
            [received] = system.sink.to(to)
            [part] = [part for part in parsed(received).walk() if part.get_filename()]
            assert part.get_payload(decode=True) == CONTENT
    sys.stdout.write(f"memory {before:.0f} -> {highest:.0f} MB, slowest health {slowest:.2f} s\n")
    assert highest - before < MEGABYTES
    assert slowest < SECONDS
