"""Prints the full statements of an adapter for a database shell.

    python -m angarium.notifications.store.statements postgresql claim | psql …

Without a file it prints those of all files. PostgreSQL statements are printed as `PREPARE`, so that `EXPLAIN EXECUTE
claim_claim(…)` shows the plan; the pool's planner settings come first.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from angarium.notifications import store
from angarium.platform.database.postgresql_pool import PLANNING

_STATEMENT = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b")


def adapters() -> Mapping[str, ModuleType]:
    """The adapter folders beside this file, by database."""
    folders = (found.name for found in iter_modules(store.__path__) if found.ispkg)
    packages = {name: import_module(f"{store.__name__}.{name}") for name in folders}
    return {name: package for name, package in packages.items() if "store" in _files(package)}


def statements(adapter: ModuleType) -> Mapping[str, str]:
    """Every statement of an adapter by `file.NAME`: its public constants that are SQL."""
    return {
        f"{file}.{name}": value
        for file in _files(adapter)
        for name, value in vars(import_module(f"{adapter.__name__}.{file}")).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str) and _STATEMENT.match(value)
    }


def printed(database: str, file: str | None = None) -> Iterator[str]:
    """The output for a shell, of one file or of all."""
    on_postgresql = database == "postgresql"
    if on_postgresql:
        yield "\n".join(f"SET {name} = '{value}';" for name, value in PLANNING.items())
    for name, statement in statements(adapters()[database]).items():
        if file in {None, name.partition(".")[0]}:
            prepare = f"PREPARE {name.replace('.', '_').lower()} AS " if on_postgresql else ""
            yield f"-- {name}\n{prepare}{statement.strip()};"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the requested statements. Exits with 2 for an unknown adapter or file."""
    parser = argparse.ArgumentParser(prog="python -m angarium.notifications.store.statements")
    parser.add_argument("database", choices=sorted(adapters()))
    files = sorted({name.partition(".")[0] for adapter in adapters().values() for name in statements(adapter)})
    parser.add_argument("file", nargs="?", choices=files)
    asked = parser.parse_args(arguments)
    sys.stdout.write("\n\n".join(printed(asked.database, asked.file)) + "\n")


def _files(adapter: ModuleType) -> list[str]:
    return sorted(found.name for found in iter_modules(adapter.__path__))


if __name__ == "__main__":
    main()
