"""A template and its versions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from angarium.contracts.templates import VersionStatus
from angarium.services.templates.drafting.model import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version. Immutable except for its status."""

    version: int
    status: VersionStatus
    source: Source
    created_at: datetime
    created_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A code and its published version."""

    template_id: UUID
    tenant: str
    code: str
    published_version: int
    latest_version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
