"""Attachments of mails."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body
from angarium.contracts.header_text import header_line

MOST_BYTES = 10 * 1024 * 1024
"""Limit for all attachments of a notification, decoded."""
MOST_FILES = 30
MOST_CHARACTERS = MOST_BYTES * 4 // 3 + MOST_BYTES // 32
"""Limit for one attachment in base64, with line breaks."""
_TOKEN = r"[A-Za-z0-9!#$&^_.+'%*`{|}~-]{1,127}"  # noqa: S105 - a word of RFC 2045
_QUOTED = r'"[A-Za-z0-9 !#$&^_.+%*:/=?-]{1,127}"'
_PARAMETER = rf" ?; ?(?!(?:name|boundary)\b){_TOKEN}=(?:{_TOKEN}|{_QUOTED})"
_NAME = re.compile(rf" ?; ?name=(?:{_TOKEN}|{_QUOTED})", re.IGNORECASE)
"""Mail programs add it (RFC 2046 §4.5.1); `filename` is used instead."""
_MEDIA_TYPE = re.compile(rf"({_TOKEN})/{_TOKEN}(?:{_PARAMETER})*", re.IGNORECASE)
_COMPOSITE = frozenset({"multipart", "message"})
_CONTENT_ID = r"^[A-Za-z0-9._%+@-]{1,128}$"
_CHANGES_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_IN_ALL = f"must be at most {MOST_BYTES // 1024 // 1024} MB in all"


def _filename(value: str) -> str:
    header_line(value)
    if "/" in value or "\\" in value or not value.strip(" ."):
        message = "must be the name of a file, without a path"
        raise ValueError(message)
    if _CHANGES_DIRECTION.search(value):
        message = "must not change the direction of text"  # which would disguise the extension
        raise ValueError(message)
    return value


def _media_type(value: str) -> str:
    value = _NAME.sub("", value)
    found = _MEDIA_TYPE.fullmatch(value)
    if found is None:
        message = "must be a media type such as application/pdf (RFC 2045)"
        raise ValueError(message)
    if found[1].lower() in _COMPOSITE:
        message = "must not be multipart/… or message/…, which base64 cannot carry (RFC 2045 §6.4)"
        raise ValueError(message)
    return value


class Attachment(Body):
    """One file. With `content_id` it is inline, for use as `<img src="cid:CONTENT_ID">` (RFC 2392)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "filename": "invoice.pdf",
                    "content_type": "application/pdf",
                    "content": "JVBERi0xLjQK",
                    "content_id": None,
                }
            ]
        }
    )

    filename: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_filename)]
    content_type: Annotated[str, StringConstraints(min_length=3, max_length=255), AfterValidator(_media_type)]
    content: Annotated[str, Field(max_length=MOST_CHARACTERS, json_schema_extra={"contentEncoding": "base64"})]
    content_id: Annotated[str, StringConstraints(pattern=_CONTENT_ID)] | None = None


class AttachmentView(BaseModel):
    """An attachment in answers: its `size` in bytes, without its content."""

    filename: str
    content_type: str
    size: int
    content_id: str | None = None


def attachment_faults(attachments: Sequence[Attachment]) -> Iterator[tuple[str, str]]:
    """Field and message of errors that concern `attachments` as a whole, checked before decoding."""
    seen: set[str] = set()
    for index, attachment in enumerate(attachments):
        if attachment.content_id is not None and attachment.content_id in seen:
            yield f"attachments.{index}.content_id", "must be given once"
        seen.add(attachment.content_id or "")
    if too_large([_least_bytes(attachment.content) for attachment in attachments]) is not None:
        yield "attachments", _IN_ALL


def too_large(sizes: Sequence[int]) -> str | None:
    """Why files of these sizes in bytes exceed the limit together; None if they do not."""
    return _IN_ALL if sum(sizes) > MOST_BYTES else None


def _least_bytes(content: str) -> int:
    """Lower bound of the decoded size of `content`, assuming 3 % line breaks."""
    return int(len(content) * 0.97) * 3 // 4 - 3
