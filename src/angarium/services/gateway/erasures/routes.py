"""`POST /internal/v1/erasures`: the users service tells that a user was erased."""

from typing import Annotated

from fastapi import APIRouter, Depends

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import ErasureAnswer, ErasureRequest
from angarium.notifications.erasure import Erasure
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import service_only
from angarium.platform.telemetry.logging import Logger

PATH = "/internal/v1/erasures"


class ErasureRoutes:
    """Erases a user of the caller's tenant from the notifications."""

    def __init__(self, erasure: Erasure, logger: Logger) -> None:
        self._erasure = erasure
        self._logger = logger

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route(PATH, self.erase, methods=["POST"], response_model=Envelope[ErasureAnswer])
        return router

    async def erase(
        self, body: ErasureRequest, caller: Annotated[Caller, Depends(service_only)]
    ) -> Envelope[ErasureAnswer]:
        """Idempotent; `sending` are those that a worker may still write to: ask again later."""
        sending = await self._erasure.erase(caller.tenant, body.user_id)
        self._logger.info("user.erased", user_id=str(body.user_id), sending=sending)
        return one(ErasureAnswer(sending=sending))
