"""`POST /internal/v1/login`: the gateway asks who a user is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.tokens import PasswordCheck, PasswordChecked
from angarium.services.users.login.use_cases import Logins
from angarium.services.users.people.parameters import Service


def _logins(request: Request) -> Logins:
    logins: Logins = request.app.state.logins
    return logins


def login_router() -> APIRouter:
    """Email and password."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False)

    @router.post("/login")
    async def log_in(
        caller: Service, logins: Annotated[Logins, Depends(_logins)], body: PasswordCheck
    ) -> Envelope[PasswordChecked]:
        """The user of the caller's tenant with this email and password."""
        return one(PasswordChecked(user_id=await logins.log_in(caller.tenant, body.email, body.password)))

    return router
