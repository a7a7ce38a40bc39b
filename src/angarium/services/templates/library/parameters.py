"""What the routes share: who may, on which condition, through which use cases."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request, Response

from angarium.contracts.fields import HIGHEST_VERSION, Category, Locale
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires, service_only
from angarium.services.templates.conditions import etag
from angarium.services.templates.library.model import Template
from angarium.services.templates.library.use_cases import Library


def _library(request: Request) -> Library:
    library: Library = request.app.state.library
    return library


Reader = Annotated[Caller, Depends(requires(Scope.TEMPLATES_READ))]
Writer = Annotated[Caller, Depends(requires(Scope.TEMPLATES_WRITE))]
Service = Annotated[Caller, Depends(service_only)]
UseCases = Annotated[Library, Depends(_library)]
IfMatch = Annotated[str | None, Header(description="The ETag that the template must still have, else 412")]
Number = Annotated[int, Path(ge=1, le=HIGHEST_VERSION)]
NumberQuery = Annotated[int, Query(ge=1, le=HIGHEST_VERSION)]
ChannelQuery = Annotated[Channel | None, Query(description="Templates of this channel")]
CategoryQuery = Annotated[Category | None, Query(description="Templates of this preference category")]
Part = Annotated[str | None, Query(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
LocaleQuery = Annotated[Locale | None, Query()]


def tag(response: Response, template: Template) -> None:
    """Let the answer carry the template's entity tag."""
    response.headers["etag"] = etag(template)
