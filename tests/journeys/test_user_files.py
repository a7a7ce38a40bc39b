"""Import of users from a file."""

from pathlib import Path

from tests.support.command import run_angarium
from tests.support.system import System
from tests.support.system_verbs import new_email


async def test_invalid_rows_are_named_and_the_others_are_imported(system: System, tmp_path: Path) -> None:
    ada, bob = new_email(), new_email()
    file = tmp_path / "people.csv"
    file.write_text(f"name,email\nAda,{ada}\nNobody,no-address\nBob,{bob}\nAgain,{ada}\n")
    code, report, complaints = await run_angarium(system, "users", "import", str(file))
    assert code == 1
    assert "2 of 4 rows were not imported" in complaints
    assert (report["created"], report["updated"], report["failed"]) == (2, 0, 2)
    assert [(error["line"], error["field"]) for error in report["errors"]] == [(3, "email"), (5, "email")]
    found = await system.client.get("/api/v1/users", params={"email": bob})
    assert [user["name"] for user in found.json()["data"]] == ["Bob"]
    file.write_text(f"name,email\nAda Lovelace,{ada}\n")
    code, report, complaints = await run_angarium(system, "users", "import", str(file), "--upsert")
    assert (code, report["updated"], report["failed"]) == (0, 1, 0), complaints


async def test_a_missing_file_is_named(system: System, tmp_path: Path) -> None:
    code, _, complaints = await run_angarium(system, "users", "import", str(tmp_path / "none.csv"))
    assert code == 1
    assert "none.csv: No such file" in complaints
