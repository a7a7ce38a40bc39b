"""Addresses of MariaDB and MySQL servers, and the initial settings of their sessions.

`mysql://user:password@host:3306/name?ssl_mode=verify_identity&ssl_ca=/path`, with the option names of the servers' own
clients. https://dev.mysql.com/doc/refman/8.4/en/connection-options.html#encrypted-connection-options
"""

import ssl
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from angarium.contracts.errors import SettingsError


class TlsMode(StrEnum):
    """How strictly the server's identity is verified."""

    DISABLED = "disabled"
    REQUIRED = "required"  # encrypted, but not authenticated
    VERIFY_CA = "verify_ca"  # its certificate is signed by a trusted authority
    VERIFY_IDENTITY = "verify_identity"  # …and is for this host


_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_PARAMETERS = ("ssl_mode", *_FILES)


def session_command(*, statement_timeout: float, lock_timeout: float) -> str:
    """The first statement of a session: UTC, strict mode, READ COMMITTED, and timeouts (in seconds).

    MariaDB executes comments that begin with `M!`, MySQL those with a version. The collation is that of the tables, so
    literals are compared byte by byte including trailing spaces. MySQL limits only the time of SELECTs.
    """
    return (
        "SET SESSION time_zone = '+00:00'"
        ", sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
        f", innodb_lock_wait_timeout = {max(1, int(lock_timeout))}, lock_wait_timeout = {max(1, int(lock_timeout))}"
        " /*M! , tx_isolation = 'READ-COMMITTED', collation_connection = 'utf8mb4_nopad_bin'"
        f", max_statement_time = {statement_timeout} */"
        " /*!80000 , transaction_isolation = 'READ-COMMITTED', collation_connection = 'utf8mb4_0900_bin'"
        f", max_execution_time = {int(statement_timeout * 1000)} */"
    )


def connect_arguments(
    url: URL, *, setting: str, statement_timeout: float, lock_timeout: float, connect_timeout: float, patience: float
) -> dict[str, Any]:
    """The arguments of `asyncmy.connect` for a parsed URL. `patience`: seconds that the server may be silent.

    Raises SettingsError, which names `setting` and no password.
    """
    parameters = {name: str(value) for name, value in url.query.items()}
    _check_parameters(parameters, setting)
    context = _tls(parameters, setting)
    return {
        "host": url.host or "localhost",
        "port": url.port or 3306,
        "user": url.username or "root",
        "password": (url.password or "").encode(),  # the driver would encode a text as Latin-1
        "charset": "utf8mb4",
        "binary_prefix": True,  # bytes are never text, whatever they look like
        "connect_timeout": connect_timeout,
        "read_timeout": patience,
        "init_command": session_command(statement_timeout=statement_timeout, lock_timeout=lock_timeout),
        **({"ssl": context} if context else {}),
    }


def _check_parameters(parameters: Mapping[str, str], setting: str) -> None:
    for name, value in parameters.items():
        if name not in _PARAMETERS:
            nearest = get_close_matches(name, _PARAMETERS, n=1, cutoff=0.5)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise SettingsError(f"{setting}: unknown parameter {name}{hint}")
        if name == "ssl_mode" and value not in tuple(TlsMode):
            raise SettingsError(f"{setting}: ssl_mode must be one of {', '.join(TlsMode)}")
        if name in _FILES and not Path(value).is_file():
            raise SettingsError(f"{setting}: {name} is not a file")


def _tls(parameters: Mapping[str, str], setting: str) -> ssl.SSLContext | None:
    wanted = TlsMode.VERIFY_IDENTITY if set(parameters) & set(_FILES) else TlsMode.DISABLED
    mode = TlsMode(parameters.get("ssl_mode", wanted))
    if mode is TlsMode.DISABLED:
        return None
    try:
        context = ssl.create_default_context(cafile=parameters.get("ssl_ca"))
        if "ssl_cert" in parameters:
            context.load_cert_chain(parameters["ssl_cert"], parameters.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{setting}: ssl_ca, ssl_cert or ssl_key cannot be used: {type(error).__name__}") from error
    context.check_hostname = mode is TlsMode.VERIFY_IDENTITY
    if mode is TlsMode.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
    return context
