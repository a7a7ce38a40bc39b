"""What a PostgreSQL URL says, and what stops the start."""

import pytest

from angarium.contracts.errors import SettingsError
from angarium.platform.database.engine import parse_database_url
from angarium.platform.database.postgresql_address import Pooler, parse_postgresql_address

SETTING = "ANGARIUM_USERS_DATABASE_URL"


@pytest.mark.parametrize(
    ("url", "dsn", "hosts"),
    [
        ("postgres://h/d", "postgresql://h/d", 1),
        ("postgresql+asyncpg://u:p%40@h:1/d", "postgresql://u:p%40@h:1/d", 1),
        ("postgresql://a:1,b:2/d?target_session_attrs=read-write",
         "postgresql://a:1,b:2/d?target_session_attrs=read-write", 2),
        ("postgresql://[::1]:1,b/d?pooler=session&sslmode=require", "postgresql://[::1]:1,b/d?sslmode=require", 2),
    ],
)  # fmt: skip
def test_hosts_and_parameters_are_passed_on(url: str, dsn: str, hosts: int) -> None:
    address = parse_postgresql_address(url, setting=SETTING)
    assert (address.dsn, address.hosts) == (dsn, hosts)
    assert parse_database_url(url).drivername == "postgresql"


def test_a_pooler_is_looked_for_unless_it_is_named() -> None:
    found = [parse_postgresql_address(f"postgresql://h/d{query}", setting=SETTING).pooler
             for query in ("", "?pooler=session", "?pooler=transaction")]  # fmt: skip
    assert found == [Pooler.AUTO, Pooler.SESSION, Pooler.TRANSACTION]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://:canary@h/d?statement_cache_size=0", "unknown parameter statement_cache_size"),
        ("postgresql://:canary@h/d?sslmod=require", "unknown parameter sslmod; did you mean sslmode?"),
        ("postgresql://:canary@h/d?sslmode=on", "sslmode must be one of disable, allow, prefer, require, "),
        ("postgresql://:canary@h,i/d?target_session_attrs=primary,x", "target_session_attrs must be one of any, "),
        ("postgresql://:canary@h/d?pooler=statement", "pooler must be one of auto, session, transaction"),
        ("postgresql://:canary@h/d?sslrootcert=/nowhere/ca.pem", "sslrootcert is not a file"),
        ("postgresql://:canary@h:1,:2/d", "each host must be host or host:port"),
        ("postgresql://:canary@h,/d", "each host must be host or host:port"),
        ("postgresql://:canary@h,i:x/d", "each host must be host or host:port"),
    ],
)
def test_a_fault_is_one_line_without_the_password(url: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_postgresql_address(url, setting=SETTING)
    assert str(refused.value).startswith(f"{SETTING}: {message}")
    assert "canary" not in str(refused.value)
