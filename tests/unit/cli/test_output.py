"""What the commands print: nothing wrapped, nothing that a terminal obeys."""

import io
import sys
from typing import Any

import pytest

from angarium.cli.output import Output

ID = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
ROWS: list[dict[str, Any]] = [
    {"id": ID, "name": "shop", "scopes": ["notifications:send", "users:read"], "reason": {"code": "smtp_550"}},
    {"id": ID, "name": "東京", "scopes": [], "reason": None},
]
COLUMNS = {"id": "id", "name": "name", "scopes": "scopes", "reason": "reason.code"}


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Terminal:
    """Make standard output a terminal of this width."""
    made = Terminal()
    monkeypatch.setattr(sys, "stdout", made)
    monkeypatch.setenv("COLUMNS", str(columns))
    return made


def test_a_pipe_gets_one_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(ROWS, COLUMNS, empty="")
    assert capsys.readouterr().out == (
        f"id\tname\tscopes\treason\n{ID}\tshop\tnotifications:send, users:read\tsmtp_550\n{ID}\t東京\t\t\n"
    )


def test_a_wide_terminal_gets_aligned_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch, 120)
    Output(as_json=False).table(ROWS, COLUMNS, empty="")
    headings, first, second = shown.getvalue().splitlines()
    assert headings.index("name") == first.index("shop") == second.index("東京") == len(ID) + 2
    assert headings.index("scopes") == first.index("notifications:send")


def test_a_narrow_terminal_gets_a_block_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch, 80)
    Output(as_json=False).table(ROWS, COLUMNS, empty="")
    assert shown.getvalue().splitlines() == [
        f"id      {ID}",
        "name    shop",
        "scopes  notifications:send, users:read",
        "reason  smtp_550",
        "",
        f"id      {ID}",
        "name    東京",
        "scopes",
        "reason",
    ]


def test_a_cell_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table([{"id": "a\tb\nc\x1b[2J"}], {"id": "id"}, empty="")
    assert capsys.readouterr().out == "id\na\\tb\\nc\\x1b[2J\n"


def test_a_long_line_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).thing({}, "x " * 200)
    assert capsys.readouterr().out.count("\n") == 1


def test_json_is_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).table(ROWS[:1], COLUMNS, empty="")
    assert capsys.readouterr().out.startswith(f'[{{"id": "{ID}"')
