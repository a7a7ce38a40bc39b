"""What the routes share: who may, on which condition, through which use cases."""

from typing import Annotated

from fastapi import Depends, Header, Request, Response

from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires_or_own, service_only
from angarium.services.users.conditions import etag
from angarium.services.users.people.model import Person
from angarium.services.users.people.use_cases import People


def _people(request: Request) -> People:
    people: People = request.app.state.people
    return people


Reader = Annotated[Caller, Depends(requires_or_own(Scope.USERS_READ))]
Writer = Annotated[Caller, Depends(requires_or_own(Scope.USERS_WRITE))]
"""With the scope; or the user themselves, logged in, at all below `/users/{user_id}`."""
Service = Annotated[Caller, Depends(service_only)]
UseCases = Annotated[People, Depends(_people)]
IfMatch = Annotated[str | None, Header(description="The ETag that the user must still have, else 412")]


def tag(response: Response, person: Person) -> None:
    """Let the answer carry the person's entity tag."""
    response.headers["etag"] = etag(person)
