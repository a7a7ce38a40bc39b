"""A streaming standby of a private PostgreSQL."""

import shutil
from pathlib import Path

from tests.support.servers.binaries import find
from tests.support.servers.postgresql import PostgreSQL
from tests.support.servers.process import Process


class Standby(PostgreSQL):
    """Replicates `primary` with a short delay. It is read-only until it is promoted."""

    def __init__(self, folder: Path, primary: PostgreSQL) -> None:
        self._primary = primary
        self._basebackup = find("pg_basebackup", "postgresql-client", ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"))
        super().__init__(folder)

    async def promote(self) -> None:
        """Promote it to primary. Return once it accepts writes."""
        assert await self.sql("SELECT pg_promote(true, 30)") == "t"

    async def catch_up(self) -> None:
        """Return once it has replayed everything that the primary has written so far."""
        position = await self._primary.sql("SELECT pg_current_wal_lsn()")
        await self.sql(
            f"DO $$ BEGIN WHILE pg_last_wal_replay_lsn() < '{position}'::pg_lsn LOOP PERFORM pg_sleep(0.01); "
            "END LOOP; END $$"
        )

    def _prepare(self) -> None:
        if self._account:
            shutil.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        command = [self._basebackup, "-D", "data", "-d", self._primary.url, "-R", "-X", "stream", "--no-sync"]
        command += ["--checkpoint=fast"]
        Process(command, environment=self._environment(), log=self.log, account=self._account).wait()
