"""Messages of the built-in mailbox."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.fields import Body, Timestamp
from angarium.contracts.statuses import Channel


class CaughtMessage(Body):
    """`POST /internal/v1/mailbox/messages`: a message handed to the mailbox (service token only)."""

    channel: Channel
    to: str
    sender: str = ""
    subject: str | None = None
    title: str | None = None
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    notification_id: UUID | None = None
    attachments: list[AttachmentView] = Field(default_factory=list)
    push: dict[str, Any] | None = None
    image: str | None = None
    link: str | None = None


class MailboxMessage(BaseModel):
    """`GET /api/v1/mailbox/messages`."""

    id: UUID
    channel: Channel
    to: str
    from_: str = Field(serialization_alias="from")
    subject: str | None
    title: str | None
    text: str | None
    html: str | None
    headers: dict[str, str]
    notification_id: UUID | None
    attachments: list[AttachmentView] = Field(default_factory=list)
    push: dict[str, Any] | None = None
    image: str | None = None
    link: str | None = None
    segments: int | None = None
    encoding: str | None = None
    received_at: Timestamp
