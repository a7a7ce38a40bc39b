"""The audit log: who changed what, when and from where."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body, InstantField, Timestamp

Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
REPORT_LIMIT = 500


class AuditView(BaseModel):
    """`GET /api/v1/audit`. `action` is an event (`key.created`), `object` the changed resource, `from` an address."""

    model_config = ConfigDict(populate_by_name=True)

    at: Timestamp
    actor: str
    action: str
    object: str
    from_: str | None = Field(alias="from")
    correlation_id: str | None


class AuditReport(Body):
    """A change made by another service for one of its own clients. Idempotent by `id`."""

    id: UUID
    at: InstantField
    tenant: Text
    actor: Text
    action: Text
    object: Text
    address: Text | None = None
    correlation_id: Text | None = None


class AuditReports(Body):
    """`POST /internal/v1/audit` (service token only)."""

    reports: Annotated[list[AuditReport], Field(min_length=1, max_length=REPORT_LIMIT)]
