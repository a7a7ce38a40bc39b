"""`POST /internal/v1/erasures`: called by the users service until the erasure is complete."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.users import ErasureAnswer, ErasureRequest
from angarium.notifications.erasing import Erasing
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import service_only
from angarium.platform.telemetry.logging import Logger

PATH = "/internal/v1/erasures"


def routes(erasing: Erasing, logger: Logger) -> APIRouter:
    """Erase a user of the caller's tenant from the notifications."""
    router = APIRouter(include_in_schema=False)

    @router.post(PATH)
    async def erase(
        body: ErasureRequest, response: Response, caller: Annotated[Caller, Depends(service_only)]
    ) -> Envelope[ErasureAnswer]:
        """Idempotent. `sending` is the number of notifications that a worker may still write to: repeat the call later.

        202 while the erasure is running in the background; the call that finds it complete gets 200.
        """
        passed = await erasing.ask(caller.tenant, body.user_id)
        if not passed.done:
            response.status_code = HTTPStatus.ACCEPTED
            return one(ErasureAnswer(sending=passed.under_way, done=False, age=passed.age))
        logger.info("user.erased", user_id=str(body.user_id), sending=passed.under_way)
        return one(ErasureAnswer(sending=passed.under_way, age=passed.age))

    return router
