"""API views of versions."""

from angarium.contracts.templates import VersionView
from angarium.services.templates.library.model import Version


def version_view(version: Version) -> VersionView:
    """An entry of the list of versions."""
    return VersionView(
        version=version.version, status=version.status, created_at=version.created_at, created_by=version.created_by
    )
