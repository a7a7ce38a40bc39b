"""Login of users: the users service verifies the password, the gateway issues the token."""

from http import HTTPStatus

import msgspec

from angarium.contracts.errors import RateLimited, ServiceUnavailable, Unauthorized
from angarium.contracts.tokens import LoginRequest, PasswordChecked
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient

PATH = "/internal/v1/login"
CHECKING_SECONDS = 10.0
"""A check waits up to a second for a slot and hashes for 0.2 s of a core, several times that on a busy machine."""


class Logins:
    """Identifies users by password."""

    def __init__(self, users: ServiceClient) -> None:
        self._users = users

    async def user(self, request: LoginRequest) -> Caller:
        """Return the user as a caller, who may access only their own data.

        Raises Unauthorized, without the cause; RateLimited after too many wrong passwords; Transient.
        """
        body = {"email": request.email, "password": request.password}
        answer = await self._users.post(PATH, tenant=request.tenant, json=body, seconds=CHECKING_SECONDS)
        match answer.status_code:
            case HTTPStatus.OK:
                checked = PasswordChecked.model_validate(msgspec.json.decode(answer.content)["data"])
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.BAD_REQUEST:
                message = "Wrong email or password"
                raise Unauthorized(message)
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited(retry_after=int(answer.headers.get("retry-after", "60")))
            case _:
                raise ServiceUnavailable
        return Caller(request.tenant, str(checked.user_id), frozenset(), user_id=checked.user_id, kind="user")
