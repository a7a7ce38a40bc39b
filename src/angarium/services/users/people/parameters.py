"""Parameters that the routes of a user's resources share."""

from typing import Annotated

from fastapi import Depends, Header

from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires_or_own

Reader = Annotated[Caller, Depends(requires_or_own(Scope.USERS_READ))]
Writer = Annotated[Caller, Depends(requires_or_own(Scope.USERS_WRITE))]
"""With the scope; or the user themselves, logged in, at all below `/users/{user_id}`."""
IfMatch = Annotated[str | None, Header(description="The ETag that the user must still have, else 412")]
