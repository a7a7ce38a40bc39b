"""The audit log's description of a successful request."""

import re
from dataclasses import dataclass

import msgspec

_UNCHANGING = re.compile(r"GET|HEAD|OPTIONS")
_ACTIONS = tuple(
    (re.compile(pattern), action)
    for pattern, action in (
        (r"POST /users", "user.created"),
        (r"PUT /users/[^/]+", "user.replaced"),
        (r"PATCH /users/[^/]+", "user.changed"),
        (r"DELETE /users/[^/]+", "user.deleted"),
        (r"POST /users/import", "users.imported"),
        (r"(PUT|PATCH) /users/[^/]+/preferences", "preferences.changed"),
        (r"POST /users/[^/]+/devices", "device.registered"),
        (r"DELETE /users/[^/]+/devices/[^/]+", "device.removed"),
        (r"POST /templates", "template.created"),
        (r"DELETE /templates/[^/]+", "template.archived"),
        (r"POST /templates/[^/]+/versions", "template.version_added"),
        (r"POST /templates/[^/]+/versions/[^/]+/publish", "template.published"),
    )
)
_NO_CHANGE = re.compile(r"POST /templates/[^/]+/preview")
_OBJECT_CHARACTERS = 512


class _Made(msgspec.Struct):
    user_id: str | None = None
    code: str | None = None


class _Answer(msgspec.Struct):
    data: _Made | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """`action` is an event such as `user.deleted`, `subject` the changed resource."""

    action: str
    subject: str


def change_of(method: str, path: str, answer: bytes) -> Change | None:
    """The change made by a request to `path` (`/users/…`, `/templates/…`) with the successful answer `answer`."""
    path = path.rstrip("/")
    request = f"{method} {path}"
    if _UNCHANGING.fullmatch(method) or _NO_CHANGE.fullmatch(request):
        return None
    collection, _, rest = path.removeprefix("/").partition("/")
    action = next((word for pattern, word in _ACTIONS if pattern.fullmatch(request)), f"{collection}.{method.lower()}")
    return Change(action, (rest or _made(answer) or collection)[:_OBJECT_CHARACTERS])


def _made(answer: bytes) -> str | None:
    """The id of the created resource."""
    try:
        made = msgspec.json.decode(answer, type=_Answer).data
    except msgspec.MsgspecError:
        return None
    return None if made is None else made.user_id or made.code
