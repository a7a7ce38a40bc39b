"""`POST /internal/v1/login`: identifies a user for the gateway."""

from typing import Annotated

from fastapi import APIRouter, Depends

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.tokens import PasswordCheck, PasswordChecked
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import service_only
from angarium.services.users.login.use_cases import Logins

Service = Annotated[Caller, Depends(service_only)]


def routes(logins: Logins) -> APIRouter:
    """Routes of logins."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"], include_in_schema=False)

    @router.post("/login")
    async def log_in(caller: Service, body: PasswordCheck) -> Envelope[PasswordChecked]:
        """The user of the caller's tenant with this email and password."""
        return one(PasswordChecked(user_id=await logins.log_in(caller.tenant, body.email, body.password)))

    return router
