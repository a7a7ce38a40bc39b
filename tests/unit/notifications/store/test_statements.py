"""Statements are printed in full, as a shell takes them."""

import re
import sqlite3

import pytest

from angarium.notifications.store import mysql, postgresql, sqlite
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.store.statements import adapters, main, printed, statements
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade


def test_every_adapter_is_found() -> None:
    assert adapters() == {"mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}


def test_every_statement_of_an_adapter_is_found() -> None:
    hot = {"accept.ACCEPT", "accept.ACCEPT_PLAIN", "claim.CLAIM", "record.RECORD", "record.RECORD_SENT", "sweep.SWEEP"}
    assert hot <= set(statements(postgresql))
    assert {"accept.INSERT", "claim.CLAIM", "record.RECORD", "sweep.SWEEP"} <= set(statements(sqlite))
    assert {"accept.INSERT", "claim.CLAIM", "record.RECORD", "sweep.SWEPT"} <= set(statements(mysql))


def test_one_file_is_printed_as_prepared_statements(capsys: pytest.CaptureFixture[str]) -> None:
    main(["postgresql", "claim"])
    text = capsys.readouterr().out
    assert "PREPARE claim_claim AS UPDATE notifications" in text
    assert "PREPARE claim_renew AS" in text
    assert "PREPARE accept_accept AS" not in text
    assert text.startswith("SET ")
    assert "{" not in text.replace("'{}'", "")


def test_an_adapter_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["oracle"])
    assert "oracle" in capsys.readouterr().err


async def test_sqlite_prepares_every_printed_statement(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("statements") / "db.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    await upgrade(engine, MIGRATIONS)
    await engine.dispose()
    connection = sqlite3.connect(path)
    for statement in statements(sqlite).values():
        named = dict.fromkeys(re.findall(r":(\w+)", statement))
        connection.execute(f"EXPLAIN {statement}", named or [None] * statement.count("?"))  # raises if it is wrong
    connection.close()
    assert "\n".join(printed("sqlite")).count("-- ") == len(statements(sqlite))
