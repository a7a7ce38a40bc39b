"""Shared parameters of the routes of a template's resources."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query

from angarium.contracts.fields import HIGHEST_VERSION, Category, Locale
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires, service_only

Reader = Annotated[Caller, Depends(requires(Scope.TEMPLATES_READ))]
Writer = Annotated[Caller, Depends(requires(Scope.TEMPLATES_WRITE))]
Service = Annotated[Caller, Depends(service_only)]
IfMatch = Annotated[str | None, Header(description="The ETag that the template must still have, else 412")]
Number = Annotated[int, Path(ge=1, le=HIGHEST_VERSION)]
NumberQuery = Annotated[int, Query(ge=1, le=HIGHEST_VERSION)]
ChannelQuery = Annotated[Channel | None, Query(description="Templates of this channel")]
CategoryQuery = Annotated[Category | None, Query(description="Templates of this preference category")]
Part = Annotated[str | None, Query(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
LocaleQuery = Annotated[Locale | None, Query()]
