"""Counts the source files that process one ordinary email: `python -m benchmarks.files_of_one_email`.

The services and the email worker run as processes with private PostgreSQL, RabbitMQ and Redis. When all caches are
warm, several mails are sent in sequence. A file counts if one of its functions is called between the request and the
acknowledgement of every mail. Calls by background loops and by the process's main task do not count.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import asyncpg

from angarium.testing.smtp.sink import SmtpSink
from benchmarks import traced
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, running
from tests.support.wait import until

MAILS = 7
COUNTED = ("gateway", "email")
"""The processes that are counted. The users and templates services only answer lookups."""
LEGS = 2
"""The number of path components, below the package, that name a leg."""
SETTLES = 0.25  # seconds: longer than from the record of the result to the acknowledgement


class Traced(DistributedSystem):
    """The distributed form, with processes that record which files run."""

    parts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "gateway": ("serve", "gateway"),
        "users": ("serve", "users"),
        "templates": ("serve", "templates"),
        "email": ("work", "email"),
    }
    launcher = (sys.executable, "-P", traced.__file__)  # its folder also contains an angarium.py

    @property
    def trace(self) -> Path:
        """The folder for communication between the processes and this program."""
        return self.folder / "trace"


async def files_of_one_email(system: Traced) -> Mapping[str, frozenset[str]]:
    """The files by process."""
    database = await asyncpg.connect(system.databases["NOTIFICATIONS"])
    try:
        async with system.connected():
            user = await system.create_user()
            template = await system.create_template()
            fields = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
            await system.deliver(**fields)  # fills the caches
            windows = [await _one(system, database, number, fields) for number in range(MAILS)]
    finally:
        await database.close()
    return {process: frozenset.intersection(*(window[process] for window in windows)) for process in Traced.parts}


async def _one(
    system: Traced, database: "asyncpg.Connection", number: int, fields: Mapping[str, Any]
) -> Mapping[str, frozenset[str]]:
    """The files that ran in each process while one mail was sent."""
    folder = system.trace
    (folder / f"{number}.begin").touch()
    await until(lambda: all((folder / f"{number}.{process}.ready").exists() for process in Traced.parts), 30)
    made = await system.send(**fields)

    async def sent() -> bool:
        query = "SELECT status FROM notifications WHERE id = $1"
        return bool(await database.fetchval(query, made["notification_id"]) == "sent")

    await until(sent, 30, message="the mail is sent")
    await asyncio.sleep(SETTLES)
    (folder / f"{number}.end").touch()
    await until(lambda: all((folder / f"{number}.{process}").exists() for process in Traced.parts), 30)
    return {
        process: frozenset((folder / f"{number}.{process}").read_text(encoding="utf-8").split())
        for process in Traced.parts
    }


def legs(files: frozenset[str]) -> Mapping[str, int]:
    """The number of files in each package of the second level."""
    return Counter("/".join(Path(file).parent.parts[:LEGS]) or "." for file in files)


def report(found: Mapping[str, frozenset[str]]) -> str:
    """The files of each process by leg, and the total."""
    lines = []
    for process, files in found.items():
        lines.append(f"{process}: {len(files)} files")
        for leg, count in sorted(legs(files).items()):
            names = sorted(file for file in files if "/".join(Path(file).parent.parts[:LEGS]) == leg.strip("."))
            lines += [f"  {leg}: {count}", *(f"    {name}" for name in names)]
    counted = frozenset[str]().union(*(found[process] for process in COUNTED))
    both = frozenset.intersection(*(found[process] for process in COUNTED))
    everything = frozenset[str]().union(*found.values())
    lines.append(
        f"gateway and worker: {len(counted)} files, {len(both)} of them in both; of all services: {len(everything)}"
    )
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="angarium-trace-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL and RabbitMQ may run under other accounts
        sink = stack.enter_context(SmtpSink())
        postgresql = stack.enter_context(PostgreSQL(folder / "postgresql"))
        rabbitmq = stack.enter_context(RabbitMQ(folder / "rabbitmq"))
        redis = stack.enter_context(Redis(folder / "redis"))
        for server in (postgresql, rabbitmq, redis):
            server.start_now()
        system = Traced(folder / "system", sink=sink, postgresql=postgresql, rabbitmq=rabbitmq, redis=redis)
        system.trace.mkdir()
        with running(system):
            found = asyncio.run(files_of_one_email(system))
        print(report(found))


if __name__ == "__main__":
    main()
