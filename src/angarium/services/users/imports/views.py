"""API views of imports."""

from datetime import datetime, timedelta

from angarium.contracts.users import ImportFault, ImportView
from angarium.services.users.imports.model import ImportJob

SILENCE = timedelta(minutes=2)
"""A running import without an update for this long has lost its process."""


def import_view(job: ImportJob, now: datetime) -> ImportView:
    """The progress and the report of an import."""
    lost = job.status == "running" and now - job.updated_at > SILENCE
    return ImportView(
        import_id=job.import_id,
        status="interrupted" if lost else job.status,
        total=job.total,
        processed=job.processed,
        created=job.created,
        updated=job.updated,
        failed=job.failed,
        errors=[ImportFault.model_validate(error) for error in job.errors],
        created_at=job.created_at,
        updated_at=job.updated_at,
    )
