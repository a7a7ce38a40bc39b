"""`/templates/{code}/preview`."""

from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.templates import PreviewRequest
from angarium.services.templates.library.parameters import Reader
from angarium.services.templates.previews.use_cases import Preview, Previews


def routes(previews: Previews) -> APIRouter:
    """Routes that render a version without sending it."""
    router = APIRouter(prefix="/templates/{code}", tags=["templates"])

    @router.post("/preview")
    async def preview_template(caller: Reader, code: str, body: PreviewRequest) -> Envelope[Preview]:
        """Render the template with `variables`, without sending it."""
        return one(await previews.preview(caller.tenant, code, body))

    return router
