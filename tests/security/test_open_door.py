"""AUTH=off: a developer's machine without keys, which web pages of others must not reach."""

from collections.abc import Iterator

import pytest

from angarium.contracts.errors import SettingsError
from angarium.services.gateway.settings import GatewaySettings
from angarium.testing.smtp.sink import SmtpSink
from tests.security.raw import connected
from tests.support.system import EmbeddedSystem, running

KEY = b'{"name": "evil", "scopes": ["admin"]}'
JSON = "content-type: application/json"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    folder = tmp_path_factory.mktemp("open")
    with SmtpSink() as sink, running(EmbeddedSystem(folder, sink=sink, settings={"AUTH": "off"})) as system:
        yield system


async def answered(system: EmbeddedSystem, request: str, host: str, *lines: str, body: bytes = b"") -> int:
    port = system.ports["angarium"]
    head = (f"{request} HTTP/1.1", f"host: {host.replace('PORT', str(port))}", "connection: close", *lines)
    length = (f"content-length: {len(body)}",) if body else ()
    async with connected(port) as client:
        text = "\r\n".join((*head, *length, "", "")).replace("PORT", str(port))
        await client.write(text.encode() + body)
        return int((await client.closed()).split(b" ", 2)[1])


@pytest.mark.slow
async def test_the_machine_itself_needs_no_key(system: EmbeddedSystem) -> None:
    assert await answered(system, "GET /api/v1/keys", "localhost:PORT") == 200
    assert await answered(system, "GET /api/v1/users", "127.0.0.1:PORT") == 200
    own = ("origin: http://localhost:PORT", "sec-fetch-site: same-origin", JSON)
    assert await answered(system, "POST /api/v1/keys", "localhost:PORT", *own, body=KEY) == 201


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["POST /api/v1/keys", "POST /api/v1/notifications", "POST /api/v1/users/import"])
@pytest.mark.parametrize(
    ("host", "lines", "status"),
    [
        ("localhost:PORT", (), 415),
        ("localhost:PORT", ("origin: https://evil.example",), 403),
        ("localhost:PORT", ("origin: https://evil.example", JSON), 403),
        ("localhost:PORT", ("origin: null", "content-type: text/plain"), 403),
        ("localhost:PORT", ("sec-fetch-site: cross-site", "content-type: text/plain"), 403),
        ("evil.example:PORT", (JSON,), 403),
        ("evil.example:PORT", ("origin: http://evil.example:PORT", JSON), 403),
    ],
)
async def test_pages_of_others_change_nothing(
    system: EmbeddedSystem, request_: str, host: str, lines: tuple[str, ...], status: int
) -> None:
    assert await answered(system, request_, host, *lines, body=KEY) == status


@pytest.mark.slow
async def test_a_name_that_resolves_to_this_machine_reads_nothing(system: EmbeddedSystem) -> None:
    for path in ("/api/v1/keys", "/api/v1/notifications", "/api/v1/users", "/mailbox/messages"):
        assert await answered(system, f"GET {path}", "evil.example:PORT") == 403, path
    assert await answered(system, "GET /health", "evil.example:PORT") == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "angarium.example"])  # noqa: S104 - refused
def test_auth_off_is_refused_on_a_network(host: str) -> None:
    with pytest.raises(SettingsError, match="ANGARIUM_AUTH"):
        GatewaySettings.load(auth="off", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_auth_off_is_taken_on_loopback(host: str) -> None:
    assert GatewaySettings.load(auth="off", host=host).auth == "off"
