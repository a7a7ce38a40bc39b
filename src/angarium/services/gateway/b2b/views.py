"""Answer bodies of the B2B API."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.fields import Timestamp
from angarium.contracts.notifications import NotificationView
from angarium.services.gateway.b2b.bodies import Word, word_of

PATH = "/api/notifications"
DataT = TypeVar("DataT")


class B2bEnvelope(Envelope[DataT], Generic[DataT]):
    """An answer about one mail, with its id and status URL repeated at the top level."""

    notification_id: Annotated[UUID, Field(serialization_alias="notificationId")]
    status_url: Annotated[str, Field(serialization_alias="statusUrl")]


def about(notification_id: UUID, data: DataT, message: str = "OK") -> B2bEnvelope[DataT]:
    """The envelope of `data` about one mail."""
    plain = one(data, message)
    return B2bEnvelope(
        message=plain.message,
        data=data,
        meta=plain.meta,
        notification_id=notification_id,
        status_url=status_url(notification_id),
    )


def status_url(notification_id: UUID) -> str:
    """The URL of a mail, relative to the gateway."""
    return f"{PATH}/{notification_id}"


class Queued(BaseModel):
    """The 202."""

    notification_id: UUID
    status: Word
    status_url: str


class EmailView(BaseModel):
    """`GET /api/notifications/{id}`. `subject` if it was in the request.

    Also contains the camelCase names of other systems; `retryCount` is the number of attempts after the first.
    """

    notification_id: UUID
    user_id: str | None
    email: str | None
    subject: str | None
    status: Word
    attempts: int
    error: str | None
    created_at: Timestamp
    updated_at: Timestamp
    sent_at: Timestamp | None
    user_id_twin: Annotated[str | None, Field(serialization_alias="userId")]
    error_twin: Annotated[str | None, Field(serialization_alias="errorMessage")]
    retry_count: Annotated[int, Field(serialization_alias="retryCount")]
    created_at_twin: Annotated[Timestamp, Field(serialization_alias="createdAt")]
    updated_at_twin: Annotated[Timestamp, Field(serialization_alias="updatedAt")]
    sent_at_twin: Annotated[Timestamp | None, Field(serialization_alias="sentAt")]


class UserStats(BaseModel):
    """`GET /api/notifications/user/{user_id}/stats`. `pending`: those that are `queued`, `sending` or `retrying`."""

    user_id: str
    total: int
    pending: int
    queued: int
    sending: int
    retrying: int
    sent: int
    failed: int
    last_sent_at: Timestamp | None


class QueueLine(BaseModel):
    """One queue."""

    name: str
    messages: int
    consumers: int


class QueueStats(BaseModel):
    """`GET /api/notifications/queue/stats`."""

    queues: list[QueueLine]
    outbox_pending: int
    dead_letters: int


def email_view(view: NotificationView) -> EmailView:
    """A notification in the form of this API."""
    subject = view.variables.get("subject")
    error = None if view.reason is None else view.reason.message or view.reason.code
    return EmailView(
        notification_id=view.notification_id,
        user_id=view.user_id,
        email=(view.recipient or {}).get("email"),
        subject=subject if isinstance(subject, str) else None,
        status=word_of(view.status),
        attempts=view.attempts,
        error=error,
        created_at=view.created_at,
        updated_at=view.updated_at,
        sent_at=view.sent_at,
        user_id_twin=view.user_id,
        error_twin=error,
        retry_count=max(0, view.attempts - 1),
        created_at_twin=view.created_at,
        updated_at_twin=view.updated_at,
        sent_at_twin=view.sent_at,
    )
