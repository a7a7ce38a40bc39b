import pytest

from angarium.contracts.errors import SettingsError
from angarium.platform.broker.rabbitmq.connection import parse_nodes


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("amqp://localhost", ["amqp://localhost?heartbeat=10"]),
        ("amqp://u:p@one:5672/v", ["amqp://u:p@one:5672/v?heartbeat=10"]),
        (
            "amqps://u:p@one:5671,two,[::1]:5673/v?cafile=/ca.pem",
            [f"amqps://u:p@{host}/v?heartbeat=10&cafile=%2Fca.pem" for host in ("one:5671", "two", "[::1]:5673")],
        ),
        (
            "amqp://u:p@one/v,amqps://x:y@two:9/w?heartbeat=3",
            ["amqp://u:p@one/v?heartbeat=10", "amqps://x:y@two:9/w?heartbeat=3"],
        ),
        ("amqp://[::1],two", ["amqp://[::1]?heartbeat=10", "amqp://two?heartbeat=10"]),
        ("amqp://u:p,q@one,[fe80::1]", [f"amqp://u:p,q@{host}?heartbeat=10" for host in ("one", "[fe80::1]")]),
        ("amqp://u:p%40%2C@one,two/%2F", [f"amqp://u:p%40%2C@{host}/%2F?heartbeat=10" for host in ("one", "two")]),
    ],
)
def test_every_node_has_a_url_of_its_own(url: str, nodes: list[str]) -> None:
    assert list(parse_nodes(url)) == nodes


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:5672",
        "redis://localhost",
        "amqp:///vhost",
        "amqp://one,http://two",
        "amqp://one,,two",
        "amqp://one:65536",
        "amqp://one:port",
        "amqp://[::1",
    ],
)
def test_a_bad_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="BROKER_URL") as refused:
        parse_nodes(url)
    assert not url or url not in str(refused.value)
