"""`/users`."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.users import UserCreate, UserPatch, UserPut, UserView
from angarium.platform.http.frame.conditional import tag
from angarium.platform.http.frame.dependencies import Page
from angarium.platform.http.frame.openapi import conflict
from angarium.services.users.people.parameters import IfMatch, Reader, Writer
from angarium.services.users.people.store import Filter
from angarium.services.users.people.use_cases import People
from angarium.services.users.people.views import user_view

_TAKEN = "The email belongs to another user"
Part = Annotated[str | None, Query(min_length=1, max_length=320, pattern=r"^[^\x00]*$")]


def routes(people: People) -> APIRouter:
    """Routes to create, replace, update, delete, list and read users."""
    router = APIRouter(prefix="/users", tags=["users"])
    _create(router, people)
    _change(router, people)
    _read(router, people)
    return router


def _read(router: APIRouter, people: People) -> None:
    @router.get("")
    async def list_users(
        caller: Reader, page: Page, email: Part = None, search: Part = None
    ) -> Envelope[list[UserView]]:
        """List users, newest first. `email` matches one address; `search` a part of the name, email or phone."""
        found = await people.find(caller.tenant, Filter(email=email, search=search), page)
        views = [user_view(person) for person in found.people]
        return many(views, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    @router.get("/{user_id}")
    async def get_user(caller: Reader, user_id: UUID, response: Response) -> Envelope[UserView]:
        """One user."""
        person = await people.get(caller.tenant, user_id)
        tag(response, person.version)
        return one(user_view(person))


def _create(router: APIRouter, people: People) -> None:
    @router.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses={
            200: {"description": "The user exists: the same body made it before", "model": Envelope[UserView]},
            **conflict(_TAKEN),
        },
    )
    async def create_user(caller: Writer, body: UserCreate, response: Response) -> Envelope[UserView]:
        """Create a user. Repeating the same body returns the same user with 200.

        409 `conflict` if the email belongs to a user with other values. 503 `service_unavailable`, without any change,
        if too many passwords are being hashed.
        """
        person, new = await people.create(caller.tenant, body)
        tag(response, person.version)
        response.status_code = HTTPStatus.CREATED if new else HTTPStatus.OK
        return one(user_view(person), "User created" if new else "User exists")


def _change(router: APIRouter, people: People) -> None:
    @router.put("/{user_id}", responses=conflict(_TAKEN))
    async def replace_user(
        caller: Writer, user_id: UUID, body: UserPut, response: Response, if_match: IfMatch = None
    ) -> Envelope[UserView]:
        """Set the given fields. Omitted fields do not change; the body of a GET can be sent back.

        A logged-in user may change only their name, locale, timezone, push token and preferences; otherwise 403.
        """
        person = await people.amend(caller.tenant, user_id, body, if_match, by_user=caller.user_id is not None)
        tag(response, person.version)
        return one(user_view(person), "User updated")

    @router.patch("/{user_id}", responses=conflict(_TAKEN))
    async def amend_user(
        caller: Writer, user_id: UUID, body: UserPatch, response: Response, if_match: IfMatch = None
    ) -> Envelope[UserView]:
        """Set the given fields. null removes an address, the locale or the timezone."""
        person = await people.amend(caller.tenant, user_id, body, if_match, by_user=caller.user_id is not None)
        tag(response, person.version)
        return one(user_view(person), "User updated")

    @router.delete("/{user_id}")
    async def delete_user(caller: Writer, user_id: UUID, if_match: IfMatch = None) -> Envelope[dict[str, UUID]]:
        """Erase the user with devices and preferences."""
        await people.remove(caller.tenant, user_id, if_match)
        return one({"user_id": user_id}, "User deleted")
