"""A notification's push options: its lifetime, what it replaces, how it is displayed."""

import re
from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.addresses import URL_LENGTH
from angarium.contracts.fields import Body, StrictCount, field_error

LONGEST_TTL = 28 * 86400
"""Seconds: the maximum of FCM and OneSignal, and of browsers' push services."""
MOST_ACTIONS = 4
MOST_BYTES = 4096
"""Limit of `push` as JSON. Platforms have the same limit for the whole payload, so a long text can still exceed
theirs."""
LONGEST_COLLAPSE_KEY = 64
"""Characters: the limit of APNs for `apns-collapse-id`."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_TAKEN = re.compile(
    r"from|message_type|collapse_key|notification|notification_id|link|actions|image|aps|google.*|gcm.*"
)
"""Names reserved by FCM (`Message.data`), APNs or Angarium."""


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        message = "must be printable text"
        raise ValueError(message)
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_text)]


class PushAction(Body):
    """A button. `id` identifies it to the app; `link` is what it opens, if the platform supports it."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    title: Text
    link: Annotated[str, StringConstraints(min_length=1, max_length=URL_LENGTH), AfterValidator(_text)] | None = None


class PushFields(Body):
    """Push options, independent of the platform; docs/providers/push.md lists what each one supports.

    `ttl`: seconds that the platform stores it for an offline device. `collapse_key`: a later push with the same key
    replaces this one. At most 4 KB as JSON.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ttl": 3600,
                    "collapse_key": "order-42",
                    "priority": "high",
                    "badge": 1,
                    "sound": "default",
                    "actions": [{"id": "track", "title": "Track", "link": "https://example.com/orders/42"}],
                    "data": {"order": "42"},
                }
            ]
        }
    )

    ttl: Annotated[StrictCount, Field(ge=0, le=LONGEST_TTL)] | None = None
    collapse_key: Annotated[str, StringConstraints(pattern=rf"^[!-~]{{1,{LONGEST_COLLAPSE_KEY}}}$")] | None = None
    priority: Literal["normal", "high"] | None = None
    badge: Annotated[StrictCount, Field(ge=0, le=99_999)] | None = None
    sound: Text | None = None
    actions: Annotated[list[PushAction], Field(max_length=MOST_ACTIONS)] = Field(default_factory=list)
    data: dict[str, Annotated[str, Field(strict=True)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _free_names(self) -> "PushFields":
        for name in self.data:
            if not _NAME.fullmatch(name):
                raise field_error("data", "names have 1 to 100 letters, digits, dots, hyphens or underscores")
            if _TAKEN.fullmatch(name):
                raise field_error(f"data.{name}", "is a name that push services or Angarium use themselves")
        if len({action.id for action in self.actions}) < len(self.actions):
            raise field_error("actions", "each id must be given once")
        return self

    @model_validator(mode="after")
    def _small(self) -> "PushFields":
        try:
            size = len(msgspec.json.encode(self.model_dump(exclude_none=True)))
        except UnicodeEncodeError:
            raise field_error("data", "must not contain lone surrogates") from None
        if size > MOST_BYTES:
            raise field_error("data", f"all of push must be at most {MOST_BYTES} bytes of JSON")
        return self
