"""The example of docs/testing.md runs as it is, and the page names every tool and crash point."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from angarium import testing
from angarium.testing import CrashPoint

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    example = next(block for block in blocks if "asyncio.run" in block)
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    ended = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "Account(attempted=1, accepted=1, lost=0, duplicated=0, unexpected=0, ambiguous=0)" in ended.stdout


def test_every_crash_point_is_listed() -> None:
    assert re.findall(r"^\| `(\w+)` \| [a-z]", PAGE, flags=re.MULTILINE)[-len(CrashPoint) :] == list(CrashPoint)


@pytest.mark.parametrize("name", ["Ledger", "Account", "SmtpServer", "SmtpSink", "scripted_api", "Proxy", "CrashPoint"])
def test_the_tools_are_named_as_they_are_imported(name: str) -> None:
    assert f"`{name}`" in PAGE or f"`{name}(" in PAGE
    assert hasattr(testing, name)
