"""The distributed system with mutual TLS between its processes, under a certificate authority of its own."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.certificates import make_certificates
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, running

pytestmark = pytest.mark.distributed
HEALTHCHECK = Path(__file__).parents[2] / "deploy/healthcheck.py"


class TlsSystem(DistributedSystem):
    scheme: ClassVar[str] = "https"


@pytest.fixture(scope="module")
def system(
    postgresql: PostgreSQL, rabbitmq: RabbitMQ, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsSystem]:
    for server in (postgresql, rabbitmq, redis_server):
        server.start_now()
    folder = tmp_path_factory.mktemp("tls")
    authority = make_certificates(folder).authority
    certificate = str(folder / "server.pem")
    with SmtpSink() as sink:
        made = TlsSystem(
            folder,
            sink=sink,
            postgresql=postgresql,
            rabbitmq=rabbitmq,
            redis=redis_server,
            settings={"TLS_CERT": certificate, "TLS_KEY": certificate, "TLS_CLIENT_CA": str(authority)},
        )
        made.trust = ssl.create_default_context(cafile=authority)
        made.trust.load_cert_chain(certificate)
        with running(made):
            yield made


async def test_gateway_services_and_workers_call_each_other(system: TlsSystem) -> None:
    async with system.connected():
        user = await system.create_user()
        email = await system.create_template()
        await system.deliver(template_code=email["code"], user_id=user["user_id"], variables={"name": "Ada"})
        push = await system.create_template(channel="push", subject=None, content=None, title="Hi", body="{{ name }}")
        await system.deliver(  # its worker hands it to the gateway's mailbox
            notification_type="push",
            template_code=push["code"],
            recipient={"push_token": "t" * 64},
            variables={"name": "Ada"},
        )
        assert [message["channel"] for message in await system.mailbox()] == ["push"]


async def test_without_a_certificate_nothing_is_answered(system: TlsSystem) -> None:
    trust = ssl.create_default_context(cafile=system.folder / "authority.pem")
    async with httpx2.AsyncClient(verify=trust, trust_env=False) as stranger:
        for name in system.commands:
            with pytest.raises(httpx2.TransportError):
                await stranger.get(f"{system.address(name)}/health")


def test_the_containers_health_check_shows_the_certificate(system: TlsSystem) -> None:
    settings = {"PORT": str(system.ports["users"])}
    settings |= {"TLS_CERT": str(system.folder / "server.pem"), "TLS_CLIENT_CA": str(system.folder / "authority.pem")}
    environment = {**os.environ, **{f"ANGARIUM_{name}": value for name, value in settings.items()}}
    done = subprocess.run([sys.executable, str(HEALTHCHECK)], env=environment, check=False)  # noqa: S603 - our own
    assert done.returncode == 0
