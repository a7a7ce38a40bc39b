"""Where a MariaDB or MySQL server is, and what its sessions begin with."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from angarium.contracts.errors import SettingsError
from angarium.platform.database.mysql_address import connect_arguments, session_command
from tests.support.certificates import make_certificates


def arguments(url: str) -> dict[str, Any]:
    return connect_arguments(
        make_url(url), setting="URL", statement_timeout=10, lock_timeout=4, connect_timeout=5, patience=12
    )


def test_a_bare_url_has_the_usual_port_and_no_tls() -> None:
    found = arguments("mysql://app@db/name")
    assert (found["host"], found["port"], found["user"], found["password"]) == ("db", 3306, "app", b"")
    assert "ssl" not in found


def test_a_password_may_have_any_character() -> None:
    assert arguments("mysql://app:%C5%82%40@db/name")["password"] == "ł@".encode()


def test_a_session_reads_what_is_committed_in_utc_and_waits_no_longer_than_it_may() -> None:
    command = session_command(statement_timeout=10, lock_timeout=4)
    for part in ("time_zone = '+00:00'", "STRICT_ALL_TABLES", "innodb_lock_wait_timeout = 4", "READ-COMMITTED"):
        assert part in command
    assert "max_statement_time = 10 */" in command
    assert "max_execution_time = 10000 */" in command


@pytest.mark.parametrize(
    ("query", "verified", "hostname"),
    [
        ("ssl_mode=required", False, False),
        ("ssl_mode=verify_ca", True, False),
        ("ssl_mode=verify_identity", True, True),
    ],
)
def test_tls_checks_as_much_as_is_asked_for(query: str, verified: bool, hostname: bool) -> None:
    context: ssl.SSLContext = arguments(f"mysql://db/name?{query}")["ssl"]
    assert (context.verify_mode == ssl.CERT_REQUIRED, context.check_hostname) == (verified, hostname)


def test_an_authority_alone_means_that_the_host_is_checked_too(tmp_path: Path) -> None:
    authority = make_certificates(tmp_path).authority
    assert arguments(f"mysql://db/name?ssl_ca={authority}")["ssl"].check_hostname is True


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("ssl_mod=required", "unknown parameter ssl_mod; did you mean ssl_mode?"),
        ("ssl_mode=on", "ssl_mode must be one of disabled, required, verify_ca, verify_identity"),
        ("ssl_ca=/nowhere", "ssl_ca is not a file"),
        ("charset=latin1", "unknown parameter charset"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named(query: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        arguments(f"mysql://app:secret@db/name?{query}")
    assert str(raised.value).startswith(f"URL: {message}")
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError, match="ssl_ca, ssl_cert or ssl_key cannot be used"):
        arguments(f"mysql://db/name?ssl_ca={tmp_path / 'ca.pem'}")
