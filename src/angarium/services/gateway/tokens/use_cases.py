"""Signing users in: the users service judges the password, the gateway makes the token."""

from http import HTTPStatus

import msgspec

from angarium.contracts.errors import RateLimited, ServiceUnavailable, Unauthorized
from angarium.contracts.tokens import LoginRequest, PasswordChecked
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient

PATH = "/internal/v1/login"


class Logins:
    """Asks who a user is."""

    def __init__(self, users: ServiceClient) -> None:
        self._users = users

    async def user(self, request: LoginRequest) -> Caller:
        """The user, who may do nothing but what is their own.

        Raises Unauthorized, whatever was wrong; RateLimited after too many wrong passwords; Transient.
        """
        body = {"email": request.email, "password": request.password}
        answer = await self._users.post(PATH, tenant=request.tenant, json=body)
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
