"""The answers of the sending API."""

from uuid import UUID

from pydantic import BaseModel

from angarium.contracts.envelope import ErrorDetail
from angarium.contracts.fields import Timestamp
from angarium.contracts.statuses import DeliveryStatus, Status


class NotificationAccepted(BaseModel):
    """The 202: the record is durable."""

    notification_id: UUID
    request_id: str
    status: Status
    delivery_status: DeliveryStatus
    status_url: str
    correlation_id: str
    created_at: Timestamp


class BulkRefusal(BaseModel):
    """Why an item of a bulk request was refused."""

    code: str
    details: list[ErrorDetail] = []


class BulkResult(BaseModel):
    """The result of an item of a bulk request: `notification_id` and `status`, or `error`."""

    index: int
    request_id: str | None = None
    notification_id: UUID | None = None
    status: Status | None = None
    error: BulkRefusal | None = None


class BulkAccepted(BaseModel):
    """The 202 of a bulk request: one result per item, in order."""

    accepted: int
    rejected: int
    results: list[BulkResult]
