"""What is built holds what the package needs and nothing else: no template is missing, no secret comes along."""

from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ("__pycache__", ".pyc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    builders = pytest.importorskip("hatchling.builders.wheel")
    made = next(builders.WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel"))))
    with ZipFile(made) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_in_the_wheel(wheel: set[str]) -> None:
    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "angarium").rglob("*")
        if path.is_file() and not any(part in path.as_posix() for part in BUILT)
    }
    assert {Path(name).suffix for name in wanted} >= {".py", ".html", ".css", ".js", ".mjml", ".yaml", ".txt", ".typed"}
    assert wanted - wheel == set()


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    strangers = {name for name in wheel if not name.startswith("angarium/") and ".dist-info/" not in name}
    assert strangers == set()
    assert not [name for name in wheel if Path(name).name.startswith(".env") or name.endswith((".pem", ".sqlite3"))]
