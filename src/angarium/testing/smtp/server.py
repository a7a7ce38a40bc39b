"""A scripted SMTP server on the loopback interface, which records every mail."""

import asyncio
from types import TracebackType
from typing import Self

from angarium.testing.smtp.script import Script
from angarium.testing.smtp.session import Session


class SmtpServer(Script):
    """Use as `async with SmtpServer(…) as server`; then `server.port`, on 127.0.0.1.

    Its behaviour is set by the fields of `Script`, which can be passed as keyword arguments and changed at any time.
    """

    _server: asyncio.Server | None = None

    def hang_up(self, word: bytes = b"") -> None:
        """Close every open session, with an optional final line."""
        for session in self._sessions():
            session.close(word)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self), "127.0.0.1", self.port, ssl=self.implicit, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        sessions = self._sessions()
        for session in sessions:
            session.transport.abort()
        await asyncio.gather(*(session.gone for session in sessions))
        if self._server is not None:
            await self._server.wait_closed()

    def _sessions(self) -> list[Session]:
        return [session for session in self.living if isinstance(session, Session)]
