"""Tenants share a deployment, and each sees only its own data."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body, Timestamp

TenantId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
TenantName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]


class TenantCreate(Body):
    """`POST /api/v1/tenants`; the name defaults to the id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": "acme", "name": "Acme"}]})

    tenant: TenantId
    name: TenantName | None = None


class TenantView(BaseModel):
    """`GET /api/v1/tenants`."""

    tenant: str
    name: str
    created_at: Timestamp


class TenantCreated(TenantView):
    """A new tenant with its first key, which has all scopes. No other response contains the key's secret."""

    key_id: UUID
    key: str = Field(repr=False)
