"""A service behind the gateway that answers whatever it is asked and remembers it."""

from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Asked:
    """One request as the service saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Upstream:
    """Answers with `status`, `headers` and `body`; `bodies` are those of some paths."""

    name: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: bytes = b'{"success":true}'
    asked: list[Asked] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)

    @property
    def app(self) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            raw = scope.get("raw_path") or scope["path"].encode()
            self.asked.append(
                Asked(
                    request.method,
                    raw.decode().partition("?")[0],
                    scope["query_string"].decode(),
                    dict(request.headers),
                    await request.body(),
                )
            )
            body = self.bodies.get(self.asked[-1].path, self.body)
            await Response(body, status_code=self.status, headers=self.headers)(scope, receive, send)

        return answer
