"""Shared parameters of the routes of a user's resources."""

from typing import Annotated

from fastapi import Depends, Header

from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires_or_own

Reader = Annotated[Caller, Depends(requires_or_own(Scope.USERS_READ))]
Writer = Annotated[Caller, Depends(requires_or_own(Scope.USERS_WRITE))]
"""A caller with the scope, or the logged-in user themselves, for everything below `/users/{user_id}`."""
IfMatch = Annotated[str | None, Header(description="The ETag that the user must still have, else 412")]
